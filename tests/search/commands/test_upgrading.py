"""Homes of other versions of MLflow and Optuna: refused in words, upgraded whole or not at all, and gone on with."""

import os
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import tracking
from models import families
from search.cli import call
from search.commands import upgrading
from search.store import storage
from search.system import failpoints, locks, next_commands
from tests import old_homes
from tests.faults.searches import LIGHT, ROOT
from tracking import databases
from tracking.engines import mlflow_schema
from tracking.schemas import Schema

pytestmark = pytest.mark.slow

OLD = "mlflow-3.1.4"
# Everything that opens MLflow's database, and needs neither TensorFlow nor a network for being refused.
COMMANDS = (
    "run steps",
    "ui",
    "doctor",
    "doctor --fix",
    "compare steps/0 steps/1",
    "models",
    "keep steps",
    "promote steps/1",
    "report --out page.html",
    "export steps",
    "predict steps images.npz",
)
POINTS = ("upgrade_copied", "upgrade_migrated", "upgrade_filling:1", "upgrade_filled")


@pytest.fixture(autouse=True)
def steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The family of the old homes, which takes no TensorFlow."""
    monkeypatch.setattr(families, "__path__", [*families.__path__, str(LIGHT.parent / "families")])


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A home made with an MLflow that today's cannot open."""
    return old_homes.restore(OLD, tmp_path)


def schema(home: Path) -> Schema:
    found = tracking.schema(databases.address_of(home / "mlflow.db"))
    assert found
    return found


def contents(home: Path) -> dict[str, int]:
    """How many rows each table of both databases has, of those that a search writes."""
    mlflow = databases.counts(home / "mlflow.db", mlflow_schema.COUNTED, 1)
    return mlflow | databases.counts(home / "optuna.db", ("studies", "trials", "trial_user_attributes"), 1)


def dump(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as database:
        return list(database.iterdump())


@pytest.mark.parametrize("words", COMMANDS)
def test_what_opens_an_old_home_refuses_it_and_names_the_command_that_helps(
    words: str, old: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(old.parent)
    # Who holds a study stands in Optuna's database for a while.
    before = dump(old / "mlflow.db"), contents(old)
    name, *others = words.replace("run steps", "run --study steps --engine inline --trials 3").split()
    assert call([name, *others, "--home", str(old)]) == 2
    said = capfd.readouterr().err
    assert "has the tables of an older MLflow (schema " in said
    assert f"`{next_commands.program()} upgrade --home {old}`" in said
    assert (dump(old / "mlflow.db"), contents(old)) == before


def test_the_command_that_a_refusal_names_brings_the_home_there(old: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert call(["doctor", "--home", str(old)]) == 2
    (told,) = re.findall(f"`{re.escape(next_commands.program())} (.+?)`", capfd.readouterr().err)
    assert call(shlex.split(told)) == 0
    assert schema(old).current


def test_a_new_study_is_not_begun_where_no_run_could_be_recorded(old: Path) -> None:
    (old / "optuna.db").unlink()
    words = ["--study", "steps", "--engine", "inline", "--data", str(old.parent / "images.npz"), "--home", str(old)]
    assert call(["run", *words]) == 2
    assert not (old / "optuna.db").exists()


@pytest.mark.parametrize("name", ["mlflow-3.1.4", "mlflow-3.17.2"])
def test_an_old_home_is_upgraded_searched_on_and_moved_as_any_other(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    home = old_homes.restore(name, tmp_path)
    before, older = contents(home), schema(home).older
    assert call(["upgrade", "--home", str(home)]) == 0
    printed, said = capfd.readouterr()
    assert schema(home).current
    assert contents(home) == before
    assert ("steps: nothing is wrong" in printed) == older
    assert ("nothing to do" in said) != older
    environment = os.environ | {"PYTHONPATH": str(ROOT), "STEPS_SECONDS": "0"}
    words = ["run", "--study", "steps", "--trials", "3", "--engine", "inline", "--home", str(home)]
    subprocess.run([sys.executable, LIGHT, *words], check=True, env=environment, cwd=tmp_path)
    assert call(["doctor", "--home", str(home)]) == 0
    assert call(["export", "steps", "--home", str(home), "--out", str(tmp_path / "steps.zip")]) == 0
    assert call(["import", str(tmp_path / "steps.zip"), "--home", str(tmp_path / "other")]) == 0
    assert call(["doctor", "--home", str(tmp_path / "other")]) == 0


def test_the_way_back_that_is_told_leads_back(old: Path) -> None:
    before = dump(old / "mlflow.db")
    assert call(["upgrade", "--home", str(old)]) == 0
    assert dump(old / "mlflow.db") != before
    (told,) = old.glob(f"backups/*/{upgrading.GOING_BACK}")
    *commands, install = [line for line in told.read_text().splitlines() if line.startswith("  ")]
    subprocess.run(["sh", "-ec", "\n".join(commands)], check=True)
    assert dump(old / "mlflow.db") == before
    assert install == f"  pip install {OLD.replace('-', '==')}"


def test_a_dry_run_says_what_it_takes_and_changes_nothing(old: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = {file: file.read_bytes() for file in old.rglob("*.db*")}
    assert call(["upgrade", "--dry-run", "--home", str(old)]) == 0
    said = capfd.readouterr().err
    found = schema(old)
    assert f"from schema {found.found} to {found.wanted}" in said
    assert "MB while it lasts" in said
    assert not (old / "backups").exists()
    assert {file: file.read_bytes() for file in before} == before


def killed_at(point: str, home: Path) -> int:
    """Upgrade in a process of its own that dies at this point, and return how it ended."""
    child = os.fork()
    if not child:
        try:
            os.environ[failpoints.VARIABLE] = point
            call(["upgrade", "--home", str(home)])
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


# Libraries have begun threads, of which the child needs none.
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
@pytest.mark.parametrize("point", POINTS)
def test_an_upgrade_that_is_killed_leaves_old_or_new_and_goes_on(point: str, old: Path) -> None:
    before, began = contents(old), schema(old).found
    assert killed_at(point, old) == -signal.SIGKILL
    assert contents(old) == before
    assert schema(old).found == (schema(old).wanted if point == "upgrade_filled" else began)
    assert call(["upgrade", "--home", str(old)]) == 0
    assert schema(old).current
    assert contents(old) == before
    assert not list(old.glob(f"backups/*/{upgrading.FRESH}*"))


def test_nobody_may_search_a_home_that_is_upgraded(old: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with locks.alone(old, "steps"):
        assert call(["upgrade", "--home", str(old)]) == 2
    assert "study steps is being searched by process" in capfd.readouterr().err
    assert schema(old).older


def test_what_somebody_writes_meanwhile_is_not_written_over(
    old: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def point(name: str) -> None:
        if name == "upgrade_migrated":
            with closing(sqlite3.connect(old / "mlflow.db")) as database, database:
                database.execute("UPDATE experiments SET name = 'renamed' WHERE name = 'Default'")

    monkeypatch.setattr(failpoints, "point", point)
    assert call(["upgrade", "--home", str(old)]) == 1
    assert "somebody has written to" in capfd.readouterr().err
    assert schema(old).older
    assert databases.column(old / "mlflow.db", "SELECT name FROM experiments", 1) == ["renamed", "steps"]


def test_a_row_that_does_not_come_through_leaves_everything_as_it_was(
    old: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def point(name: str) -> None:
        if name == "upgrade_migrated":
            (fresh,) = old.glob(f"backups/*/{upgrading.FRESH}mlflow.db")
            with closing(sqlite3.connect(fresh)) as database, database:
                database.execute("DELETE FROM params WHERE key = 'width'")

    monkeypatch.setattr(failpoints, "point", point)
    before = dump(old / "mlflow.db")
    assert call(["upgrade", "--home", str(old)]) == 1
    assert "mlflow.db come through (params: " in capfd.readouterr().err
    assert dump(old / "mlflow.db") == before


@pytest.fixture
def full(old: Path) -> Path:
    """The same on a disk that is as good as full."""
    usage = os.statvfs(old)
    wanted = usage.f_bavail * usage.f_frsize
    with (old / "mlflow.db").open("r+b") as file:
        file.truncate(wanted)
    return old


def test_where_the_disk_has_no_room_nothing_is_begun(full: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert call(["upgrade", "--home", str(full)]) == 2
    assert "MB are free there, and this needs at least" in capfd.readouterr().err
    assert not (full / "backups").exists()


@pytest.mark.parametrize(("file", "library"), [("mlflow.db", "MLflow"), ("optuna.db", "Optuna")])
def test_the_home_of_a_later_library_is_refused_with_what_to_install(
    file: str, library: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    home = old_homes.restore("mlflow-3.17.2", tmp_path)
    with closing(sqlite3.connect(home / file)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = 'f00'")
    for words in (["doctor"], ["upgrade"], ["upgrade", "--dry-run"]):
        assert call([*words, "--home", str(home)]) == 2
        said = capfd.readouterr().err
        assert f"{file} has the tables of a later {library} (schema f00)" in said
        assert f"`pip install --upgrade {library.lower()}`" in said


def test_a_storage_of_an_older_optuna_is_upgraded_wherever_it_is(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    home = old_homes.restore("mlflow-3.17.2", tmp_path)
    file = (home / "optuna.db").rename(tmp_path / "trials.db")
    address = databases.address_of(file)
    # Optuna 3.2 has added this index.
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("DROP INDEX ix_trials_study_id")
        database.execute("UPDATE alembic_version SET version_num = 'v3.0.0.d'")
    words = ["--storage", address, "--home", str(home)]
    assert call(["list", *words]) == 2
    assert f"`{next_commands.program()} upgrade --storage {address}`" in capfd.readouterr().err
    assert call(["upgrade", *words]) == 0
    with storage.reading(address) as store:
        assert storage.names(store) == ["steps"]


def test_both_databases_are_copied_though_their_files_are_called_the_same(old: Path, tmp_path: Path) -> None:
    for folder, name in (("a", "optuna"), ("b", "mlflow")):
        (tmp_path / folder).mkdir()
        (old / f"{name}.db").rename(tmp_path / folder / "store.db")
    addresses = [databases.address_of(tmp_path / folder / "store.db") for folder in ("a", "b")]
    before = dump(tmp_path / "a" / "store.db"), dump(tmp_path / "b" / "store.db")
    words = ["--storage", addresses[0], "--tracking-uri", addresses[1], "--home", str(old)]
    assert call(["upgrade", *words]) == 0
    (copies,) = old.glob("backups/*")
    assert (dump(copies / "optuna.db"), dump(copies / "mlflow.db")) == before


def test_servers_are_left_to_their_owners(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    words = ["--storage", "postgresql://host/trials", "--tracking-uri", "http://127.0.0.1:9", "--home", str(tmp_path)]
    assert call(["upgrade", *words]) == 0
    said = capfd.readouterr().err
    assert "postgresql://host/trials is upgraded by its owner" in said
    assert "http://127.0.0.1:9 is upgraded by its owner" in said
