"""Optuna's storage: opened to write or to read, and what stands in it."""

import sqlite3
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import RDBStorage
from sqlalchemy.exc import SQLAlchemyError

from search.errors import UsageError

# Seconds for which a write waits while another process holds the database.
PATIENCE = 120
SQLITE = "sqlite:///"


def connect(url: str) -> RDBStorage:
    """Open Optuna's storage, making the tables of a new one. Raises `UsageError`."""
    if url.startswith(SQLITE):
        _prepare(Path(url.removeprefix(SQLITE)))
    return _open(url)


def _open(url: str) -> RDBStorage:
    options = {"connect_args": {"timeout": PATIENCE}} if url.startswith(SQLITE) else None
    try:
        return RDBStorage(url, engine_kwargs=options)
    # Optuna raises a RuntimeError where the tables are of another program or version, ImportError for a driver.
    except (SQLAlchemyError, RuntimeError, ValueError, ImportError, optuna.exceptions.OptunaError) as error:
        raise UsageError(
            f"--storage {redacted(url)}: Optuna cannot use it ({str(error).splitlines()[0]}); give an empty or an "
            "Optuna database, and never MLflow's"
        ) from error


def redacted(url: str) -> str:
    """Return the address without the password in it."""
    scheme, separator, rest = url.partition("://")
    credentials, at, host = rest.rpartition("@")
    return f"{scheme}{separator}{credentials.partition(':')[0]}:***@{host}" if at else url


def _prepare(file: Path) -> None:
    """Make the database write ahead, so that the dashboard reads while the search writes; readable by its owner."""
    try:
        with sqlite3.connect(file, timeout=PATIENCE) as database:
            database.execute("PRAGMA journal_mode=WAL")
        database.close()
        file.chmod(0o600)
    except (sqlite3.Error, OSError) as error:
        raise UsageError(f"--storage {file}: no SQLite database can be kept there ({error})") from error


def load(storage: RDBStorage, name: str) -> optuna.Study:
    """Return a study to read. Raises `UsageError` naming the ones there are."""
    try:
        return optuna.load_study(study_name=name, storage=storage)
    except KeyError:
        there = ", ".join(optuna.get_all_study_names(storage)) or "none yet"
        raise UsageError(f"no study named {name!r}; there are: {there}") from None


def remembered(storage: RDBStorage, name: str) -> dict[str, Any]:
    """Return the settings with which a study was begun; nothing where there is no such study.

    Without its weights as long as no trial is finished: a study that found none may be given others.
    """
    if name not in optuna.get_all_study_names(storage):
        return {}
    study = optuna.load_study(study_name=name, storage=storage)
    settings: dict[str, Any] = dict(study.user_attrs.get("settings", {}))
    if not any(trial.state.is_finished() for trial in study.get_trials(deepcopy=False)):
        settings.pop("weights", None)
    return settings


def exists(url: str) -> bool:
    """Whether there is anything to open: an SQLite file that is not there yet would be made."""
    return not url.startswith(SQLITE) or Path(url.removeprefix(SQLITE)).exists()


def open_existing(url: str) -> RDBStorage:
    """Open a storage to read, which must be there. Raises `UsageError`."""
    if not exists(url):
        raise UsageError(
            f"nothing has been searched here yet: there is no {url.removeprefix(SQLITE)}; "
            "begin with `python -m search run --study lenet5`, or name another folder with --home"
        )
    return _open(url)
