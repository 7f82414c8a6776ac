"""Paths and addresses, as people give them: what they name, and whether two are one."""

from pathlib import Path
from urllib.parse import urlsplit

from search.system.errors import UsageError
from search.system.redaction import redacted
from tracking import databases


def expanded(path: Path, flag: str) -> Path:
    """Return what a person names, with the folder of the user for `~`. Raises `UsageError` where nobody knows it."""
    try:
        return path.expanduser()
    except RuntimeError as error:
        user = path.parts[0].removeprefix("~")
        who = f"there is no user {user!r} here" if user else "nobody knows which folder ~ is"
        raise UsageError(f"{flag} {path}: {who}; give the path in full") from error


def same(one: str, other: str) -> bool:
    """Whether two addresses lead to one database, however they are written."""
    first, second = databases.file_of(one), databases.file_of(other)
    if first and second:
        # Two names of one file may differ in more than links: in hard links, and in capitals on some disks.
        return first.resolve() == second.resolve() or (first.exists() and second.exists() and first.samefile(second))
    return _server(one) == _server(other)


def require_two(storage: str, runs: str) -> None:
    """Raise `UsageError` where the two stores are one, which neither library can share."""
    if same(storage, runs):
        raise UsageError(
            f"--storage and --tracking-uri are both {redacted(storage)}; Optuna and MLflow cannot share a database: "
            "give two"
        )


def _server(address: str) -> tuple[str, str, str]:
    """Return kind, host and port, and database: without the driver, the user and the options."""
    parts = urlsplit(address)
    return parts.scheme.partition("+")[0], parts.netloc.rpartition("@")[2].lower(), parts.path
