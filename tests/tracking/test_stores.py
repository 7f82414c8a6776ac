"""Stores that open, and stores that do not."""

import contextlib
import http.server
import os
import re
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from mlflow.tracking import MlflowClient

import tracking
from tracking import databases
from tracking.pictures import ConfusionMatrix
from tracking.run import STUDY_TAG, Dataset, Model, Status, Tensor, TrackingError

# Opens the store in every home that it is told, as soon as it is told, and has a run in each.
STARTER = """
import sys, tracking
from pathlib import Path
tracking._quieten_mlflow()
import mlflow.store.tracking.sqlalchemy_store
number = sys.argv[1]
print("ready", flush=True)
for line in sys.stdin:
    home = Path(line.strip())
    tracker = tracking.connect(f"sqlite:///{home}/mlflow.db", home / "artifacts")
    tracker.run(f"study-{number}", f"uuid/{number}", f"run-{number}", {})
    tracker.close()
    print("opened", flush=True)
"""
# Kills itself in the middle of making the database.
DEADLY = """
import functools, os, signal, sqlite3, sys, tracking
from pathlib import Path
from tracking import databases

class Deadly(sqlite3.Connection):
    def execute(self, statement, *values):
        if statement.startswith("CREATE INDEX"):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().execute(statement, *values)

databases.sqlite3.connect = functools.partial(sqlite3.connect, factory=Deadly)
tracking.connect(sys.argv[1], Path(sys.argv[2]))
"""


def sql(database: Path, statement: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        return connection.execute(statement).fetchall()


def test_importing_tracking_imports_neither_mlflow_nor_matplotlib() -> None:
    check = "import sys, tracking; assert not {'mlflow', 'matplotlib', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)


def test_a_new_database_is_private_and_lets_others_read_while_it_is_written(tmp_path: Path) -> None:
    home = tmp_path / "new" / "дом"
    tracking.connect(f"sqlite:///{home}/mlflow.db", home / "artifacts").close()
    assert stat.S_IMODE((home / "mlflow.db").stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert sql(home / "mlflow.db", "PRAGMA journal_mode") == [("wal",)]
    assert sorted(file.name for file in home.iterdir()) == ["artifacts", "mlflow.db"]


def test_artifacts_go_to_the_given_folder_whatever_its_name(database: Path, tmp_path: Path) -> None:
    artifacts = tmp_path / "мои файлы & 100% #1"
    tracker = tracking.connect(f"sqlite:///{database}", artifacts)
    tracker.run("lenet5", "uuid/1", "lenet5-0001", {}).log_text("report/test.csv", "Кеды,0.98\n")
    tracker.close()
    (written,) = artifacts.rglob("test.csv")
    assert written.read_text("utf-8") == "Кеды,0.98\n"


def test_a_relative_address_is_meant_from_here(
    empty_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mlflow.db").write_bytes(empty_database.read_bytes())
    monkeypatch.chdir(tmp_path)
    tracker = tracking.connect("sqlite:///mlflow.db", Path("artifacts"))
    monkeypatch.chdir("/")
    tracker.run("lenet5", "uuid/1", "r", {}).log_text("a.txt", "a")
    tracker.close()
    assert len(list((tmp_path / "artifacts").rglob("a.txt"))) == 1


def test_of_two_runs_with_one_key_the_oldest_is_taken(database: Path, tmp_path: Path) -> None:
    tracker = tracking.connect(f"sqlite:///{database}", tmp_path)
    oldest = tracker.run("lenet5", "uuid/1", "lenet5-0001", {})
    client = MlflowClient(f"sqlite:///{database}")
    experiment = client.get_experiment_by_name("lenet5")
    client.create_run(experiment.experiment_id, tags={"search.key": "uuid/1"})
    assert tracker.run("lenet5", "uuid/1", "lenet5-0001", {}).id == oldest.id
    tracker.close()


def test_what_is_in_the_database_stands_there_once(database: Path, tmp_path: Path, keras_file: Path) -> None:
    tracker = tracking.connect(f"sqlite:///{database}", tmp_path)
    for _ in range(3):
        run = tracker.run("lenet5", "uuid/1", "lenet5-0001", {})
        run.log_dataset(Dataset("garments", "d" * 36, "https://example.org/garments", {"train": 54_000}))
        for step in range(4):
            run.log_metrics({"loss": 1 / (step + 1), "accuracy": 0.5}, step)
        run.log_metrics({"test_accuracy": 0.9})
        run.log_model(tracking.Model(keras_file, *[tracking.Tensor("float32", (-1, 2))] * 2, ("keras",), "3.15.1"))
        run.finish(Status.SCHEDULED)
    tracker.close()
    assert sql(database, "SELECT key, step, count(*) FROM metrics GROUP BY key, step HAVING count(*) > 1") == []
    assert sql(database, "SELECT count(*) FROM metrics") == [(9,)]
    assert sql(database, "SELECT metric_name FROM logged_model_metrics") == [("test_accuracy",)]
    assert sql(database, "SELECT count(*) FROM datasets") == [(1,)]
    assert sql(database, "SELECT value FROM input_tags") == [("training",)]


def test_a_process_killed_as_it_makes_the_database_leaves_one_that_opens(tmp_path: Path) -> None:
    file, artifacts = tmp_path / "mlflow.db", tmp_path / "artifacts"
    killed = subprocess.run([sys.executable, "-c", DEADLY, f"sqlite:///{file}", str(artifacts)], check=False)
    assert killed.returncode == -9
    assert databases.tables(file, 1) == frozenset()
    tracking.connect(f"sqlite:///{file}", artifacts).close()
    assert sql(file, "PRAGMA journal_mode") == [("wal",)]


@pytest.mark.slow
def test_processes_that_open_the_same_new_store_at_once_all_succeed_and_lose_nothing(tmp_path: Path) -> None:
    with contextlib.ExitStack() as running:
        starters = [
            running.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", STARTER, str(number)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for number in range(2)
        ]
        assert [starter.stdout.readline() for starter in starters if starter.stdout] == ["ready\n"] * 2
        for number in range(4):
            home = tmp_path / str(number)
            for starter in starters:
                print(home, file=starter.stdin, flush=True)
            assert [starter.stdout.readline() for starter in starters if starter.stdout] == ["opened\n"] * 2
            assert sql(home / "mlflow.db", "SELECT name FROM runs ORDER BY name") == [("run-0",), ("run-1",)]
        for starter in starters:
            starter.kill()


@pytest.mark.parametrize("uri", ["", "mlruns", "ftp://host/x", "postgresql://user:secret@host/x", "file:///tmp/x"])
def test_an_address_of_another_kind_is_refused(uri: str, tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match="give sqlite:///<file>, http") as refused:
        tracking.connect(uri, tmp_path)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("uri", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:////tmp/a.db?mode=ro"])
def test_an_address_without_a_file_is_refused(uri: str, tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match="does not name a file"):
        tracking.connect(uri, tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, database: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TrackingError, match=r"the folder .*file/home cannot be created"):
        tracking.connect(f"sqlite:///{tmp_path}/file/home/mlflow.db", tmp_path)
    with pytest.raises(TrackingError, match=r"the folder .*file/artifacts cannot be created"):
        tracking.connect(f"sqlite:///{database}", tmp_path / "file" / "artifacts")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(TrackingError, match="closed cannot be written to"):
        tracking.connect(f"sqlite:///{tmp_path}/closed/mlflow.db", tmp_path)


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").mkdir()
    with pytest.raises(TrackingError, match=r"mlflow\.db cannot be read as a database"):
        tracking.connect(f"sqlite:///{tmp_path}/mlflow.db", tmp_path)


def test_optunas_database_is_left_alone(tmp_path: Path) -> None:
    sql(tmp_path / "optuna.db", "CREATE TABLE studies (study_id INTEGER)")
    with pytest.raises(TrackingError, match=r"another program's database \(it has the tables studies\)"):
        tracking.connect(f"sqlite:///{tmp_path}/optuna.db", tmp_path)
    assert sql(tmp_path / "optuna.db", "SELECT name FROM sqlite_master") == [("studies",)]


def test_what_is_no_database_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("to buy: milk, bread, a database" * 100)
    with pytest.raises(TrackingError, match="cannot be read as a database"):
        tracking.connect(f"sqlite:///{tmp_path}/notes.txt", tmp_path)


def test_the_database_of_another_mlflow_is_not_changed_unasked(database: Path, tmp_path: Path) -> None:
    sql(database, "DROP TABLE scorers")
    sql(database, "UPDATE alembic_version SET version_num = 'f5a4f2784254'")
    with pytest.raises(TrackingError, match="an older MLflow .*python -m search upgrade --home"):
        tracking.connect(f"sqlite:///{database}", tmp_path)
    assert sql(database, "SELECT version_num FROM alembic_version") == [("f5a4f2784254",)]


def test_a_deleted_experiment_is_named_with_both_ways_out(database: Path, tmp_path: Path) -> None:
    tracker = tracking.connect(f"sqlite:///{database}", tmp_path)
    tracker.run("lenet5", "uuid/1", "lenet5-0001", {})
    client = MlflowClient(f"sqlite:///{database}")
    number = client.get_experiment_by_name("lenet5").experiment_id
    client.delete_experiment(number)
    with pytest.raises(TrackingError, match=rf"restore --experiment-id {number}.*mlflow gc --experiment-ids {number}"):
        tracker.run("lenet5", "uuid/2", "lenet5-0002", {})
    tracker.close()


def test_what_is_said_of_removing_an_experiment_for_ever_is_what_comes_of_it(
    database: Path, tmp_path: Path, keras_file: Path
) -> None:
    tracker = tracking.connect(f"sqlite:///{database}", tmp_path / "artifacts")
    network = Tensor("uint8", (-1, 28, 28, 1))
    run = tracker.run("lenet5", "uuid/1", "lenet5-0001", {})
    run.log_text("curves.csv", "gone with the run")
    run.log_model(Model(keras_file, network, network, (), "3.15.1"))
    number = MlflowClient(f"sqlite:///{database}").get_experiment_by_name("lenet5").experiment_id
    MlflowClient(f"sqlite:///{database}").delete_experiment(number)
    with pytest.raises(TrackingError, match="they stay in (.*) until somebody removes") as refused:
        tracker.run("lenet5", "uuid/2", "lenet5-0002", {})
    tracker.close()
    (command,) = re.findall(r"`mlflow (gc [^`]*)`", str(refused.value))
    (folder,) = re.findall("they stay in (.*) until somebody removes", str(refused.value))
    subprocess.run(
        [sys.executable, "-m", "mlflow", *command.split()],
        env={**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{database}"},
        check=True,
    )
    assert list(Path(folder).rglob("*.keras"))
    shutil.rmtree(folder)
    assert [file for file in (tmp_path / "artifacts").rglob("*") if file.is_file()] == []


def test_a_run_deleted_meanwhile_is_named_with_the_way_out(database: Path, tmp_path: Path) -> None:
    tracker = tracking.connect(f"sqlite:///{database}", tmp_path)
    run = tracker.run("lenet5", "uuid/1", "lenet5-0001", {})
    MlflowClient(f"sqlite:///{database}").delete_run(run.id)
    with pytest.raises(TrackingError, match=r"run lenet5-0001 in .* cannot record metrics: .*; restore it"):
        run.log_metrics({"loss": 1.0})
    tracker.close()


def test_what_failed_to_be_recorded_can_be_recorded_again(database: Path, tmp_path: Path) -> None:
    tracker = tracking.connect(f"sqlite:///{database}", tmp_path)
    run = tracker.run("lenet5", "uuid/1", "lenet5-0001", {})
    run.log_metrics({"loss": 1.0}, step=0)
    sql(database, "ALTER TABLE metrics RENAME TO away")
    with pytest.raises(TrackingError, match="cannot record metrics: .*no such table"):
        run.log_metrics({"loss": 0.5}, step=1)
    sql(database, "ALTER TABLE away RENAME TO metrics")
    run.log_metrics({"loss": 0.5}, step=1)
    assert run.history("loss") == {0: 1.0, 1: 0.5}
    tracker.close()


def test_a_full_or_missing_artifact_folder_is_named(database: Path, tmp_path: Path) -> None:
    tracker = tracking.connect(f"sqlite:///{database}", tmp_path / "artifacts")
    run = tracker.run("lenet5", "uuid/1", "lenet5-0001", {})
    (tmp_path / "artifacts").rmdir()
    (tmp_path / "artifacts").touch()
    with pytest.raises(TrackingError, match=r"run lenet5-0001 in .* cannot record report\.txt: "):
        run.log_text("report.txt", "text")
    tracker.close()


def test_a_server_that_does_not_answer_is_named_within_seconds(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    began = time.monotonic()
    with pytest.raises(TrackingError, match=rf"no MLflow server answers at http://127.0.0.1:{port}.*; start it"):
        tracking.connect(f"http://127.0.0.1:{port}", tmp_path)
    assert time.monotonic() - began < 10


def test_what_answers_but_is_no_mlflow_server_is_named(server: str, tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match="is not an MLflow server"):
        tracking.connect(f"{server}/health", tmp_path)


def test_a_password_in_an_address_is_refused_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match="MLFLOW_TRACKING_PASSWORD") as refused:
        tracking.connect("http://anna:secret@127.0.0.1:5000", tmp_path)
    assert "secret" not in str(refused.value)


def test_a_server_keeps_artifacts_where_it_likes(server: str, tmp_path: Path) -> None:
    tracker = tracking.connect(server, tmp_path / "unused")
    run = tracker.run("kept-by-server", "uuid/1", "lenet5-0001", {})
    run.log_picture("a/b.png", ConfusionMatrix(np.eye(2, dtype=np.int64), ["a", "b"], "t"))
    assert not (tmp_path / "unused").exists()
    assert list(tracker.records("kept-by-server")[0].artifacts) == ["a/b.png"]
    tracker.close()


def test_a_store_that_is_opened_to_read_is_neither_made_nor_changed(database: Path, tmp_path: Path) -> None:
    assert tracking.open_existing(f"sqlite:///{tmp_path}/nothing/mlflow.db") is None
    assert not (tmp_path / "nothing").exists()
    sql(database, "PRAGMA journal_mode = DELETE")
    before = database.read_bytes()
    tracker = tracking.open_existing(f"sqlite:///{database}")
    assert tracker is not None
    assert list(tracker.records("lenet5")) == []
    tracker.close()
    assert database.read_bytes() == before
    assert [file.name for file in database.parent.iterdir()] == [database.name]


class Old(http.server.BaseHTTPRequestHandler):
    """Answers as MLflow 2.22.5 does."""

    def do_POST(self) -> None:
        known = self.path == "/api/2.0/mlflow/experiments/search"
        self._answer(200 if known else 404, "application/json" if known else "text/html", b"{}")

    def do_GET(self) -> None:
        self._answer(200, "text/html", b"2.22.5")

    def _answer(self, code: int, kind: str, content: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *words: object) -> None:
        """Say nothing."""


def test_a_server_that_is_too_old_is_refused_when_it_is_greeted(tmp_path: Path) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), Old) as old:
        threading.Thread(target=old.serve_forever, daemon=True).start()
        with pytest.raises(TrackingError, match=r"is 2\.22\.5, and models are recorded by 3\.0 or newer; have that"):
            tracking.connect(f"http://127.0.0.1:{old.server_port}", tmp_path)
        old.shutdown()


def test_artifacts_that_cannot_be_written_from_here_are_told_before_anything_is_trained(
    server: str, tmp_path: Path, experiment: str
) -> None:
    """As where a server does not take them itself, and its disk is another machine's."""
    (tmp_path / "file").touch()
    place = f"file://{tmp_path}/file/artifacts"
    MlflowClient(server).create_experiment(experiment, artifact_location=place, tags={STUDY_TAG: "uuid"})
    tracker = tracking.connect(server, tmp_path)
    with pytest.raises(TrackingError, match=f"cannot take artifacts of experiment {experiment}: .*Not a directory"):
        tracker.prepare(experiment, {STUDY_TAG: "uuid"})
    tracker.close()


def test_an_artifact_store_whose_package_is_missing_is_told_before_anything_is_trained(
    server: str, tmp_path: Path, experiment: str
) -> None:
    place = "s3://bucket/artifacts"
    MlflowClient(server).create_experiment(experiment, artifact_location=place, tags={STUDY_TAG: "uuid"})
    tracker = tracking.connect(server, tmp_path)
    with pytest.raises(TrackingError, match="No module named 'boto3'; install the package that it names"):
        tracker.prepare(experiment, {STUDY_TAG: "uuid"})
    tracker.close()


def test_an_experiment_that_took_the_place_of_ours_meanwhile_gets_no_runs(database: Path, tmp_path: Path) -> None:
    tracker = tracking.connect(f"sqlite:///{database}", tmp_path)
    tracker.prepare("lenet5", {STUDY_TAG: "uuid"})
    client = MlflowClient(f"sqlite:///{database}")
    ours = client.get_experiment_by_name("lenet5").experiment_id
    client.rename_experiment(ours, "away")
    theirs = client.create_experiment("lenet5")
    with pytest.raises(TrackingError, match=f"somebody else's.*rename --experiment-id {theirs} --new-name"):
        tracker.run("lenet5", "uuid/1", "lenet5-0001", {})
    assert client.search_runs([ours, theirs]) == []
    client.rename_experiment(theirs, "lenet5-before")
    client.rename_experiment(ours, "lenet5")
    assert tracker.run("lenet5", "uuid/1", "lenet5-0001", {}).id
    tracker.close()


def test_how_often_a_server_is_asked_again_is_no_setting_of_a_persons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "9")
    tracking.connect(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "artifacts").close()
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "0", "asked twice, it makes two runs"


def test_how_a_server_asks_its_database_is_no_setting_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_SQLALCHEMYSTORE_POOLCLASS", "NullPool")
    tracking.connect(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "artifacts").close()
