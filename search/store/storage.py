"""Optuna's storage: opened to write or to read, what stands in it, and what is said when it refuses."""

import sqlite3
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import OptunaError
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial
from sqlalchemy import create_engine, inspect
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from models.naming import hint
from search.policies.by_first import ByFirst
from search.store import optuna_schema, owned, refusals
from search.store.attributes import IDENTITY, SETTINGS, UUID
from search.store.rows import RowStorage, Stored
from search.system import next_commands
from search.system.errors import SearchError, UsageError
from search.system.redaction import redacted
from tracking import databases
from tracking.schemas import Schema

# Seconds after which a server is asked again that refused to make tables.
_PAUSE = 1.0
TABLES = {"alembic_version", "studies", "trials", "version_info"}
GOES_ON = "; what was finished stays, and the same command goes on"
# What Optuna says of a study or a trial that is there no more.
_DELETED = "Record does not exist."


def connect(url: str) -> RDBStorage:
    """Open Optuna's storage, making the tables of a new one. Raises `UsageError`."""
    file = databases.file_of(url)
    with _refused(url):
        if file is None:
            return _open_server(url)
        if not databases.tables(file, refusals.PATIENCE):
            databases.create(file, _template(), refusals.PATIENCE)
        _require_optuna(file, file)
        databases.write_ahead(file, refusals.PATIENCE)
        return _open_file(url)


def exists(url: str) -> bool:
    """Whether there is anything to open. Raises `UsageError` where that cannot be told."""
    file = databases.file_of(url)
    with _refused(url):
        # A process that was killed as it made the database leaves an empty one.
        if file is None:
            return bool(TABLES & _tables_of_server(url))
        with databases.to_read(file, refusals.PATIENCE) as there:
            return bool(databases.tables(there, refusals.PATIENCE))


def _open_server(url: str) -> RowStorage:
    """Open a database that may hold other programs' tables, too, as long as they have other names."""
    there = TABLES & _tables_of_server(url)
    # MLflow's, for one, and that of many others who know their tables' version.
    if there and "version_info" not in there:
        raise UsageError(
            f"--storage {redacted(url)}: holds another program's tables ({', '.join(sorted(there))}), not Optuna's; "
            "give Optuna a database of its own"
        )
    try:
        return RowStorage(url, skip_table_creation=False)
    except DBAPIError:
        # Another process is making the same tables: it has made them, or this one is to be told why not.
        time.sleep(_PAUSE)
        return RowStorage(url, skip_table_creation=False)


def _tables_of_server(url: str) -> frozenset[str]:
    """Return the names of the tables in a server's database."""
    engine = create_engine(url)
    try:
        return frozenset(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def _open_file(url: str) -> RowStorage:
    return RowStorage(url, engine_kwargs={"connect_args": {"timeout": refusals.PATIENCE}}, skip_table_creation=True)


def schema(url: str) -> Schema | None:
    """Return what Optuna's tables in a file are like; None of a server, or where there is none. Raises `UsageError`."""
    file = databases.file_of(url)
    if file is None or not exists(url):
        return None
    with _refused(url), databases.to_read(file, refusals.PATIENCE) as there:
        return _schema(there, file)


def _schema(there: Path, named: Path) -> Schema:
    """Raise before Optuna does, which first puts its own tables between another program's."""
    if not databases.tables(there, refusals.PATIENCE) >= TABLES:
        raise UsageError(f"--storage {named}: another program's database, not Optuna's; give Optuna a file of its own")
    return optuna_schema.of(named, there, refusals.PATIENCE)


def _require_optuna(there: Path, named: Path) -> None:
    """Raise before Optuna does, which knows only of commands of its own."""
    found = _schema(there, named)
    if not found.current:
        raise UsageError(f"--storage {found.refusal}")


def _template() -> list[str]:
    """Return Optuna's tables, empty, as SQL."""
    return databases.template(RDBStorage("sqlite://").engine)


@contextmanager
def _refused(url: str) -> Iterator[None]:
    try:
        yield
    # A RuntimeError where the tables are of another version, ImportError for a driver, ValueError for an address.
    except (OptunaError, SQLAlchemyError, sqlite3.Error, OSError, RuntimeError, ValueError, ImportError) as error:
        raise UsageError(f"--storage {refusals.reason(url, error)}") from error


@contextmanager
def told(url: str, outcome: str = GOES_ON) -> Iterator[None]:
    """Raise what Optuna, and the database below it, refuse as `SearchError`: what it really was, where, and what helps.

    Optuna itself speaks of invalid data when its database is locked, full or gone.
    """
    try:
        yield
    except (OptunaError, SQLAlchemyError, sqlite3.Error, KeyError, AssertionError) as error:
        if error.args == (_DELETED,):
            raise _lost(url, "the study, or a trial of it, was deleted meanwhile") from error
        # A fault in the code, unless Optuna asserts what its database refused.
        if isinstance(error, KeyError | AssertionError) and refusals.database_error(error) is None:
            raise
        require_there(url)
        raise SearchError(refusals.reason(url, error) + outcome) from error
    # SQLite goes on writing into a file that was removed, and says nothing.
    require_there(url)


def require_there(url: str) -> None:
    """Raise `SearchError` where the file of an open storage was removed."""
    file = databases.file_of(url)
    if file and not file.exists():
        raise _lost(url, "the file is gone")


def _lost(url: str, what: str) -> SearchError:
    return SearchError(f"{databases.file_of(url) or redacted(url)}: {what}; put a copy back, or begin anew")


@contextmanager
def reading(url: str) -> Iterator[RDBStorage]:
    """Lend a storage to read, which must be there. Raises `UsageError`, and `SearchError` where it cannot be read."""
    if not exists(url):
        raise _nothing_yet(url)
    file = databases.file_of(url)
    with ExitStack() as stack:
        with _refused(url):
            if file:
                there = stack.enter_context(databases.to_read(file, refusals.PATIENCE))
                _require_optuna(there, file)
                storage = _open_file(databases.address_of(there))
            else:
                storage = RowStorage(url, skip_table_creation=True)
        stack.callback(storage.engine.dispose)
        with told(url, outcome=""):
            yield storage


@contextmanager
def if_there(url: str) -> Iterator[RDBStorage | None]:
    """Lend a storage to read; None where there is none. Raises `SearchError` where it cannot be read."""
    if exists(url):
        with reading(url) as storage:
            yield storage
    else:
        yield None


def begun_here(storage: RDBStorage | None, url: str) -> RDBStorage:
    """Return a storage that was opened because it is there. Raises `UsageError` where it is not."""
    if storage is None:
        raise _nothing_yet(url)
    return storage


def _nothing_yet(url: str) -> UsageError:
    return UsageError(
        f"nothing has been searched here yet: there is no {databases.file_of(url) or redacted(url)}; "
        f"begin with `{next_commands.command('run', '--study', 'lenet5')}`, or name another folder with --home"
    )


@contextmanager
def legible(name: str, address: str) -> Iterator[None]:
    """Raise as `UsageError` what Optuna stumbles over: it takes what is in its tables for what it has put there."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UsageError(
            f"study {name} in {redacted(address)} cannot be read: {type(error).__name__}: {error}; put a copy in its "
            "place, such as one of those under `backups` in the home folder"
        ) from error


def names(storage: RDBStorage) -> list[str]:
    """Return the names of the studies that this program has begun, in order."""
    return sorted(name for name, ours in owned.studies(storage.engine).items() if ours)


def others(storage: RDBStorage) -> list[str]:
    """Return the names of the studies that somebody else has, in order."""
    return sorted(name for name, ours in owned.studies(storage.engine).items() if not ours)


def load(storage: RDBStorage, name: str) -> Stored:
    """Return a study to read. Raises `UsageError` naming the ones there are, and where it is somebody else's."""
    # Looked up here: the database takes no name with half a character in it, as an odd terminal may send.
    there = owned.studies(storage.engine)
    if name not in there:
        known = [one for one, ours in there.items() if ours]
        raise UsageError(f"no study named {name!r}{hint(name, known)}; there are: {', '.join(known) or 'none yet'}")
    if not there[name]:
        raise UsageError(
            f"study {name} in {databases.file_of(storage.url) or redacted(storage.url)} is somebody else's: it was not "
            f"begun by this program, which leaves it alone; give another name, such as {next_commands.another(name)}"
        )
    assert isinstance(storage, RowStorage), "that is what is opened here"
    return Stored(name, storage)


def begun(storage: RDBStorage, name: str, directions: Sequence[StudyDirection], known_by: str | None = None) -> Stored:
    """Return the study of this name, made where there is none, and then `known_by` this. Raises `UsageError`."""
    if name not in owned.studies(storage.engine):
        owned.begin(storage.engine, name, directions, {UUID: known_by or uuid.uuid4().hex})
    return load(storage, name)


def uuid_of(storage: RDBStorage, name: str) -> str | None:
    """Return what a study is known by; None where there is none of this name. Raises `UsageError`."""
    return load(storage, name).user_attrs[UUID] if name in owned.studies(storage.engine) else None


def require_same(study: optuna.Study) -> None:
    """Let nothing be written any more once the number of a loaded study is another one's. Raises `SearchError` then."""
    store, study_id = _below(study)
    lost = str(_lost(store.url, f"study {study.study_name} was deleted meanwhile, and another one has its number"))
    store.guard.require(study_id, UUID, study.user_attrs[UUID], lost)


def legible_study(study: optuna.Study) -> AbstractContextManager[None]:
    """Raise the same of a loaded study."""
    return legible(study.study_name, _below(study)[0].url)


def outlines(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials of a loaded study without their hyperparameters, attributes and reports: soon, however many."""
    store, study_id = _below(study)
    return store.outlines(study_id)


def marked(study: optuna.Study, attribute: str) -> list[FrozenTrial]:
    """Return the trials of a loaded study that have a user attribute."""
    store, study_id = _below(study)
    return store.marked(study_id, attribute)


def by_first(study: optuna.Study) -> ByFirst:
    """Return a loaded study as if the first of its objectives were its only one."""
    assert isinstance(study, ByFirst)
    return ByFirst(study.study_name, study.storage, alone=True)


def whole(study: optuna.Study, outline: FrozenTrial) -> FrozenTrial:
    """Return all of a trial of which the outline is known."""
    store, study_id = _below(study)
    return store.whole(study_id, outline.number)


def rename(study: optuna.Study, name: str) -> None:
    """Give a loaded study another name."""
    store, study_id = _below(study)
    store.rename(study_id, name)


def _below(study: optuna.Study) -> tuple[RowStorage, int]:
    """Return the storage that a study was loaded from, and what it calls the study there."""
    assert isinstance(study, Stored), "that is what is loaded here"
    return study.rows, study.id


def begun_on(storage: RDBStorage, name: str) -> str | None:
    """Return the digest of the images that a study was begun on; None where there is no such study."""
    if name not in optuna.get_all_study_names(storage):
        return None
    study = optuna.load_study(study_name=name, storage=storage)
    digest: str | None = study.user_attrs.get(IDENTITY, {}).get("data")
    return digest


def attributes(storage: RDBStorage, name: str) -> dict[str, Any]:
    """Return what a study remembers; nothing where there is no such study. Raises `UsageError`."""
    return dict(load(storage, name).user_attrs) if name in owned.studies(storage.engine) else {}


def remembered(storage: RDBStorage, name: str) -> dict[str, Any]:
    """Return the settings with which a study was begun; nothing where there is no such study. Raises `UsageError`.

    Without its weights as long as no trial is finished: a study that found none may be given others.
    """
    if name not in owned.studies(storage.engine):
        return {}
    study = load(storage, name)
    settings: dict[str, Any] = dict(study.user_attrs.get(SETTINGS, {}))
    if not any(trial.state.is_finished() for trial in outlines(study)):
        settings.pop("weights", None)
    return settings
