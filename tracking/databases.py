"""SQLite files: which one an address names, what is in it, and how a new one comes to be whole or not at all."""

import os
import re
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from sqlalchemy import Engine

# What SQLite says, and what helps.
WAYS_OUT = {
    "database is locked": "end the other program that writes to it",
    "database table is locked": "end the other program that writes to it",
    "readonly database": "make it, its folder and its disk writable",
    "disk is full": "free some space",
    "unable to open": "look whether its folder is there and can be written to",
    "disk I/O error": "look whether the disk is full or gone",
    "malformed": "put a copy in its place, or move it away and keep it: `sqlite3 FILE .dump` reads what is left",
    "not a database": "move it away, or give another file",
    "no such table": "put a copy in its place, or give another file",
}
# Between two tries at what SQLite itself does not wait for.
_PAUSE_SECONDS = 0.05
# So many pages are written between two looks at the clock.
_PAGES = 100
# Both libraries keep the version of their tables by Alembic.
REVISION = "SELECT version_num FROM alembic_version"
_ADDRESS = re.compile(r"sqlite(?:\+pysqlite)?:///(?P<file>[^?]+)")


def file_of(address: str) -> Path | None:
    """Return the file that an address names; None where SQLAlchemy would find no file in it, or options after `?`."""
    found = _ADDRESS.fullmatch(address)
    return Path(unquote(found["file"])).absolute() if found and found["file"] != ":memory:" else None


def address_of(file: Path) -> str:
    """Return the address that SQLAlchemy takes for this file."""
    return f"sqlite:///{file.absolute()}".replace("%", "%25")


def tables(file: Path, patience: float) -> frozenset[str]:
    """Return the names of the tables in a file; none where it is empty or not there. Raises `sqlite3.Error`.

    Waits `patience` seconds while another process keeps all others out.
    """
    if not file.exists():
        return frozenset()
    # Without the mode, SQLite would make the file anew if it went away between these lines.
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, timeout=patience)) as database:
        return _tables(database)


def reader(file: Path, patience: float) -> sqlite3.Connection:
    """Open a file to read, which waits `patience` seconds while another process keeps all others out."""
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=patience)


def can_be_written(folder: Path) -> bool:
    """Whether SQLite may put files into a folder, which it does even to read what is written ahead."""
    return os.access(folder, os.W_OK | os.X_OK)


@contextmanager
def to_read(file: Path, patience: float) -> Iterator[Path]:
    """Lend a file to read: itself or, in a folder that cannot be written, a copy of it as it is now.

    SQLite takes a file as unchanging there only if it may overlook what is written ahead. Raises `sqlite3.Error` and
    `OSError`.
    """
    if not file.exists() or can_be_written(file.parent):
        yield file
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / file.name
        _copy(file, copy, patience)
        yield copy


def _copy(file: Path, copy: Path, patience: float) -> None:
    index = file.with_name(f"{file.name}-shm")
    if not index.exists():
        # Whoever writes has an index; without one, these two are all there is.
        for end in ("", "-wal"):
            if (part := file.with_name(file.name + end)).exists():
                shutil.copyfile(part, copy.with_name(copy.name + end))
        if not index.exists():
            return
        copy.with_name(f"{copy.name}-wal").unlink(missing_ok=True)
        copy.unlink()
    with closing(reader(file, patience)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def template(memory: "Engine") -> list[str]:
    """Return what is in a database in memory as SQL, for `create`, and let go of it."""
    with memory.connect() as connection:
        database = connection.connection.driver_connection
        assert isinstance(database, sqlite3.Connection)
        statements = list(database.iterdump())
    memory.dispose()
    return statements


def create(file: Path, template: Sequence[str], patience: float) -> None:
    """Put tables into a file that has none: all of them or, when killed, none; its owner alone can read it.

    `template` is a database as `sqlite3.Connection.iterdump` gives it. SQLite's own lock, for which this waits
    `patience` seconds, lets one process be first; the others find the tables, and leave them as they are. Raises
    `sqlite3.Error` and `OSError`.
    """
    # SQLite gives the files that it puts beside a database the same mode.
    file.touch(mode=0o600)
    with closing(sqlite3.connect(file, timeout=patience, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        if not _tables(database):
            # Without the template's own begin and end.
            for statement in template[1:-1]:
                database.execute(statement)
        database.execute("COMMIT")


def write_ahead(file: Path, patience: float) -> None:
    """Let readers, such as the user interfaces, neither block the search nor be blocked by it."""
    with closing(sqlite3.connect(file, timeout=patience, isolation_level=None)) as database:
        deadline = time.monotonic() + patience
        while True:
            try:
                database.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                # Of all that SQLite waits for, this is what it does not wait for.
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(_PAUSE_SECONDS)
            else:
                return


def column(file: Path, query: str, patience: float) -> list[str]:
    """Return the first column of what is asked of a file, as texts; nothing where it lacks the table or the column."""
    with closing(reader(file, patience)) as database:
        try:
            return [str(row[0]) for row in database.execute(query)]
        except sqlite3.OperationalError as error:
            if not str(error).startswith("no such"):
                raise
            return []


def counts(file: Path, names: Iterable[str], patience: float) -> dict[str, int]:
    """Return how many rows those of the tables have that are there."""
    with closing(reader(file, patience)) as database:
        there = sorted(_tables(database).intersection(names))
        return {name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in there}  # noqa: S608  # names of our own


def duplicate(file: Path, target: Path, patience: float) -> None:
    """Copy a database, whatever others do with it meanwhile, for its owner alone.

    When killed, it leaves no more than a file `*.unfinished`. Raises `sqlite3.Error` and `OSError`.
    """
    unfinished = target.with_name(f"{target.name}.unfinished")
    unfinished.touch(mode=0o600)
    with closing(reader(file, patience)) as source, closing(sqlite3.connect(unfinished)) as copied:
        source.backup(copied)
    unfinished.replace(target)


def fill(file: Path, fresh: Path, patience: float, passed: Callable[[], None]) -> None:
    """Put what is in `fresh` in the place of what is in `file`: all of it or, when killed, nothing.

    SQLite does so in one transaction. It is the same file as before, so that whoever has it open goes on with what it
    holds now. `passed` is called again and again on the way. Raises `sqlite3.Error` and `OSError`.
    """
    deadline = time.monotonic() + patience

    def look(status: int, _left: int, _all: int) -> None:
        passed()
        # Python itself would try for ever.
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > deadline:
            raise sqlite3.OperationalError("database is locked")

    with closing(reader(fresh, patience)) as source, closing(sqlite3.connect(file, timeout=patience)) as target:
        source.backup(target, pages=_PAGES, progress=look)


def _tables(database: sqlite3.Connection) -> frozenset[str]:
    return frozenset(name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'"))
