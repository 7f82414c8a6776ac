"""A home that another version of MLflow or Optuna has made, brought to the tables that are wanted here.

Neither library does so safely: what is killed half-way is lost. So both databases are copied, a copy is brought to what
is wanted, looked into, and takes the place of what was there all at once. A kill at any moment leaves the one or the
other, and the same command goes on.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from shlex import quote

from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

import tracking
from search.doctor import stores
from search.doctor.command import visit
from search.output.progress import say
from search.problem.settings import STUDY_NAME, Place
from search.store import storage
from search.system import addresses, disk, failpoints, library_output, locks
from search.system.errors import SearchError, UsageError
from search.system.redaction import redacted
from tracking import TrackingError, databases
from tracking.schemas import Schema

# So many times the size of a database are needed to copy it, to rebuild its tables in the copy, and to put that back.
ROOM = 5
# Beside the copies of the databases as they were; what a killed upgrade has left begins with the same.
FRESH = "fresh-"
GOING_BACK = "going-back.txt"


def upgrade(place: Place, *, dry_run: bool) -> int:
    """Bring both databases to what is wanted here. Raises `UsageError`."""
    addresses.require_two(place.storage, place.tracking_uri)
    library_output.libraries()
    console = Console(stderr=True)
    found = _schemas(place)
    for server in _servers(place):
        say(console, server)
    due = [schema for schema in found if not schema.current]
    if not due:
        if not dry_run:
            _sweep(place)
        say(console, f"nothing to do: {'; '.join(map(_described, found)) or 'there is no database'}")
        return 0
    _require_older(due)
    needed = _needed(place, due)
    disk.require(place.home, needed)
    for schema in due:
        say(console, f"{schema.file}: from schema {schema.found} to {_wanted(schema)}")
    if dry_run:
        say(console, f"it would take up to {needed:,.0f} MB while it lasts; nothing was changed")
        return 0
    disk.require_writable(place.home)
    with _whole(place.home), _nobody_searching(place):
        _bring(console, place, due)
    _look(console, place)
    return 0


def _look(console: Console, place: Place) -> None:
    """Have the doctor look: what it finds was there before, and is told."""
    if storage.exists(place.storage):
        try:
            visit(None, place, fix=False, abandon=False, output="text")
        except UsageError as error:
            say(console, f"the doctor cannot look at it: {error}")


@contextmanager
def _whole(home: Path) -> Iterator[None]:
    """Raise what the libraries, the databases and the disk refuse as `SearchError`."""
    try:
        yield
    except (SearchError, TrackingError, SQLAlchemyError, sqlite3.Error, OSError) as error:
        reason = disk.refusal(error, home) or str(error).splitlines()[0]
        raise SearchError(f"{home} is not upgraded, and nothing in it is lost: {reason}") from error


def _schemas(place: Place) -> list[Schema]:
    return [schema for schema in (storage.schema(place.storage), tracking.schema(place.tracking_uri)) if schema]


def _servers(place: Place) -> Iterator[str]:
    """Say what the owners of servers do, which nobody else can."""
    if not place.storage.startswith("sqlite"):
        yield (
            f"{redacted(place.storage)} is upgraded by its owner, after a copy: "
            "`optuna storage upgrade --storage ADDRESS`"
        )
    if place.tracking_uri.startswith(("http:", "https:")):
        yield (
            f"{redacted(place.tracking_uri)} is upgraded by its owner, after a copy: `mlflow db upgrade "
            "ADDRESS`, with the address of its database"
        )


def _described(schema: Schema) -> str:
    return f"{schema.file} has schema {_wanted(schema)}"


def _wanted(schema: Schema) -> str:
    return f"{schema.wanted} ({schema.library} {schema.version})"


def _require_older(due: Sequence[Schema]) -> None:
    for schema in due:
        if not schema.older:
            raise UsageError(schema.refusal)


def _needed(place: Place, due: Sequence[Schema]) -> float:
    """Return the megabytes that it takes while it lasts."""
    kept = sum(map(_size, stores.files(place).values()))
    return (kept + ROOM * sum(_size(schema.file) for schema in due)) / 1e6


def _size(file: Path) -> int:
    ahead = file.with_name(f"{file.name}-wal")
    return file.stat().st_size + (ahead.stat().st_size if ahead.exists() else 0)


@contextmanager
def _nobody_searching(place: Place) -> Iterator[None]:
    """Keep every search away, including one that an older installation begins. Raises `UsageError`."""
    begun = (
        databases.column(file, "SELECT study_name FROM studies", stores.PATIENCE)
        if (file := stores.files(place).get("optuna.db"))
        else []
    )
    locked = {file.stem for file in (place.home / "locks").glob("*.lock")}
    with ExitStack() as held:
        for name in sorted(locked.union(begun)):
            if STUDY_NAME.fullmatch(name):
                held.enter_context(locks.alone(place.home, name))
        yield


def _bring(console: Console, place: Place, due: Sequence[Schema]) -> None:
    _sweep(place)
    with ExitStack() as opened:
        opened.callback(_sweep, place)
        # Before anything is copied: whatever is written from now on would be lost.
        watches = [opened.enter_context(closing(sqlite3.connect(schema.file))) for schema in due]
        versions = [_version(watch) for watch in watches]
        copies = stores.back_up(place)
        back = _way_back(place, due, copies)
        (copies / GOING_BACK).write_text(f"{back}\n", encoding="utf-8")
        for schema, watch, version in zip(due, watches, versions, strict=True):
            copy = copies / _name(place, schema)
            with console.status(f"upgrading {schema.file}"):
                fresh = _brought(schema, copy)
                if _version(watch) != version:
                    raise SearchError(f"somebody has written to {schema.file} meanwhile; end all that uses it")
                databases.fill(schema.file, fresh, stores.PATIENCE, lambda: failpoints.point("upgrade_filling"))
            failpoints.point("upgrade_filled")
            say(console, f"{schema.file}: has schema {_wanted(schema)} now, and all that was in it")
    say(console, back)


def _sweep(place: Place) -> None:
    """Remove what an upgrade was working on."""
    for rest in (place.home / "backups").glob(f"*/{FRESH}*"):
        rest.unlink(missing_ok=True)


def _version(watch: sqlite3.Connection) -> int:
    """Return a number that changes as soon as another connection writes."""
    (version,) = watch.execute("PRAGMA data_version").fetchone()
    return int(version)


def _name(place: Place, schema: Schema) -> str:
    return next(name for name, file in stores.files(place).items() if file == schema.file)


def _brought(schema: Schema, copy: Path) -> Path:
    """Return another copy, with the tables that are wanted and all that was in it."""
    fresh = copy.with_name(f"{FRESH}{copy.name}")
    databases.duplicate(copy, fresh, stores.PATIENCE)
    failpoints.point("upgrade_copied")
    schema.migrate(fresh)
    failpoints.point("upgrade_migrated")
    _require_all(schema, copy, fresh)
    return fresh


def _require_all(schema: Schema, copy: Path, fresh: Path) -> None:
    """Raise `SearchError` where a database that was brought to what is wanted is damaged, or lacks rows."""
    damages = stores.damages(fresh)
    if damages:
        raise SearchError(f"what comes of {schema.file} is damaged: {damages}; put a copy in its place")
    before, after = (databases.counts(file, schema.counted, stores.PATIENCE) for file in (copy, fresh))
    lost = [f"{name}: {after.get(name, 0):,} of {rows:,}" for name, rows in before.items() if after.get(name) != rows]
    if lost:
        raise SearchError(
            f"not all rows of {schema.file} come through ({', '.join(lost)}); keep to the {schema.library} that you "
            "had, and report this"
        )


def _way_back(place: Place, due: Sequence[Schema], copies: Path) -> str:
    """Say which file belongs where, and which versions read it."""
    lines = [f"the databases as they were are in {copies}; to go back, end all that uses {place.home}, and then:"]
    for schema in due:
        file = quote(str(schema.file))
        lines.append(f"  rm -f {file}-wal {file}-shm")
        lines.append(f"  cp {quote(str(copies / _name(place, schema)))} {file}")
    used = [f"{schema.library.lower()}=={schema.used_by}" for schema in due if schema.used_by]
    lines.append(f"  pip install {' '.join(used) or 'what you had before'}")
    return "\n".join([*lines, "what is recorded from now on is lost by that"])
