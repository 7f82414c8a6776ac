"""The registered models, as a table for people and for programs."""

from datetime import UTC, datetime

from search.output.tables import Sheet, TableFormat, as_json, say, sheets
from search.problem.settings import Place
from search.registry import registered
from search.store.attributes import ACCURACY_TAG, DIGEST_TAG, FINALIST_TAG, FORCED_TAG, MARGIN_TAG
from search.system import next_commands
from tracking import Version


def printed(place: Place, output: TableFormat) -> None:
    """Print every version of every registered model, the newest of each first."""
    found = sorted(registered.everything(place), key=lambda one: (one.name, -one.number))
    if output == "json":
        as_json([_data(version) for version in found])
        return
    if not found and output == "text":
        say(f"no registered models yet; `{next_commands.command('confirm', 'STUDY')}` registers the winner of a study")
        return
    columns = ("model", "champion", "test", "±", "what", "images", "registered")
    notes = (
        []
        if output == "csv" or not found
        else [f"`{next_commands.command('predict', found[0].name, 'IMAGE')}` uses a champion."]
    )
    sheets([Sheet("", columns, [_row(version) for version in found])], notes, output)


def _row(version: Version) -> tuple[str | float | None, ...]:
    tags = version.tags
    return (
        f"{version.name}/{version.number}",
        ("forced" if FORCED_TAG in tags else "yes") if version.is_champion else "",
        _number(tags.get(ACCURACY_TAG)),
        _number(tags.get(MARGIN_TAG)),
        tags.get(FINALIST_TAG, ""),
        tags.get(DIGEST_TAG, "")[:12],
        _when(version).strftime("%Y-%m-%d"),
    )


def _data(version: Version) -> dict[str, object]:
    return {
        "name": version.name,
        "version": version.number,
        "address": version.address,
        "champion": version.is_champion,
        "test_accuracy": _number(version.tags.get(ACCURACY_TAG)),
        "margin": _number(version.tags.get(MARGIN_TAG)),
        "run": version.run,
        "registered": _when(version).isoformat(),
        "description": version.description,
        "tags": dict(version.tags),
    }


def _when(version: Version) -> datetime:
    return datetime.fromtimestamp(version.created / 1000, UTC)


def _number(text: str | None) -> float | None:
    """Return the number in a tag, which anybody may have changed."""
    try:
        return float(text or "")
    except ValueError:
        return None
