"""`predict` as a person types it."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from models.arrays import sha256
from models.data.images import Shape
from search.cli import call
from tests.search.commands.predict.conftest import Home
from tests.support import configuration

pytestmark = pytest.mark.slow


def accuracy(home: Home, capfd: pytest.CaptureFixture[str]) -> float:
    """Return what the search came to on the test images."""
    capfd.readouterr()
    home.call("best", "mlp", "--format", "json")
    return json.loads(capfd.readouterr().out)["metrics"]["test_accuracy"]


def test_a_file_of_arrays_gets_the_very_answers_of_the_trial(
    home: Home, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "таблица.csv"
    expected = accuracy(home, capfd)
    assert home.call("predict", "mlp", home.data, "--out", out) == 0
    said = capfd.readouterr()
    assert said.out == ""
    assert f"accuracy {expected:.4f} on the 120 whose class is known" in said.err
    with out.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    with np.load(home.data, allow_pickle=False) as arrays:
        right = [row["class"] == str(label) for row, label in zip(rows, arrays["y_test"], strict=True)]
    assert np.mean(right) == expected
    assert rows[119]["image"] == f"{home.data}:119"


def told(answer: dict[str, Any]) -> dict[str, float]:
    """Return the probabilities of an answer by class, likeliest first."""
    return {one["class"]: one["probability"] for one in answer["top"]}


def test_the_same_picture_is_the_same_whatever_its_form(
    home: Home, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = home.picture(tmp_path / "a.png")
    with Image.open(file) as picture:
        picture.convert("RGB").save(tmp_path / "b.webp", lossless=True)
    assert home.call("predict", "mlp/0", tmp_path, home.data, "--format", "json") == 0
    first, second, array = json.loads(capfd.readouterr().out)[:3]
    # Of so many images at once, sums have other roundings.
    for other in (second, array):
        assert told(first) == pytest.approx(told(other), abs=2e-6)
    assert [first["image"], second["image"]] == [str(file), str(tmp_path / "b.webp")]


def test_a_negative_is_found_and_told(home: Home, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = home.picture(tmp_path / "a.png")
    with Image.open(file) as picture:
        Image.fromarray(255 - np.asarray(picture)).save(tmp_path / "b.png")
    assert home.call("predict", "mlp", tmp_path, "--format", "csv") == 0
    said = capfd.readouterr()
    _, one, other = csv.reader(said.out.splitlines())
    assert one[1:] == other[1:]
    assert "1 negated: shown on light, where training images are on dark" in said.err


def test_what_cannot_be_read_is_named_and_the_rest_is_answered(
    home: Home, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    home.picture(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    assert home.call("predict", "mlp", tmp_path) == 1
    said = capfd.readouterr()
    assert f"{tmp_path / 'b.png'} cannot be read as a picture (it is in none of the formats BMP, " in said.err
    assert "1 could not be read, and are left out" in said.err
    assert len(said.out.splitlines()) == 2


def test_a_file_that_turns_out_to_be_damaged_leaves_the_earlier_answers(home: Home, tmp_path: Path) -> None:
    out, damaged = tmp_path / "out.csv", tmp_path / "some.npz"
    assert home.call("predict", "mlp", home.data, "--out", out) == 0
    before = out.read_bytes()
    np.savez(damaged, x_test=np.zeros((2_500, 28, 28), np.uint8))
    data = bytearray(damaged.read_bytes())
    data[-5_000] ^= 1
    damaged.write_bytes(data)
    assert home.call("predict", "mlp", damaged, "--out", out) == 2
    assert out.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == [out, damaged]


def test_a_file_from_elsewhere_is_asked_once_it_is_trusted(
    home: Home, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "other.keras"
    configuration("mlp").build(Shape(28, 28, 1, 10), seed=1).save(file)
    assert home.call("predict", file, home.data) == 2
    assert home.call("predict", file, home.data, "--trust-file", sha256(file), "--format", "csv") == 0
    assert len(capfd.readouterr().out.splitlines()) == 121


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["predict", "siamese", "DATA"], "-m search nearest siamese/0 IMAGE --home"),
        (["predict", "nothing", "DATA"], "no model 'nothing'"),
        (["predict", "mlp", "nowhere.png"], "nowhere.png: no such file or folder"),
        (["predict", "mlp", "DATA", "--out", "DATA"], "this is what the model is asked about; name another file"),
        (["predict", "mlp", "DATA", "--out", "THESIS"], "is there and is no table of predictions; name another file"),
        (["predict", "mlp", "FAR"], "labels go up to 10, and mlp/0 knows 10 classes"),
        (["predict", "mlp"], "IMAGE"),
    ],
)
def test_wrong_usage_is_answered_before_anything_is_written(
    home: Home, tmp_path: Path, capfd: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    thesis = tmp_path / "thesis.txt"
    thesis.write_text("of five years")
    np.savez(tmp_path / "far.npz", x_test=np.zeros((2, 28, 28), np.uint8), y_test=[0, 10])
    named = {"DATA": home.data, "THESIS": thesis, "FAR": tmp_path / "far.npz"}
    assert call([*(str(named.get(word, word)) for word in words), "--home", str(home.folder)]) == 2
    said = capfd.readouterr()
    assert message in said.err
    assert "Traceback" not in said.err
    assert said.out == ""
    assert thesis.read_text() == "of five years"
