"""`tests/faults/light.py` for what an older MLflow lacks, and without Keras and TensorFlow being installed."""

import runpy
import tempfile
from functools import partialmethod
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from mlflow import MlflowClient

from search.recording import artifacts

# What MLflow 3.1 cannot ask for; in a new home there is none.
WITHOUT_DUPLICATES = " AND tags.`search.duplicate_of` IS NULL"


def log_stream(client: MlflowClient, run_id: str, stream: BinaryIO, artifact_file: str) -> None:
    """As later versions have it."""
    path = PurePosixPath(artifact_file)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / path.name
        file.write_bytes(stream.read())
        client.log_artifact(run_id, str(file), None if path.parent == PurePosixPath() else str(path.parent))


def search_runs(client: MlflowClient, usual: Any, ids: list[str], filter_string: str = "", **others: Any) -> Any:
    return usual(client, ids, filter_string.replace(WITHOUT_DUPLICATES, ""), **others)


def installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


if not hasattr(MlflowClient, "log_stream"):
    MlflowClient.log_stream = log_stream
    MlflowClient.search_runs = partialmethod(search_runs, MlflowClient.search_runs)
artifacts.version = installed
runpy.run_path(str(Path(__file__).parents[1] / "faults" / "light.py"), run_name="__main__")
