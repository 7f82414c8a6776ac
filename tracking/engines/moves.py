"""Homes that were moved or copied: MLflow keeps absolute addresses, read here as those of the home that is open."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote

from tracking import databases
from tracking.engines import mlflow_internals
from tracking.engines.files import local
from tracking.run import STUDY_TAG

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import QueryContext

FOLDER: Final = "artifacts"
# Seconds for which a database is waited for that another process keeps for itself.
PATIENCE: Final = 120.0
# Where MLflow keeps addresses, by table.
_COLUMNS: Final = {
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "logged_models": ("artifact_location",),
    "model_versions": ("source", "storage_location"),
}
# Where the artifacts of each experiment are, and were when its runs and models were made, as MLflow puts them together.
_LOCATIONS: Final = """
SELECT experiment_id, artifact_location FROM experiments
UNION
SELECT experiment_id, substr(artifact_uri, 1, instr(artifact_uri, '/' || run_uuid || '/') - 1) FROM runs
UNION
SELECT experiment_id, substr(artifact_location, 1, instr(artifact_location, '/models/' || model_id || '/') - 1)
FROM logged_models
"""
_OURS: Final = """
SELECT experiment_id, name FROM experiments JOIN experiment_tags USING (experiment_id) WHERE experiment_tags.key = ?
"""
# Under which an engine of SQLAlchemy's carries the move of its database.
_OPTION: Final = "moved_home"


@dataclass(frozen=True)
class Move:
    """From where a home has kept its artifacts to where it keeps them now, as addresses that end with a slash."""

    file: Path
    earlier: frozenset[str]
    now: str

    def of(self, address: str | None) -> str | None:
        """Return where that is now which was at an address; of what is no artifact of this home, the address itself."""
        known = [root for root in (self.now, *self.earlier) if address and address.startswith(root)]
        # Of homes inside each other, the inner one.
        return self.now + address.removeprefix(max(known, key=len)) if address and known else address

    @property
    def homes(self) -> list[Path]:
        """Where it was, but for other names of where it is."""
        now = local(self.now)
        before = filter(None, map(local, sorted(self.earlier)))
        return [place.parent for place in before if now is None or place.resolve() != now.resolve()]

    def count(self) -> int:
        """Return how many addresses lead to where it was. Raises `sqlite3.Error`."""
        with databases.to_read(self.file, PATIENCE) as there, closing(databases.reader(there, PATIENCE)) as database:
            found = self._each(database, "SELECT count(*) FROM {table} WHERE {condition}")
            return sum(database.execute(statement).fetchone()[0] for statement in found)

    def mend(self) -> None:
        """Write down where everything is now: all of it or nothing. Raises `sqlite3.Error`."""
        with closing(sqlite3.connect(self.file, timeout=PATIENCE)) as database, database:
            for statement in self._each(database, "UPDATE {table} SET {column} = moved({column}) WHERE {condition}"):
                database.execute(statement)

    def _each(self, database: sqlite3.Connection, statement: str) -> Iterator[str]:
        """Yield a statement for each column."""
        database.create_function("moved", 1, self.of, deterministic=True)
        for table, columns in _COLUMNS.items():
            for column in columns:
                yield statement.format(table=table, column=column, condition=f"{column} != moved({column})")


def artifacts_of(file: Path, artifacts: Path | None) -> Path | None:
    """Return the folder of artifacts if it lies beside the database, so that both travel together; else None."""
    beside = artifacts is not None and artifacts.parent.resolve() == file.parent.resolve() and artifacts.name == FOLDER
    return artifacts if beside else None


def find(file: Path, artifacts: Path) -> Move | None:
    """Return how the home with this database, and these artifacts beside it, was moved; None where it was not.

    Raises `sqlite3.Error`.
    """
    now = f"{artifacts.absolute().as_uri()}/"
    with databases.to_read(file, PATIENCE) as there, closing(databases.reader(there, PATIENCE)) as database:
        names = dict(database.execute(_OURS, (STUDY_TAG,)))
        kept = list(database.execute(_LOCATIONS))
    earlier = {
        f"{root}/"
        for experiment, location in kept
        for root, _, folder in [(location or "").rpartition("/")]
        if root.startswith("file:") and root.endswith(f"/{FOLDER}")
        # An experiment that a person or another program has put elsewhere has nothing here.
        if (artifacts / unquote(folder)).is_dir()
        or (folder == quote(names.get(experiment, "")) and _was_home(local(root), file.name))
    } - {now}
    return Move(file, frozenset(earlier), now) if earlier else None


def _was_home(artifacts: Path | None, database: str) -> bool:
    """Whether a home may have been where these artifacts are: it is gone from there, or still there with all it has."""
    return artifacts is not None and (not artifacts.exists() or (artifacts.parent / database).exists())


def heed(address: str, move: Move) -> None:
    """Let MLflow, in this process, give what is in the database at `address` as it is now. What is stored stays."""
    from mlflow.store.model_registry.dbmodels.models import SqlModelVersion
    from mlflow.store.tracking.dbmodels.models import SqlExperiment, SqlLoggedModel, SqlRun
    from mlflow.tracking import MlflowClient
    from sqlalchemy import event

    # Wherever they are read, for whatever reason: by MLflow's client, its store, or its user interface.
    for row in (SqlExperiment, SqlRun, SqlLoggedModel, SqlModelVersion):
        for loading in ("load", "refresh"):
            if not event.contains(row, loading, _moved):
                event.listen(row, loading, _moved)
    client = MlflowClient(address, registry_uri=address)
    for engine in (mlflow_internals.engine_of_runs(client), mlflow_internals.engine_of_registry(client)):
        engine.update_execution_options(**{_OPTION: move})


def now(engine: "Engine", address: str) -> str:
    """Return an address that is read from a database as a row, as that of the home which is open."""
    move: Move | None = engine.get_execution_options().get(_OPTION)
    return address if move is None else move.of(address) or address


def _moved(row: Any, context: "QueryContext", _: object = None) -> None:
    """Make the addresses in a row that was just read those of now, which is no change to be written."""
    from sqlalchemy.orm.attributes import set_committed_value

    move: Move | None = context.session.get_bind().get_execution_options().get(_OPTION)
    if move is None:
        return
    for column in _COLUMNS[row.__tablename__]:
        if column in row.__dict__:
            set_committed_value(row, column, move.of(row.__dict__[column]))
