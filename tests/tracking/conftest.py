import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import tracking

# Tests import MLflow themselves, and it reads once what keeps it from reporting home.
tracking._quieten_mlflow()

Opener = Callable[[], tracking.Tracker]


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's database, made once: its migrations take seconds."""
    folder = tmp_path_factory.mktemp("empty")
    tracking.connect(f"sqlite:///{folder}/mlflow.db", folder / "artifacts").close()
    return folder / "mlflow.db"


@pytest.fixture
def database(empty_database: Path, tmp_path: Path) -> Path:
    """A database where a person in Kazan or Bern may well keep it."""
    folder = tmp_path / "мои данные & 100% #1"
    folder.mkdir()
    return shutil.copy(empty_database, folder / "mlflow.db")


@pytest.fixture(scope="session")
def server(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real MLflow server."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(empty_database, folder / "mlflow.db")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["server", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--workers", "1", "--port", str(port)]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *words, "--artifacts-destination", str(folder / "artifacts")],
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"},
            stdout=log,
            stderr=log,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(address)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"{address}/health", timeout=5).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


@pytest.fixture(params=["memory", "sqlite", "server"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens the same store again, as another process would; memory is its process's own."""
    if request.param == "memory":
        in_memory = tracking.connect("memory:", tmp_path)
        yield lambda: in_memory
        return
    uri = request.getfixturevalue("server") if request.param == "server" else ""
    uri = uri or f"sqlite:///{request.getfixturevalue('database')}"
    opened: list[tracking.Tracker] = []

    def open_again() -> tracking.Tracker:
        opened.append(tracking.connect(uri, tmp_path / "artefacts, мои"))
        return opened[-1]

    yield open_again
    for tracker in opened:
        tracker.close()


@pytest.fixture
def tracker(reopen: Opener) -> tracking.Tracker:
    return reopen()


@pytest.fixture
def experiment() -> str:
    """Another name in each test, for the server is shared."""
    return f"lenet5-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def run(tracker: tracking.Tracker, experiment: str) -> tracking.Run:
    return tracker.run(experiment, "uuid/17", "lenet5-0017", {"search.study": "lenet5"})


@pytest.fixture
def keras_file(tmp_path: Path) -> Path:
    """What a store takes for a `.keras` file: none of them looks inside."""
    file = tmp_path / "model.keras"
    file.write_bytes(b"weights")
    return file
