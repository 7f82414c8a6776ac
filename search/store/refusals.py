"""What is said when a storage refuses: which one, why, and what helps."""

import re
import sqlite3

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from search.system import disk
from search.system.redaction import redacted
from tracking import databases

# Seconds for which a write waits while another process holds the database.
PATIENCE = 120.0
# The package that SQLAlchemy takes for `postgresql://`.
_POSTGRES = "psycopg"
_WAYS_OUT = databases.WAYS_OUT | {
    # Of a server: files are refused before.
    "storage upgrade": "back it up and run `optuna storage upgrade --storage ADDRESS`, or give another --storage",
    "updating optuna": "install a newer Optuna, or give another --storage",
    "Could not parse": "give sqlite:///FILE, or a server's address as SQLAlchemy takes it",
    "load plugin": "give sqlite:///FILE, or a server's address as SQLAlchemy takes it",
    "connect": "see whether the server still runs",
}


def reason(url: str, error: BaseException) -> str:
    """Say in one line which storage refuses, why, and what helps."""
    file = databases.file_of(url)
    cause = database_error(error) or error
    said = str(cause.strerror if isinstance(cause, OSError) and cause.strerror else cause).strip()
    first = re.split(r"\n|\. ", f"{said}\n")[0].rstrip(".") or type(cause).__name__
    if "is locked" in first:
        first += f" for more than {PATIENCE:g} s"
    if file and "is full" in first:
        first += f" ({disk.megabytes_free(file.parent):,.0f} MB free)"
    usual = "mend this, or give another --storage"
    way_out = _driver(error) or next((way for sign, way in _WAYS_OUT.items() if sign in said), usual)
    return redacted(f"{file or url}: {first}; {way_out}")


def _driver(error: BaseException | None) -> str:
    """Say which package a server's address takes that is not here; empty where that is not what is wrong."""
    while error is not None:
        if isinstance(error, ModuleNotFoundError) and error.name:
            extra = ", or the extra `postgres` of this project" if error.name == _POSTGRES else ""
            package = f"{error.name}[binary]" if extra else error.name
            return f"install it by `python -m pip install '{package}'`{extra}, or give sqlite:///FILE"
        error = error.__cause__
    return ""


def database_error(error: BaseException | None) -> BaseException | None:
    """Return what the database itself said, however deep Optuna and SQLAlchemy have wrapped it."""
    while error is not None:
        if isinstance(error, DBAPIError) and error.orig:
            return error.orig
        if isinstance(error, SQLAlchemyError | sqlite3.Error):
            return error
        error = error.__cause__ or error.__context__
    return None
