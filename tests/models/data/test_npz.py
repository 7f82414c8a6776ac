from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.data import DataError, Shape, load

Write = Callable[..., str]


def arrays() -> dict[str, Any]:
    random = np.random.default_rng(0)
    return {
        "x_train": random.integers(0, 256, (12, 5, 4), np.uint8),
        "y_train": np.arange(12) % 3,
        "x_test": random.integers(0, 256, (6, 5, 4), np.uint8),
        "y_test": np.arange(6) % 3,
    }


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a good file, some arrays of which are replaced (None: left out)."""

    def to_file(**changed: Any) -> str:
        file = tmp_path / "birds.npz"
        kept = {name: array for name, array in {**arrays(), **changed}.items() if array is not None}
        np.savez(file, **kept)
        return str(file)

    return to_file


def test_a_file_of_grey_images_is_read(write: Write, tmp_path: Path) -> None:
    images = load(write(), cache=tmp_path)
    assert images.name == "birds"
    assert images.source.endswith("birds.npz")
    assert images.class_names == ("0", "1", "2")
    assert images.shape == Shape(5, 4, 1, 3)
    assert np.array_equal(images.test.images[..., 0], arrays()["x_test"])
    assert (len(images.train), len(images.validation), len(images.test)) == (9, 3, 6)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_channel_axis_is_kept(write: Write, tmp_path: Path, channels: int) -> None:
    train, test = (np.zeros((size, 5, 4, channels), np.uint8) for size in (12, 6))
    assert load(write(x_train=train, x_test=test), cache=tmp_path).shape == Shape(5, 4, channels, 3)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int64", ">u4", "uint64"])
def test_whole_numbers_up_to_255_are_taken_as_they_are(write: Write, tmp_path: Path, dtype: str) -> None:
    good = load(write(), cache=tmp_path)
    same = load(write(**{name: array.astype(dtype) for name, array in arrays().items()}), cache=tmp_path)
    assert same.digest == good.digest


def test_class_names_may_be_any_strings(write: Write, tmp_path: Path) -> None:
    assert load(write(class_names=["жаворонок", "a b", "c"]), cache=tmp_path).class_names == ("жаворонок", "a b", "c")
    assert load(write(class_names=np.array([b"a", b"b", b"c"])), cache=tmp_path).class_names == ("a", "b", "c")


def test_a_class_may_be_missing_from_the_test_images(write: Write, tmp_path: Path) -> None:
    assert load(write(y_test=np.zeros(6, int)), cache=tmp_path).shape.classes == 3


def test_arrays_that_are_not_used_are_named(write: Write, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    load(write(classnames=["a", "b", "c"]), cache=tmp_path)
    assert "not used: classnames" in caplog.text


NAN = np.full((12, 5, 4), np.nan, np.float32)

REFUSED = {
    "fractions": ({"x_train": np.ones((12, 5, 4), np.float32)}, r"x_train holds float32; store uint8: numpy\.rint"),
    "NaN": ({"x_train": NAN}, "x_train holds float32, with NaN"),
    "complex": ({"x_train": np.ones((12, 5, 4), complex)}, "x_train holds complex128"),
    "strings for images": ({"x_test": np.full((6, 5, 4), "a")}, "x_test holds <U1"),
    "too bright": ({"x_train": np.full((12, 5, 4), 256)}, "x_train goes from 256 to 256"),
    "negative": ({"x_test": np.full((6, 5, 4), -1)}, "x_test goes from -1"),
    "flat": ({"x_train": np.ones((12, 20), np.uint8)}, r"x_train has the shape \(12, 20\)"),
    "two channels": ({"x_train": np.ones((12, 5, 4, 2), np.uint8)}, "x_train has the shape"),
    "channels first": ({"x_train": np.ones((12, 3, 5, 4), np.uint8)}, "x_train has the shape"),
    "no width": ({"x_train": np.ones((12, 5, 0), np.uint8)}, "x_train has the shape"),
    "no test images": ({"x_test": np.ones((0, 5, 4), np.uint8), "y_test": np.ones(0, int)}, "x_test has the shape"),
    "another size": ({"x_test": np.ones((6, 5, 5), np.uint8)}, r"x_test holds images of \(5, 5, 1\), x_train of"),
    "another colour": ({"x_test": np.ones((6, 5, 4, 3), np.uint8)}, r"x_test holds images of \(5, 4, 3\)"),
    "objects": ({"y_train": np.array([None] * 12)}, "cannot be read .*no objects"),
    "no labels": ({"y_train": None}, "has no array y_train; it needs x_train, y_train, x_test, y_test"),
    "a label too few": ({"y_train": np.arange(11) % 3}, "y_train has 11 labels for 12 images"),
    "one-hot labels": ({"y_train": np.eye(3)[np.arange(12) % 3]}, r"y_train has the shape \(12, 3\)"),
    "fractional labels": ({"y_test": np.full(6, 0.5)}, "y_test holds float64"),
    "labels not finite": ({"y_train": np.full(12, np.nan)}, "y_train holds float64"),
    "negative labels": ({"y_train": np.arange(12) % 3 - 2}, "y_train holds -2; labels count from 0"),
    "huge labels": ({"y_train": np.full(12, 2**63, np.uint64)}, "y_train holds 9223372036854775808"),
    "a gap": ({"y_train": np.arange(12) % 3 * 10**12}, "y_train has no image of class 1, of classes 0 to"),
    "from one": ({"y_train": np.arange(12) % 3 + 1}, "y_train has no image of class 0"),
    "a class to test only": ({"y_test": np.arange(6)}, "y_train has no image of class 3"),
    "a name without images": ({"class_names": ["a", "b", "c", "d"]}, "y_train has no image of class 3 .'d'."),
    "too few names": ({"class_names": ["a", "b"]}, "class_names has 2 names for labels up to 2"),
    "a name twice": ({"class_names": ["a", "b", "a"]}, "class_names has an empty name or one twice"),
    "numbers for names": ({"class_names": [1, 2, 3]}, "class_names holds int64"),
    "no names": ({"class_names": np.array([], str)}, "class_names holds"),
    "Latin-1 names": ({"class_names": np.array([b"\xe9", b"b", b"c"])}, "class_names is not UTF-8"),
    "one class": ({"y_train": np.zeros(12, int), "y_test": np.zeros(6, int)}, "y_train has one class only"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_used_is_named(write: Write, tmp_path: Path, case: str) -> None:
    changed, words = REFUSED[case]
    with pytest.raises(DataError, match=rf"birds\.npz:? {words}"):
        load(write(**changed), cache=tmp_path)


@pytest.mark.parametrize("content", [b"", b"<html>", b"PK\x03\x04", b"\x93NUMPY\x01\x00"])
def test_a_file_that_is_no_archive_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "birds.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"birds\.npz cannot be read"):
        load(str(tmp_path / "birds.npz"), cache=tmp_path)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_damage_never_goes_unnoticed(tmp_path: Path, save: Callable[..., None]) -> None:
    file = tmp_path / "birds.npz"
    save(file, **arrays())
    good, digest = file.read_bytes(), load(str(file), cache=tmp_path).digest
    for position in range(0, len(good), 7):
        file.write_bytes(good[:position] + bytes([good[position] ^ 0x10]) + good[position + 1 :])
        try:
            found = load(str(file), cache=tmp_path).digest
        except DataError:
            continue
        assert found == digest  # nothing that matters: the date of a member
