"""A study that is deleted is gone from both stores and the disk; what others have stays, and so does its export."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import tracking
from models.data import Images
from search.cli import call
from search.problem.settings import Place
from search.store import storage
from search.system import locks
from tests.search import homes
from tracking.spool import Spool

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
ENDINGS = ("complete", "complete", "pruned", "failed", "interrupted")


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory, bars: Images) -> Path:
    home = tmp_path_factory.mktemp("searched")
    homes.search(home, bars, "mlp", ENDINGS)
    homes.search(home, bars, "other", ("complete",))
    return home


@pytest.fixture
def home(searched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """One of the test's own at the same place: both stores hold whole addresses."""
    monkeypatch.chdir(tmp_path)
    kept = shutil.copytree(searched, tmp_path / "kept")
    yield searched
    shutil.rmtree(searched)
    shutil.copytree(kept, searched)


def delete(home: Path, *words: str) -> int:
    return call(["delete", "mlp", "--home", str(home), *words])


def files(home: Path, study: str) -> list[Path]:
    return [file for file in (home / "artifacts" / study).rglob("*") if file.is_file()]


def studies(home: Path) -> list[str]:
    with storage.reading(Place.at(home, None, None).storage) as store:
        return storage.names(store)


def test_a_study_that_is_deleted_leaves_nothing_but_its_export(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = len(files(home, "other"))
    assert files(home, "mlp")
    assert delete(home, "--yes") == 0
    said = capfd.readouterr().out
    assert "to be deleted: study mlp: 8 trials, 6 runs, 3 models of" in said
    assert studies(home) == ["other"]
    assert files(home, "mlp") == []
    assert len(files(home, "other")) == before
    assert not (home / "checkpoints" / "mlp").exists()
    assert Spool(home / "spool").keys() == []
    assert call(["doctor", "--home", str(home)]) == 0
    assert call(["import", "mlp.zip", "--home", str(home)]) == 0, "its name is free again"
    assert call(["doctor", "--home", str(home)]) == 0
    assert "mlp/0: complete" in (call(["show", "mlp/0", "--home", str(home)]), capfd.readouterr().out)[1]


def test_what_mlflow_keeps_is_removed_by_the_command_that_is_told(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert delete(home, "--yes", "--no-export") == 0
    command = capfd.readouterr().out.split("`")[-2]
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "permanently deleted" in done.stdout
    assert call(["compare", "other", "--home", str(home)]) == 0


def test_a_person_is_asked_and_where_nobody_is_nothing_goes(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert delete(home) == 2
    assert "nobody can be asked here" in capfd.readouterr().err
    with locks.alone(home, "mlp"):
        assert delete(home, "--yes", "--no-export") == 2
    assert "is being searched by process" in capfd.readouterr().err
    (home.cwd() / "mlp.zip").write_text("somebody's")
    assert delete(home, "--yes") == 2
    assert studies(home) == ["mlp", "other"]


def test_a_registered_version_stays_unless_it_is_to_go_as_well(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    place = Place.at(home, None, None)
    with closing(tracking.connect(place.tracking_uri, home / "artifacts")) as tracker:
        run = next(run for run in tracker.records("mlp") if tracking.MODEL_TAG in run.tags)
    registry = tracking.open_registry(place.tracking_uri)
    assert registry is not None
    with closing(registry):
        registry.register("bars-mlp", run.id, {}, "")
        assert delete(home, "--yes", "--no-export") == 2
        refused = capfd.readouterr().err
        assert "models:/bars-mlp/1 would be left without a model" in refused
        assert "--yes --no-export --registered` deletes that, too" in refused
        assert delete(home, "--yes", "--no-export", "--registered") == 0
        assert registry.versions() == []


def test_what_was_killed_in_the_middle_goes_on(home: Path) -> None:
    words = [sys.executable, "-m", "search", "delete", "mlp", "--yes", "--home", str(home)]
    environment = os.environ | {"SEARCH_CRASH_AT": "after_removal:1", "PYTHONPATH": str(ROOT)}
    assert subprocess.run(words, env=environment, check=False).returncode != 0
    export = (home.cwd() / "mlp.zip").stat().st_mtime_ns
    assert call(["run", "--study", "mlp", "--home", str(home)]) == 2
    assert delete(home, "--yes") == 0
    assert studies(home) == ["other"]
    assert (home.cwd() / "mlp.zip").stat().st_mtime_ns == export, "it was whole already"
