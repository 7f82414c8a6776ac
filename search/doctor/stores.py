"""I13: two databases, both whole and written ahead, and room on the disk; and copies of both before they are mended."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path
from shlex import quote

import tracking
from search.doctor.findings import Finding
from search.problem.settings import Place
from search.system import addresses, disk
from search.system.errors import UsageError
from tracking import databases

# Megabytes below which a few trials fill the disk.
MARGIN = 200.0
# Seconds for which a database is waited for that another process keeps for itself.
PATIENCE = 120.0


def check(place: Place) -> Iterator[Finding]:
    """Yield what is wrong with the files. Raises `UsageError` where they cannot be read."""
    addresses.require_two(place.storage, place.tracking_uri)
    for file in files(place).values():
        yield from _database(file)
    yield from _moved(place)
    free = disk.megabytes_free(place.home)
    if free < MARGIN:
        text = f"{free:,.0f} MB are free in {place.home}, fewer than {MARGIN:,.0f}"
        yield Finding("I13", "", None, text, "free some, or name another --home")


def _moved(place: Place) -> Iterator[Finding]:
    move = tracking.moved(place.tracking_uri, place.artifacts)
    if move and move.homes and (count := move.count()):
        before = ", ".join(map(str, move.homes))
        text = f"{place.home} was moved or copied from {before}: {count:,} addresses in {move.file.name} lead there"
        yield Finding(
            "I13",
            "",
            None,
            text,
            "they are made to lead here, so that MLflow by itself finds what this program finds anyway",
            move.mend,
        )


def files(place: Place) -> dict[str, Path]:
    """Return the databases that are files and there, by the names of their copies; servers look after their own."""
    named = {"optuna.db": place.storage, "mlflow.db": place.tracking_uri}
    found = {name: databases.file_of(address) for name, address in named.items()}
    return {name: file for name, file in found.items() if file and file.exists()}


def _database(file: Path) -> Iterator[Finding]:
    try:
        with databases.to_read(file, PATIENCE) as there, closing(databases.reader(there, PATIENCE)) as database:
            problems = _damages(database)
            (mode,) = database.execute("PRAGMA journal_mode").fetchone()
    except (OSError, sqlite3.Error) as error:
        said = str(error)
        way_out = next((way for sign, way in databases.WAYS_OUT.items() if sign in said), "put a copy in its place")
        raise UsageError(f"{file} cannot be read: {said}; {way_out}") from error
    if problems:
        yield Finding(
            "I13",
            "",
            None,
            f"{file} is damaged: {problems}",
            # What `.dump` cannot read all of, it rolls back at its end. Some systems' `.recover` reads nothing.
            f"put a copy in its place, or run `{readable(file)}`",
        )
    if mode != "wal":
        repair = "it is made to write ahead, so that readers do not block the search"
        mend = partial(databases.write_ahead, file, PATIENCE)
        yield Finding("I13", "", None, f"{file} keeps its journal by {mode}", repair, mend)


def readable(file: Path) -> str:
    """Return the command that puts what SQLite can still read of a file beside it, as `.recovered`."""
    whole = "sed 's/^ROLLBACK.*/COMMIT;/'"
    return f"sqlite3 {quote(str(file))} .dump | {whole} | sqlite3 {quote(f'{file}.recovered')}"


def damages(file: Path) -> str:
    """Say what SQLite finds damaged in a file; empty where nothing is. Raises `sqlite3.Error`."""
    with closing(databases.reader(file, PATIENCE)) as database:
        return _damages(database)


def _damages(database: sqlite3.Connection) -> str:
    problems = [row[0] for row in database.execute("PRAGMA integrity_check(3)")]
    return "" if problems == ["ok"] else "; ".join(" ".join(str(problem).split()) for problem in problems)


def back_up(place: Place) -> Path:
    """Copy both databases, for their owner alone, and return the folder of the copies."""
    folder = place.home / "backups" / f"{datetime.now():%Y-%m-%d-%H%M%S-%f}"
    try:
        folder.parent.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(mode=0o700)
        for name, file in files(place).items():
            databases.duplicate(file, folder / name, PATIENCE)
    except (OSError, sqlite3.Error) as error:
        raise UsageError(f"no copy can be made in {folder}: {error}; nothing was changed; mend this first") from error
    return folder
