"""Whether the doctor finds all that is wrong, mends it, loses nothing by that, and is silent where nothing is wrong."""

import hashlib
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from optuna.trial import TrialState

from models.data import Images
from search.cli import call
from search.doctor.command import examine
from search.doctor.contents import PROMISED
from search.doctor.reading import read
from search.problem.settings import Settings
from search.store.study import Study
from search.system import disk, failpoints, locks
from tests.search import homes
from tests.search.breaks import BREAKS, Home, apply, assign, run
from tracking.engines.memory import MemoryTracker

ROOT = Path(__file__).parents[3]
# Searches while others look on.
SEARCHER = """
import sys
from pathlib import Path
from search.system import locks; from search.system import library_output as quiet
from tests.search import homes
from tests.support import make_images
quiet.libraries()
home = Path(sys.argv[1])
with locks.alone(home, "mlp"):
    print("begun", flush=True)
    endings = [*homes.ENDINGS[:-2], "complete", "pruned", "failed", "infeasible", "failed"]
    homes.search(home, make_images(), endings=endings)
"""
Found = list[dict[str, Any]]
MENDABLE = [name for name, broken in BREAKS.items() if broken.mended]


@pytest.fixture(scope="module")
def clean(bars: Images, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A home with a study of trials of every kind, and a copy of it: what MLflow keeps names the home's own place."""
    folder = tmp_path_factory.mktemp("doctor")
    (folder / "home").mkdir()
    homes.search(folder / "home", bars)
    shutil.copytree(folder / "home", folder / "copy")
    return folder / "home", folder / "copy"


def restore(clean: tuple[Path, Path]) -> Path:
    home, copy = clean
    shutil.rmtree(home)
    shutil.copytree(copy, home)
    return home


@pytest.fixture
def home(clean: tuple[Path, Path]) -> Path:
    """The home as it was."""
    return restore(clean)


class Doctor:
    """Calls the command, and returns what it printed for programs."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capfd = capfd
        self.said = ""

    def __call__(self, home: Path, *words: str, code: int) -> Found:
        self._capfd.readouterr()
        ended = call(["doctor", *words, "--home", str(home), "--format", "json"])
        printed, self.said = self._capfd.readouterr()
        assert ended == code, f"{printed}{self.said}"
        return json.loads(printed) if printed else []


@pytest.fixture
def doctor(capfd: pytest.CaptureFixture[str]) -> Doctor:
    return Doctor(capfd)


def whereabouts(found: Found) -> set[tuple[str, int | None]]:
    return {(finding["id"], finding["trial"]) for finding in found}


def possessions(home: Path) -> set[Any]:
    """Everything that a search has come to: what is recorded in both stores, and every artifact."""
    optuna, mlflow = home / "optuna.db", home / "mlflow.db"
    rows = {("values", row) for row in run(optuna, "SELECT trial_id, value FROM trial_values")} | {
        (table, row)
        for table, columns in (
            ("runs", "run_uuid"),
            ("metrics", "run_uuid, key, step, value, timestamp"),
            ("params", "run_uuid, key, value"),
            ("logged_models", "model_id"),
        )
        for row in run(mlflow, f"SELECT {columns} FROM {table}")
    }
    for table, columns in (
        ("trials", "trial_id, number"),
        ("trial_params", "trial_id, param_name, param_value"),
        ("trial_intermediate_values", "trial_id, step, intermediate_value"),
    ):
        rows |= {(table, row) for row in run(optuna, f"SELECT {columns} FROM {table}")}
    files = (file for file in (home / "artifacts").rglob("*") if file.is_file())
    return rows | {(str(file), hashlib.sha256(file.read_bytes()).hexdigest()) for file in files}


def everything(home: Path) -> dict[str, bytes]:
    """Every file and what is in it; of databases, what is in their tables."""
    return {
        str(file): dump(file) if file.suffix == ".db" else file.read_bytes()
        for file in home.rglob("*")
        if file.is_file() and not file.name.endswith(("-wal", "-shm"))
    }


def dump(file: Path) -> bytes:
    with closing(sqlite3.connect(file)) as database:
        return "\n".join(database.iterdump()).encode()


@pytest.mark.slow
def test_nothing_is_wrong_with_a_study_of_trials_of_every_kind(home: Path, doctor: Doctor) -> None:
    kinds = {kind: len(Home(home).numbers(kind)) for kind in ("complete", "pruned", "infeasible", "failed", "open")}
    assert kinds == {"complete": 6, "pruned": 2, "infeasible": 2, "failed": 2, "open": 2}
    assert doctor(home, code=0) == []
    assert doctor(home, "mlp", "--fix", code=0) == []
    assert not (home / "backups").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", BREAKS)
def test_what_is_wrong_is_found_and_mended_and_nothing_is_lost(name: str, home: Path, doctor: Doctor) -> None:
    trial = apply(home, name)
    before, had = everything(home), possessions(home)
    found = doctor(home, code=1)
    assert (BREAKS[name].id, trial) in whereabouts(found)
    assert everything(home) == before
    treated = doctor(home, "--fix", code=0 if BREAKS[name].mended else 1)
    assert [finding for finding in treated if finding["repaired"] != BREAKS[name].mended] == []
    assert whereabouts(treated) >= whereabouts(found)
    assert had <= possessions(home)
    if BREAKS[name].mended:
        assert doctor(home, code=0) == []


@pytest.mark.slow
@given(names=st.lists(st.sampled_from(MENDABLE), min_size=2, max_size=8, unique=True))
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_wrong_at_once_is_found_and_mended(
    names: list[str], clean: tuple[Path, Path], doctor: Doctor
) -> None:
    home = restore(clean)
    broken = {(BREAKS[name].id, apply(home, name, number)) for name, number in assign(home, names).items()}
    had = possessions(home)
    assert broken <= whereabouts(doctor(home, code=1))
    assert all(finding["repaired"] for finding in doctor(home, "--fix", code=0))
    assert doctor(home, code=0) == []
    assert had <= possessions(home)


def test_a_trained_network_leaves_what_the_doctor_looks_for(home: Path) -> None:
    folder = Home(home).artifact(0, "")
    assert {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()} == PROMISED


def test_what_was_open_is_gone_on_with_after_it_was_mended(home: Path, bars: Images, doctor: Doctor) -> None:
    names = [name for name, broken in BREAKS.items() if broken.needs in ("open", "begun") and broken.mended]
    for name, number in assign(home, names).items():
        apply(home, name, number)
    doctor(home, "--fix", code=0)
    homes.search(home, bars, endings=["complete" if ending == "interrupted" else ending for ending in homes.ENDINGS])
    assert len(Home(home).numbers("complete")) == 8
    assert doctor(home, code=0) == []


def test_a_study_that_is_searched_is_only_looked_at_and_its_driver_named(home: Path, doctor: Doctor) -> None:
    apply(home, "I3 the run is KILLED, the trial complete")
    with locks.alone(home, "mlp"):
        before = everything(home)
        assert doctor(home, "mlp", "--fix", code=2) == []
        assert "study mlp is being searched by process" in doctor.said
        found = doctor(home, "--fix", code=1)
        assert [(finding["id"], finding["repaired"]) for finding in found] == [("I3", False)]
        assert "study mlp is being searched by process" in doctor.said
        assert everything(home) == before
    assert all(finding["repaired"] for finding in doctor(home, "--fix", code=0))


@pytest.mark.parametrize(
    "name",
    [
        "I5 the run is RUNNING, and nobody searches",
        "I3 the run is FAILED, the trial open",
        "I1 the run of an open trial is gone",
        "I1 the trial names no run",
        "I2 a run of a trial that is not there",
        "I4 Optuna was not told that a trial is complete",
        *(name for name in BREAKS if name.startswith("I14")),
    ],
)
def test_what_is_on_its_way_while_a_driver_lives_is_not_wrong(name: str, home: Path, doctor: Doctor) -> None:
    apply(home, name)
    assert doctor(home, code=1) != []
    with locks.alone(home, "mlp"):
        assert doctor(home, code=0) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "point",
    ["after_open", "after_metrics:4", "before_tell", "after_tell:2"],
)
def test_what_a_killed_driver_leaves_is_mended_and_gone_on_with(point: str, home: Path, doctor: Doctor) -> None:
    command = [sys.executable, "-c", SEARCHER, str(home)]
    killed = subprocess.run(command, env={**os.environ, failpoints.VARIABLE: point}, cwd=ROOT, check=False)
    assert killed.returncode == -9
    had = possessions(home)
    doctor(home, "--fix", code=0)
    assert doctor(home, code=0) == []
    assert had <= possessions(home)
    subprocess.run(command, cwd=ROOT, check=True)
    assert doctor(home, code=0) == []
    assert Home(home).numbers("open") == Home(home).numbers("waiting") == []
    assert len(Home(home).numbers("over")) == 17


@pytest.mark.slow
def test_there_is_no_false_alarm_while_a_search_goes_on(home: Path, doctor: Doctor) -> None:
    looks = 0
    command = [sys.executable, "-c", SEARCHER, str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as searcher:
        assert searcher.stdout is not None
        searcher.stdout.readline()
        while searcher.poll() is None:
            assert doctor(home, code=0) == []
            looks += 1
    assert searcher.returncode == 0
    assert looks > 3
    assert doctor(home, code=0) == []


def test_the_databases_are_copied_for_their_owner_alone_before_they_are_changed(home: Path, doctor: Doctor) -> None:
    apply(home, "I3 the run is KILLED, the trial complete")
    before = {name: dump(home / name) for name in ("optuna.db", "mlflow.db")}
    doctor(home, "--fix", code=0)
    (folder,) = (home / "backups").iterdir()
    copies = {file.name: dump(file) for file in folder.iterdir()}
    # Who holds a study stands in it as long as that is so.
    copies["optuna.db"] = b"\n".join(line for line in copies["optuna.db"].split(b"\n") if b"'held_by" not in line)
    assert copies == before
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (folder.parent, folder)}
    assert modes == {0o700}
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


def test_open_trials_fail_in_both_stores_where_they_are_abandoned(home: Path, doctor: Doctor) -> None:
    left = Home(home).numbers("open")
    apply(home, "I14 the run of an open trial waits", left[0])
    assert doctor(home, "--abandon", code=2) == []
    found = doctor(home, "--fix", "--abandon", code=0)
    assert {("I5", number) for number in left} <= whereabouts(found)
    assert Home(home).numbers("open") == []
    assert set(left) <= set(Home(home).numbers("failed"))
    for number in left:
        (status,) = Home(home).mlflow("SELECT status FROM runs WHERE run_uuid = ?", Home(home).run(number))
        assert status == ("FAILED",)
    assert doctor(home, code=0) == []


def garble(file: Path) -> None:
    file.write_bytes(b"an old shopping list " * 500)


def empty(file: Path) -> None:
    file.with_name(f"{file.name}-wal").unlink(missing_ok=True)
    run(file, "DROP TABLE alembic_version")


@pytest.mark.parametrize("database", ["optuna.db", "mlflow.db"])
@pytest.mark.parametrize("damage", [garble, empty])
def test_a_database_that_cannot_be_read_is_named_with_a_way_out(
    damage: Callable[[Path], None], database: str, home: Path, doctor: Doctor
) -> None:
    damage(home / database)
    for words in ((), ("--fix",)):
        assert doctor(home, *words, code=2) == []
        assert f"{home / database}" in doctor.said
        assert "Traceback" not in doctor.said


@pytest.mark.parametrize(
    ("statement", "database"),
    [
        ("UPDATE trials SET state = 'LOST'", "optuna.db"),
        ("UPDATE trial_user_attributes SET value_json = '{'", "optuna.db"),
        ("UPDATE trial_params SET distribution_json = '{}'", "optuna.db"),
        ("UPDATE alembic_version SET version_num = 'v3.0.0.d'", "optuna.db"),
        ("UPDATE alembic_version SET version_num = 'f5a4f2784254'", "mlflow.db"),
    ],
)
def test_what_the_libraries_cannot_read_is_said_in_a_sentence(
    statement: str, database: str, home: Path, doctor: Doctor
) -> None:
    run(home / database, statement)
    assert doctor(home, "mlp", code=2) == []
    assert doctor.said.startswith("error: ")
    assert "Traceback" not in doctor.said


def test_a_damaged_index_is_for_a_person_to_mend(home: Path, doctor: Doctor) -> None:
    with closing(sqlite3.connect(home / "mlflow.db")) as database:
        database.executescript(
            "CREATE INDEX lost ON runs (name); PRAGMA writable_schema = ON;"
            "DELETE FROM sqlite_master WHERE name = 'lost';"
        )
    (finding,) = doctor(home, "--fix", code=1)
    assert (finding["id"], finding["repaired"]) == ("I13", False)
    assert "mlflow.db is damaged" in finding["text"]
    assert "sqlite3" in finding["repair"]


def test_a_disk_that_is_nearly_full_is_named(home: Path, doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "megabytes_free", lambda folder: 12.0)
    (finding,) = doctor(home, code=1)
    assert (finding["id"], finding["trial"]) == ("I13", None)
    assert finding["text"] == f"12 MB are free in {home}, fewer than 200"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nosuch"], "no study named 'nosuch'"),
        (["--tracking-uri", "memory:"], "memory: keeps nothing"),
        (["--tracking-uri", "sqlite:///{home}/optuna.db"], "cannot share a database"),
        (["--storage", "sqlite:///{home}/nothing.db"], "nothing has been searched here yet"),
    ],
)
def test_what_cannot_be_looked_at_is_refused_with_a_way_out(
    words: list[str], message: str, home: Path, doctor: Doctor
) -> None:
    assert doctor(home, *(word.format(home=home) for word in words), code=2) == []
    assert message in doctor.said


def test_a_finding_is_one_line_with_its_invariant_its_place_and_what_becomes_of_it(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    apply(home, "I3 the run is KILLED, the trial complete")
    for words, fate in (([], "with --fix"), (["--fix"], "mended")):
        capfd.readouterr()
        call(["doctor", "--home", str(home), *words])
        first, *_, last = capfd.readouterr().out.splitlines()
        assert first == (
            f"I3 mlp/0: COMPLETE, and its run is KILLED and says COMPLETE ({fate}: the run is set from the trial)"
        )
        assert last == f"mlp: 1 found, {len(words)} mended, {1 - len(words)} remain"


def test_a_home_without_a_database_of_runs_is_one_in_which_all_runs_are_gone(home: Path, doctor: Doctor) -> None:
    for file in home.glob("mlflow.db*"):
        file.unlink()
    assert {finding["id"] for finding in doctor(home, code=1)} == {"I1"}
    assert not (home / "mlflow.db").exists()
    doctor(home, "--fix", code=0)
    assert doctor(home, code=0) == []


def test_twice_the_trials_are_twice_the_work_for_the_doctor(
    settle: Callable[..., Settings], open_study: Callable[..., Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    study, tracker = open_study(settle()), MemoryTracker()
    asked: list[int] = []
    key = Study.key
    monkeypatch.setattr(Study, "key", lambda study, number: asked.append(number) or key(study, number))
    work = []
    for _ in range(2):
        for _ in range(30):
            trial = study.ask()
            begun = tracker.run("mlp", study.key(trial.number), f"run {trial.number}", {})
            study.link(trial.number, begun.id)
            study.tell(trial, TrialState.FAIL)
        asked.clear()
        examine(read(study, tracker, held=True))
        work.append(len(asked))
    assert work[1] <= 2 * work[0]
