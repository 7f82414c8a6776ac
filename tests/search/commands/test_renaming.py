"""A study under another name is the same study: in both stores, on the disk, and wherever it goes."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import tracking
from models.data import Images
from search.cli import call
from search.problem.settings import Place
from search.store import results, storage
from tests.search import homes

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, bars: Images) -> Path:
    folder = tmp_path_factory.mktemp("renamed")
    homes.search(folder, bars, "mlp", ("complete", "complete", "interrupted"))
    homes.search(folder, bars, "other", ("complete",))
    place = Place.at(folder, None, None)
    with storage.reading(place.storage) as store:
        run = results.one(store, "mlp/0").run
    registry = tracking.open_registry(place.tracking_uri)
    assert registry is not None
    with closing(registry):
        registry.register("bars-mlp", run, {"search.study": "mlp", "search.finalist": "mlp/0"}, "")
    words = [sys.executable, "-m", "search", "rename", "mlp", "shirts", "--home", str(folder)]
    environment = os.environ | {"SEARCH_CRASH_AT": "before_rename:1", "PYTHONPATH": str(ROOT)}
    assert subprocess.run(words, env=environment, check=False).returncode != 0
    assert call(["run", "--study", "mlp", "--engine", "inline", "--home", str(folder)]) == 2, "it is half renamed"
    assert call(["rename", "mlp", "shirts", "--home", str(folder)]) == 0
    return folder


def test_a_renamed_study_is_sound(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert call(["list", "--home", str(home)]) == 0
    assert "shirts" in capfd.readouterr().out
    assert call(["doctor", "--home", str(home)]) in (0, 1)
    assert "other, shirts: nothing is wrong" in capfd.readouterr().out
    assert (home / "checkpoints" / "shirts").is_dir()
    assert call(["show", "mlp", "--home", str(home)]) == 2


def test_its_models_are_found_under_the_address_that_is_shown(home: Path) -> None:
    place = Place.at(home, None, None)
    with storage.reading(place.storage) as store:
        found = results.one(store, "shirts/0")
    with closing(tracking.connect(place.tracking_uri, home / "artifacts")) as tracker:
        assert found.model == tracking.model_address(found.run, tracker.record(found.run).name)
        assert {run.tags["search.study"] for run in tracker.records("shirts")} == {"shirts"}
    (version,) = tracking.open_registry(place.tracking_uri).versions()  # type: ignore[union-attr]  # it is there
    assert (version.name, version.tags["search.finalist"]) == ("bars-mlp", "shirts/0")


def test_it_goes_to_another_home_and_is_the_same_there(home: Path, tmp_path: Path) -> None:
    assert call(["export", "shirts", "--out", str(tmp_path / "shirts.zip"), "--home", str(home)]) == 0
    there = tmp_path / "there"
    assert call(["import", str(tmp_path / "shirts.zip"), "--home", str(there)]) == 0
    assert call(["doctor", "--home", str(there)]) == 0
    with storage.reading(Place.at(there, None, None).storage) as store:
        found = results.one(store, "shirts/0")
    assert found.model == tracking.model_address(found.run, "shirts-0000")


def test_a_name_that_is_taken_or_no_name_is_refused(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name, said in (("other", "there is a study other already"), ("A/B", "a study's name has")):
        assert call(["rename", "shirts", name, "--home", str(home)]) == 2
        assert said in capfd.readouterr().err
