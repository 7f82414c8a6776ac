"""Runs and what they hold. MLflow is imported in this package and nowhere else, and only once a store is opened."""

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tracking import databases
from tracking.registry import CHAMPION, Registry, Version
from tracking.rules import is_recorded, model_name, recorded
from tracking.run import (
    DESCRIPTION_TAG,
    DUPLICATE_TAG,
    KEY_TAG,
    MODEL_BEFORE_TAG,
    MODEL_REMOVED_TAG,
    MODEL_SHA256_TAG,
    MODEL_TAG,
    STUDY_TAG,
    Dataset,
    Gone,
    Measurement,
    Model,
    ModelRecord,
    Record,
    Recorder,
    Run,
    Status,
    Tensor,
    Tracker,
    TrackingError,
)
from tracking.schemas import Schema
from tracking.view import SHARED, TRAINING, VIEW_TAG, view

if TYPE_CHECKING:
    from tracking.engines.moves import Move

__all__ = [
    "CHAMPION",
    "DESCRIPTION_TAG",
    "DUPLICATE_TAG",
    "KEY_TAG",
    "MODEL_BEFORE_TAG",
    "MODEL_REMOVED_TAG",
    "MODEL_SHA256_TAG",
    "MODEL_TAG",
    "SHARED",
    "STUDY_TAG",
    "TRAINING",
    "VIEW_TAG",
    "Dataset",
    "Gone",
    "Measurement",
    "Model",
    "ModelRecord",
    "Record",
    "Recorder",
    "Registry",
    "Run",
    "Status",
    "Tensor",
    "Tracker",
    "TrackingError",
    "Version",
    "connect",
    "exists",
    "is_recorded",
    "model_address",
    "moved",
    "open_existing",
    "open_registry",
    "recorded",
    "schema",
    "scoring_server",
    "user_interface",
    "view",
]


def connect(uri: str, artifacts: Path) -> Tracker:
    """Open the store at `uri`: `memory:`, `sqlite:///<file>` (its artifacts go to `artifacts`), or an MLflow server."""
    if uri == "memory:":
        from tracking.engines.memory import MemoryTracker

        return MemoryTracker()
    _quieten_mlflow()
    from tracking.engines import places
    from tracking.engines.mlflow import MlflowTracker

    return MlflowTracker(places.prepare(uri, artifacts))


def exists(uri: str) -> bool:
    """Whether there is a store to open at `uri`: a server is taken to be there. Raises `TrackingError`."""
    if uri == "memory:":
        return False
    _quieten_mlflow()
    from tracking.engines import places

    return places.exists(uri)


def open_existing(uri: str, artifacts: Path | None = None) -> Tracker | None:
    """Open the store at `uri` to read; None where there is nothing. Neither makes nor changes anything.

    `artifacts` is the folder for them in the home that is open, which may have been elsewhere when they were recorded.
    """
    if uri == "memory:":
        return None
    _quieten_mlflow()
    from tracking.engines import places
    from tracking.engines.mlflow import MlflowTracker

    site = places.find(uri, artifacts)
    return MlflowTracker(site) if site else None


def open_registry(uri: str, artifacts: Path | None = None) -> Registry | None:
    """Open the registered models of the store at `uri`; None where there is no store, or one of memory alone."""
    if uri == "memory:":
        return None
    _quieten_mlflow()
    from tracking.engines import places
    from tracking.engines.mlflow_registry import MlflowRegistry

    site = places.find(uri, artifacts)
    return MlflowRegistry(site) if site else None


def moved(uri: str, artifacts: Path) -> "Move | None":
    """Return how the home was moved whose database is at `uri`; None where it was not, or the database is no home's.

    Raises `sqlite3.Error`.
    """
    file = databases.file_of(uri)
    if file is None or not file.exists() or not file.stat().st_size:
        return None
    _quieten_mlflow()
    from tracking.engines import moves

    own = moves.artifacts_of(file, artifacts)
    return moves.find(file, own) if own else None


@contextmanager
def user_interface(uri: str, artifacts: Path, hosts: Collection[str]) -> Iterator[Any]:
    """Lend MLflow's own interface to the store at `uri`, which is there, as an ASGI application for these hosts."""
    _quieten_mlflow()
    from tracking.engines import mlflow_ui, places

    site = places.find(uri, artifacts)
    with closing(site) if site else nullcontext():
        yield mlflow_ui.application(site.address if site else uri, hosts)


def schema(uri: str) -> Schema | None:
    """Return what MLflow's tables in the SQLite file at `uri` are like; None where there is no file, or none in it.

    Raises `TrackingError` where it is another program's. Changes nothing.
    """
    file = databases.file_of(uri)
    if file is None:
        return None
    _quieten_mlflow()
    from tracking.engines import places

    return places.schema(file)


def scoring_server(answer: Callable[[Any], object], *, refusal: type[Exception], wanted: str, most_bytes: int) -> Any:
    """Return MLflow's scoring server as an ASGI application that answers by a function, and takes so large bodies.

    The function is given an array of what JSON has, and raises a `refusal` where that is not what is `wanted`.
    """
    _quieten_mlflow()
    from tracking.engines import scoring

    return scoring.application(answer, refusal, wanted, most_bytes)


def model_address(run: str, name: str) -> str:
    """Return the address under which MLflow loads the model of the run with this id and name."""
    return f"runs:/{run}/{model_name(name)}"


# How a server of MLflow's asks its database. Ours is a file of our own, whose tables are first made in memory: a pool
# that keeps no connection loses them.
_OF_SERVERS: Final = tuple(
    f"MLFLOW_SQLALCHEMYSTORE_{what}" for what in ("ECHO", "MAX_OVERFLOW", "POOLCLASS", "POOL_RECYCLE", "POOL_SIZE")
)


def _quieten_mlflow() -> None:
    """Set what MLflow reads when it is imported: no telemetry, no code run out of a model's file, no chatter."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    # What fails is tried again here, where it is known whether it was done all the same: MLflow, asking again after a
    # lost answer, makes a second run (before 3.18), and keeps a call waiting for four minutes. Whatever a person has
    # set for others.
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    for name in _OF_SERVERS:
        os.environ.pop(name, None)
