"""`nearest` as a person types it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.data import load
from search.cli import call
from search.commands.predict.gallery import training_images
from search.problem.settings import Place
from search.registry.named import Kept
from search.store import storage
from tests.search.commands.predict.conftest import Home

pytestmark = pytest.mark.slow


def found(home: Home, out: Path, capfd: pytest.CaptureFixture[str], *words: object) -> list[dict]:
    capfd.readouterr()
    assert home.call("nearest", "siamese", *words, "--out", out, "--format", "json") == 0
    return json.loads(capfd.readouterr().out)


def test_a_training_image_is_nearest_to_itself(home: Home, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    query = home.picture(tmp_path / "a.png", 17, "x_train")
    rows = found(home, tmp_path / "sheet.png", capfd, query, "--k", 4)
    train = load(str(home.data), cache=home.folder / "cache").train
    with Image.open(query) as picture:
        assert np.array_equal(train.images[rows[0]["position"], ..., 0], np.asarray(picture))
    assert rows[0]["distance"] == pytest.approx(0, abs=1e-5)
    assert [row["rank"] for row in rows] == [1, 2, 3, 4]
    assert [row["class"] for row in rows] == [str(train.labels[row["position"]]) for row in rows]
    distances = [row["distance"] for row in rows]
    assert distances == sorted(distances)


def test_the_sheet_has_a_row_for_each_picture(home: Home, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "sheet.png"
    heights = []
    for position in range(2):
        home.picture(tmp_path / f"{position}.png", position)
        assert len(found(home, out, capfd, *tmp_path.glob("?.png"))) == 3 * (position + 1)
        with Image.open(out) as sheet:
            heights.append(sheet.height)
    assert heights[1] > heights[0]


def test_training_images_are_looked_at_once(home: Home, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(home.folder / "cache" / "embeddings", ignore_errors=True)
    query = home.picture(tmp_path / "a.png")
    words = ("nearest", "siamese", query, "--out", tmp_path / "sheet.png")
    assert home.call(*words) == 0
    first = capfd.readouterr()
    assert home.call(*words) == 0
    second = capfd.readouterr()
    assert "looking at all 360 training images, this once" in first.err
    assert "looking" not in second.err
    assert first.out == second.out


def test_a_picture_that_cannot_be_read_is_named_and_the_others_are_looked_for(
    home: Home, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    home.picture(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    assert home.call("nearest", "siamese", tmp_path, "--out", tmp_path / "sheet.png") == 1
    assert f"{tmp_path / 'b.png'} cannot be read" in capfd.readouterr().err
    assert (tmp_path / "sheet.png").exists()


def test_other_training_images_than_the_models_are_refused(
    home: Home, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    query = home.picture(tmp_path / "a.png")
    kept = home.data.read_bytes()
    with np.load(home.data, allow_pickle=False) as arrays:
        changed = dict(arrays) | {"x_train": arrays["x_train"][::-1]}
    np.savez(home.data, **changed)
    try:
        assert home.call("nearest", "siamese", query, "--out", tmp_path / "sheet.png") == 2
    finally:
        home.data.write_bytes(kept)
    assert "siamese/0 was trained on other images than" in capfd.readouterr().err
    assert not (tmp_path / "sheet.png").exists()


def test_what_was_confirmed_has_its_validation_images_among_the_others(home: Home) -> None:
    images = load(str(home.data), cache=home.folder / "cache")
    place = Place.at(home.folder, None, None)
    kept = Kept("siamese/0", home.data, study="siamese", digest=images.digest)
    with storage.reading(place.storage) as store:
        assert len(training_images(kept, place, store)) == 360
        assert len(training_images(replace(kept, digest=images.all_to_train().digest), place, store)) == 400


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nearest", "mlp", "PICTURE"], "-m search predict mlp/0 IMAGE --home"),
        (["nearest", "siamese", "DATA"], "120 pictures are too many for one sheet; give 50 or fewer"),
        (["nearest", "siamese", "BROKEN"], "none of the pictures can be read; give others"),
        (["nearest", "siamese", "PICTURE", "--out", "PICTURE"], "is there and is no sheet of nearest images"),
        (["nearest", "siamese", "PICTURE", "--k", "0"], "--k"),
    ],
)
def test_wrong_usage_is_answered_before_anything_is_written(
    home: Home,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    picture = home.picture(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    named = {"DATA": home.data, "PICTURE": picture, "BROKEN": tmp_path / "b.png"}
    before = picture.read_bytes()
    assert call([*(str(named.get(word, word)) for word in words), "--home", str(home.folder)]) == 2
    said = capfd.readouterr()
    assert message in said.err
    assert "Traceback" not in said.err
    assert picture.read_bytes() == before
    assert not (tmp_path / "nearest.png").exists()
