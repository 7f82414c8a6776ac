"""The versions of MLflow's tables in SQLite files. MLflow itself brings what it opens to its own, in place."""

from pathlib import Path
from typing import Final

from mlflow import __version__
from mlflow.store.db import utils

from tracking import databases
from tracking.engines import mlflow_internals
from tracking.engines.refusals import told
from tracking.schemas import Schema

# What a search records: of these no row may be lost.
COUNTED: Final = frozenset(
    {
        "experiments",
        "experiment_tags",
        "runs",
        "metrics",
        "latest_metrics",
        "params",
        "tags",
        "datasets",
        "inputs",
        "logged_models",
        "logged_model_metrics",
        "logged_model_tags",
        "registered_models",
        "registered_model_aliases",
        "model_versions",
        "model_version_tags",
    }
)
_USED_BY = """
    SELECT value FROM tags JOIN runs USING (run_uuid)
    WHERE key = 'version.mlflow' ORDER BY start_time DESC LIMIT 1
"""


def of(file: Path, there: Path, patience: float) -> Schema:
    """Return what MLflow's tables in a file are like that is read `there`. Raises `TrackingError`; changes nothing."""
    scripts = mlflow_internals.migrations()
    with told(str(file), "be opened"):
        found = ", ".join(databases.column(there, databases.REVISION, patience))
        wanted = ", ".join(scripts.get_heads())
        # Asked only where it is to be told: of many runs it takes a while.
        used_by = databases.column(there, _USED_BY, patience) if found != wanted else [__version__]
    return Schema(
        file=file,
        library="MLflow",
        version=__version__,
        found=found,
        wanted=wanted,
        known=frozenset(script.revision for script in scripts.walk_revisions()),
        used_by="".join(used_by),
        flag="--tracking-uri",
        counted=COUNTED,
        migrate=_migrate,
    )


def _migrate(file: Path) -> None:
    engine = utils.create_sqlalchemy_engine(databases.address_of(file))
    try:
        with told(str(file), "be brought up to date"):
            mlflow_internals.migrate(engine)
    finally:
        engine.dispose()
