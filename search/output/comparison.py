"""Studies beside each other and the reports, and trials beside each other on the same test images."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

from search.analysis.paired import SIGNIFICANCE, Paired, Pairing
from search.output.tables import Cell, Count, Margin, Points, Sheet, TableFormat, as_json, sheets
from search.output.told import result_data, summary_data, what
from search.problem.objectives import words
from search.system import next_commands
from search.system.formats import literal

if TYPE_CHECKING:
    from search.store.reproductions import Reproduction
    from search.store.results import Result, Summary

AGAINST = {"report", "points", "±"}
REPRODUCED = ("row", "what", "trial", "epochs", "report", "ours", "points")
ERRORS = (
    "points: ours minus the report's, in points of a hundred; ± is its standard error, had both been judged on images "
    "of their own: at most this. The reports trained on all training images and give their last epoch; ours trained on "
    "nine tenths, and is the epoch that was best on the other tenth. What had less than half of a report's epochs, or "
    "not all images, does not stand beside it."
)
CHANCE = (
    "±: standard error of the difference on these images. What another seed would have made of the same configuration "
    "is not in it."
)


def studies(
    summaries: "Sequence[Summary]", choices: Sequence[Sheet], rows: "Sequence[Reproduction]", output: TableFormat
) -> None:
    """Print each study's best, beside the report's best where both can be compared, Pareto sets, and reports' rows."""
    if output == "json":
        as_json({"studies": list(map(summary_data, summaries)), "rows": list(map(_reproduction_data, rows))})
        return
    boards = [spreadsheet(summaries)] if output == "csv" else leaderboards(summaries)
    sheets([*boards, *choices, *against_reports(rows)], notes(summaries, rows), output)


def choice(summary: "Summary", members: "Sequence[Result]") -> Sheet:
    """Return the Pareto set of a study, a row a trial: the first is best by the goal, the last costs least."""
    rows = [
        (
            member.number,
            member.value,
            *(member.metrics.get(cost.metric) for cost in summary.costs),
            member.metrics.get("test_accuracy"),
            what(member),
        )
        for member in members
    ]
    metrics = (goal.metric for goal in summary.goals)
    return Sheet(f"{summary.title}, Pareto set of {words(summary.goals)}", ("trial", *metrics, "test", "what"), rows)


def best(summary: "Summary", members: "Sequence[Result]", output: Literal["text", "json"]) -> None:
    """Print the trials of a study between which one has to choose."""
    if output == "json":
        as_json(summary_data(summary) | {"pareto": list(map(result_data, members))})
        return
    sheets(
        [choice(summary, members)],
        [f"Each is the best that costs no more; see one with `{next_commands.command('show', members[0].name)}`."],
        output,
    )


def notes(summaries: "Sequence[Summary]", rows: "Sequence[Reproduction]") -> list[str]:
    """Say what has to be known of the figures beside the reports'; nothing where there are none."""
    found = [(summary.title, summary.against) for summary in summaries if summary.against]
    # A report that judges by something else has its figure in the same column.
    others = [
        f"{title}: the report's figure and the points are of {against.metric}, of which ours is {against.ours:.4f}."
        for title, against in found
        if against.metric != "test_accuracy"
    ]
    return [ERRORS, *others] if found or rows else []


def by_images(summaries: "Sequence[Summary]") -> "list[list[Summary]]":
    """Return studies of the same images together, the one that validation found best first: no others can be ranked."""
    groups: dict[str, list[Summary]] = {}
    for summary in summaries:
        groups.setdefault(summary.digest, []).append(summary)
    return [sorted(group, key=lambda found: -found.steered) for group in groups.values()]


def leaderboards(summaries: "Sequence[Summary]", *, wide: bool = False) -> list[Sheet]:
    """Return a sheet for each set of images, with a row a study, the one that validation found best first.

    Where there is room, with pruned trials and epochs. Without columns for the reports where they have no figure.
    """
    groups = by_images(summaries)
    names = Counter(group[0].images for group in groups)
    return [
        _board(group, f"{group[0].images}, digest {group[0].digest[:12]}" if names[group[0].images] > 1 else "", wide)
        for group in groups
    ]


def _board(group: "Sequence[Summary]", title: str, wide: bool) -> Sheet:
    reported = any(summary.against for summary in group)
    hidden = {"data", "digest"} | (set() if reported else AGAINST) | (set() if wide else {"pruned"})
    if reported and not wide:
        hidden |= {"epochs"}
    if all(summary.test_margin is None for summary in group):
        hidden |= {"± test"}
    rows = [{name: value for name, value in _standing(one).items() if name not in hidden} for one in group]
    return Sheet(title or group[0].images, tuple(rows[0]), [tuple(row.values()) for row in rows])


def spreadsheet(summaries: "Sequence[Summary]") -> Sheet:
    """Return the same in one table, as programs want it: every row says of which images it is."""
    rows = [_standing(summary) for group in by_images(summaries) for summary in group]
    return Sheet("", tuple(rows[0]) if rows else (), [tuple(row.values()) for row in rows])


def against_reports(rows: "Sequence[Reproduction]") -> list[Sheet]:
    """Return a sheet for each report, metric and study: every row beside ours."""
    return [
        Sheet(f"{study} against {title}, {metric}", REPRODUCED, [_reproduced(row) for row in group])
        for (study, title, metric), group in groupby(rows, key=lambda row: (row.study, *row.judged_by))
    ]


def _standing(summary: "Summary") -> dict[str, Cell]:
    best, against = summary.best, summary.against
    parameters = _of_best(summary, "parameters")
    return {
        "study": summary.title,
        "data": summary.images,
        "digest": summary.digest,
        "epochs": summary.settings.get("epochs"),
        "trials": summary.standing.finished,
        "pruned": summary.standing.pruned,
        "best": best.number if best else None,
        "val.": best.value if best else None,
        "test": _of_best(summary, "test_accuracy"),
        "± test": summary.test_margin,
        "report": against.reported if against else None,
        "points": Points(against.difference) if against else None,
        "±": Margin(against.standard_error) if against and against.standard_error else None,
        "params": None if parameters is None else Count(parameters),
        "s/epoch": best.epoch_seconds if best else None,
    }


def _of_best(summary: "Summary", metric: str) -> float | None:
    return summary.best.metrics.get(metric) if summary.best else None


def _reproduced(row: "Reproduction") -> tuple[Cell, ...]:
    return (
        row.baseline.row,
        row.baseline.label,
        row.trial.number,
        f"{row.trial.epochs}/{row.baseline.epochs}",
        row.baseline.headline[1],
        row.ours,
        None if row.difference is None else Points(row.difference),
    )


def _reproduction_data(row: "Reproduction") -> dict[str, Any]:
    metric, reported = row.baseline.headline
    return {
        "row": row.baseline.name,
        "label": row.baseline.label,
        "trial": row.trial.name,
        "metric": metric,
        "reported": reported,
        "ours": row.ours,
        "difference": row.difference,
        "epochs": row.trial.epochs,
        "epochs_reported": row.baseline.epochs,
    }


def trials(results: "Sequence[Result]", pairings: Sequence[Pairing], output: TableFormat) -> None:
    """Print trials beside each other, then what each gains and loses against the first, on the same test images."""
    if output == "json":
        found = [_pairing_data(pairing) for pairing in pairings]
        as_json({"trials": list(map(result_data, results)), "pairings": found})
        return
    names = list(dict.fromkeys(name for result in results for name in (*result.metrics, *result.parameters)))
    beside = Sheet(
        "",
        ("", *(result.name for result in results)),
        [(name, *(_known(result, name) for result in results)) for name in names],
    )
    said = [pairing.sentences() for pairing in pairings]
    # They name classes, which are a person's own words.
    notes = [*(map(literal, said) if output == "markdown" else said), CHANCE]
    sheets([beside, *map(_by_class, pairings)], notes, output)


def _known(result: "Result", name: str) -> Cell:
    value = result.metrics.get(name, result.parameters.get(name))
    return value if value is None or isinstance(value, str | float) else str(value)


def _by_class(pairing: Pairing) -> Sheet:
    rows = [*pairing.classes.items(), ("all", pairing.overall)]
    columns = ("class", "images", pairing.first, pairing.second, "points", "±", "clear")
    clear = pairing.clear
    return Sheet(
        f"share of test images of each class that were told right: {pairing.first}, {pairing.second}",
        columns,
        [
            (
                name,
                pair.images,
                (pair.both + pair.first_only) / pair.images,
                (pair.both + pair.second_only) / pair.images,
                Points(pair.difference),
                Margin(pair.standard_error),
                "yes" if name in clear or (name == "all" and pair.p_value < SIGNIFICANCE) else "",
            )
            for name, pair in rows
        ],
    )


def _pairing_data(pairing: Pairing) -> dict[str, Any]:
    return {
        "first": pairing.first,
        "second": pairing.second,
        "overall": _pair_data(pairing.overall),
        "classes": {name: _pair_data(pair) for name, pair in pairing.classes.items()},
        "sentence": pairing.sentences(),
    }


def _pair_data(pair: Paired) -> dict[str, Any]:
    names = ("images", "difference", "standard_error", "p_value")
    return asdict(pair) | {name: getattr(pair, name) for name in names}
