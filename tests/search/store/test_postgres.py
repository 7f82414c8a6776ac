"""Optuna's storage on a real PostgreSQL: one of the test's own, on this machine alone."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import optuna
import pytest
from optuna.study import StudyDirection
from sqlalchemy import create_engine, text

from search.cli import call
from search.store import claims, storage
from search.store.attributes import HELD_BY
from search.system.errors import SearchError, UsageError
from tests.search.store.test_claims import attributes, held_elsewhere
from tests.search.store.test_storage import STARTER

# Where Debian keeps what is not for everybody's path.
PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a server, without a database."""
    pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")
    path = os.pathsep.join([os.environ.get("PATH", ""), *map(str, PLACES)])
    control = shutil.which("pg_ctl", path=path)
    if control is None:
        pytest.skip("no PostgreSQL is installed; on Debian: apt-get install postgresql")
    # It refuses to run as root, which CI is; whom it runs as instead may not look into pytest's own folders.
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        yield from _served(control, Path(folder))


def _served(control: str, folder: Path) -> Iterator[str]:
    user = {"user": "postgres"} if os.geteuid() == 0 else {}
    if user:
        shutil.chown(folder, "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = f"-c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -p {port}"
    initdb = [control, "initdb", "-D", "data", "-o", "--auth=trust --username=postgres --no-sync"]
    subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd=folder, **user)
    subprocess.run([control, "start", "-w", "-D", "data", "-l", "log", "-o", options], check=True, cwd=folder, **user)
    yield f"postgresql://postgres@127.0.0.1:{port}"
    subprocess.run([control, "stop", "-D", "data", "-m", "immediate"], check=True, cwd=folder, **user)


@pytest.fixture
def address(server: str) -> str:
    """A new and empty database."""
    name = f"d{uuid.uuid4().hex}"
    engine = create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return f"{server}/{name}"


def test_an_empty_database_is_one_in_which_nothing_was_searched_and_is_begun_like_a_new_file(
    address: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert call(["list", "--storage", address]) == 2
    assert "nothing has been searched here yet" in capfd.readouterr().err
    store = storage.connect(address)
    storage.begun(store, "mlp", [StudyDirection.MAXIMIZE]).ask()
    store.engine.dispose()
    assert call(["list", "--storage", address]) == 0
    assert "mlp" in capfd.readouterr().out


def test_processes_that_open_the_same_empty_database_at_once_all_succeed(address: str) -> None:
    command = [sys.executable, "-c", STARTER]
    with ExitStack() as running:
        starters = [
            running.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            for _ in range(3)
        ]
        assert [starter.stdout.readline() for starter in starters if starter.stdout] == ["ready\n"] * 3
        assert [starter.communicate(address)[0] for starter in starters] == ["opened\n"] * 3
    with storage.reading(address) as store:
        assert len(storage.load(store, "shared").trials) == 3


def test_another_programs_tables_are_refused_and_not_touched(address: str) -> None:
    engine = create_engine(address)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num varchar(32))"))
    with pytest.raises(UsageError, match=r"holds another program's tables \(alembic_version\), not Optuna's"):
        storage.connect(address)
    with engine.connect() as connection:
        tables = connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all()
    assert list(map(tuple, tables)) == [("alembic_version",)]
    engine.dispose()


def test_of_two_homes_with_one_storage_the_second_is_told_who_searches(address: str, tmp_path: Path) -> None:
    store = storage.connect(address)
    study = storage.begun(store, "mlp", [StudyDirection.MAXIMIZE])
    with held_elsewhere(tmp_path / "one", address) as process:
        refused = pytest.raises(
            UsageError, match=f"searched by process {process.pid} on .* for {tmp_path / 'one'}; wait"
        )
        with refused, claims.alone(tmp_path / "other", address, "mlp"):
            pass
        process.kill()
        process.wait()
        with claims.alone(tmp_path / "other", address, "mlp") as hold:
            hold.guard(store)
            study.ask()
    assert HELD_BY not in attributes(address)
    store.engine.dispose()


def test_who_was_taken_over_writes_nothing_any_more_and_a_study_that_was_deleted_is_named(
    address: str, tmp_path: Path
) -> None:
    store, other = storage.connect(address), storage.connect(address)
    study = storage.begun(store, "mlp", [StudyDirection.MAXIMIZE])
    storage.require_same(study)
    hold = claims.Hold(address, "mlp", tmp_path)
    hold.guard(store)
    storage.load(other, "mlp").set_user_attr(HELD_BY, {"another": "process"})
    with pytest.raises(SearchError, match="taken over by another process"), storage.told(address):
        study.ask()
    assert storage.load(other, "mlp").trials == []
    hold.release()
    optuna.delete_study(study_name="mlp", storage=other)
    with pytest.raises(SearchError, match="was deleted meanwhile"), storage.told(address):
        study.ask()
    for opened in (store, other):
        opened.engine.dispose()
