"""Whether the doctor finds all that is wrong, mends it, loses nothing by that, and is silent where nothing is wrong."""

import fcntl
import hashlib
import json
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.data import Images
from search.cli import call
from search.doctor import contents
from tests.search import homes
from tests.search.breaks import BREAKS, Home, apply, assign, run

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


def test_nothing_is_wrong_with_a_study_of_trials_of_every_kind(home: Path, doctor: Doctor) -> None:
    kinds = {kind: len(Home(home).numbers(kind)) for kind in ("complete", "pruned", "infeasible", "failed", "open")}
    assert kinds == {"complete": 6, "pruned": 2, "infeasible": 2, "failed": 2, "open": 2}
    assert doctor(home, code=0) == []
    assert doctor(home, "mlp", "--fix", code=0) == []
    assert not (home / "backups").exists()


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


@given(names=st.lists(st.sampled_from(MENDABLE), min_size=2, max_size=8, unique=True))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
