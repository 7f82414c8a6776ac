"""One home for all who follow advice: studies whose trials ended in every way, on images that are there."""

import json
from pathlib import Path

import pytest

from models.data import load
from tests.advice.following import Reader
from tests.search import homes
from tests.search.breaks import Home


@pytest.fixture(scope="session")
def advised(tmp_path_factory: pytest.TempPathFactory, bars_file: Path) -> Path:
    folder = tmp_path_factory.mktemp("advised") / "a home"
    folder.mkdir()
    images = load(str(bars_file), cache=folder / "cache")
    homes.search(folder, images, "mlp", ("complete", "complete", "failed", "interrupted"))
    homes.search(folder, images, "poor", ("failed",))
    homes.search(folder, images, "two", ("complete", "complete"), objective="val_accuracy,parameters")
    for study in ("mlp", "poor", "two"):
        begun_on(Home(folder, study), bars_file)
    return folder


def begun_on(home: Home, data: Path) -> None:
    """Let a study remember where its images are."""
    where = "study_id = ? AND key = 'settings'"
    ((settings,),) = home.optuna(f"SELECT value_json FROM study_user_attributes WHERE {where}", home.id)
    known = json.dumps(json.loads(settings) | {"data": str(data)})
    home.optuna(f"UPDATE study_user_attributes SET value_json = ? WHERE {where}", known, home.id)


@pytest.fixture
def reader(advised: Path, bars_file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Reader:
    return Reader(advised, capfd, FILE=str(bars_file), IMAGE=str(bars_file))
