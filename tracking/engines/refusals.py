"""What MLflow raises, in words that name the place, the cause and the way out."""

import contextlib
import re
import sqlite3
from collections.abc import Iterator

from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from tracking import databases
from tracking.run import TrackingError

_WAYS_OUT = databases.WAYS_OUT | {
    "No space left": "free some space",
    "Permission denied": "make it writable",
    "failed with exception": "see whether the server still runs",
    "No module named": "install the package that it names",
    "PERMISSION_DENIED": "ask whoever runs the server for the right to write",
    "deleted": "restore it with `mlflow runs restore` or in the user interface",
}


@contextlib.contextmanager
def told(place: str, action: str) -> Iterator[None]:
    """Raise what MLflow and the file system refuse as `TrackingError`."""
    try:
        yield
    # An ImportError where a store of artifacts takes a package that is not here, as `s3://` does.
    except (MlflowException, SQLAlchemyError, OSError, sqlite3.Error, ImportError) as error:
        way_out = next((way for sign, way in _WAYS_OUT.items() if sign in str(error)), "mend this")
        raise TrackingError(f"{place} cannot {action}: {_cause(error)}; {way_out}, and run again") from error


def _cause(error: Exception) -> str:
    """Return one line: what SQLite says if it was SQLite, without the statement and its values."""
    said = re.search(r"\(sqlite3\.\w+\) (.+)", str(error)) or re.match(r"\s*(.+)", str(error))
    return said[1].strip().rstrip(".") if said else type(error).__name__
