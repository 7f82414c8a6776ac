import re
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


def test_arrays_may_be_called_as_in_medmnist(write: Write, tmp_path: Path) -> None:
    good = arrays()
    usual = load(write(x_val=good["x_test"][:3], y_val=good["y_test"][:3]), cache=tmp_path)
    other = {
        "train_images": good["x_train"],
        "train_labels": good["y_train"].reshape(-1, 1).astype(np.uint8),
        "val_images": good["x_test"][:3],
        "val_labels": good["y_test"][:3].reshape(-1, 1),
        "test_images": good["x_test"],
        "test_labels": good["y_test"].reshape(-1, 1),
    }
    images = load(write(**dict.fromkeys(good), **other), cache=tmp_path)
    assert images.digest == usual.digest
    assert images.notes == ("validation images are those of val_images; none are drawn from those to train on",)


@pytest.mark.parametrize("names", [("x", "y"), ("images", "labels"), ("x_train", "y_train")])
def test_of_images_in_no_parts_some_are_set_aside_to_test_on(
    write: Write, tmp_path: Path, names: tuple[str, str]
) -> None:
    good = arrays()
    without = dict.fromkeys(good) | dict(zip(names, (good["x_train"], good["y_train"]), strict=True))
    images = load(write(**without), cache=tmp_path, test_share=0.25)
    assert (len(images.train), len(images.validation), len(images.test)) == (6, 3, 3)
    assert "3 images, about 25 % of each class, are set aside as test images" in images.notes[-1]


def test_which_arrays_are_meant_is_asked_where_there_are_two(write: Write, tmp_path: Path) -> None:
    good = arrays()
    with pytest.raises(DataError, match="birds.npz has x_train and train_images: which are to train on"):
        load(write(train_images=good["x_train"], train_labels=good["y_train"]), cache=tmp_path)
    alone = {"x": good["x_train"], "y": good["y_train"], "images": good["x_test"], "labels": good["y_test"]}
    with pytest.raises(DataError, match="has x and images: which are to train on"):
        load(write(**dict.fromkeys(good), **alone), cache=tmp_path)


def test_what_is_wrong_is_said_by_the_names_in_the_file(write: Write, tmp_path: Path) -> None:
    good = arrays()
    medical = {
        "train_images": good["x_train"],
        "train_labels": good["y_train"],
        "test_images": good["x_test"],
        "test_labels": good["y_test"] + 1,
    }
    with pytest.raises(DataError, match=r"test_labels has images of class 3, .*numpy.isin\(test_labels, train_labels"):
        load(write(**dict.fromkeys(good), **medical), cache=tmp_path)
    with pytest.raises(DataError, match=r"has no array test_labels; it needs train_images, .*or x and y, or images"):
        load(write(**dict.fromkeys(good), **{**medical, "test_labels": None}), cache=tmp_path)


def test_class_names_may_be_any_strings(write: Write, tmp_path: Path) -> None:
    assert load(write(class_names=["жаворонок", "a b", "c"]), cache=tmp_path).class_names == ("жаворонок", "a b", "c")
    assert load(write(class_names=np.array([b"a", b"b", b"c"])), cache=tmp_path).class_names == ("a", "b", "c")


def test_a_class_may_be_missing_from_the_test_images(write: Write, tmp_path: Path) -> None:
    assert load(write(y_test=np.zeros(6, int)), cache=tmp_path).shape.classes == 3


def test_arrays_that_are_not_used_are_named(write: Write, tmp_path: Path) -> None:
    assert load(write(classnames=["a", "b", "c"]), cache=tmp_path).notes == ("not used: classnames",)


NAN = np.full((12, 5, 4), np.nan, np.float32)

REFUSED = {
    "fractions": (
        {"x_train": np.full((12, 5, 4), 0.5, np.float32)},
        r"x_train holds fractions \(float32\) from 0.5 to 0.5",
    ),
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
    "objects": ({"y_train": np.array([None] * 12)}, "y_train holds Python objects"),
    "no labels": ({"y_train": None}, "has no array y_train; it needs x_train, y_train, x_test, y_test"),
    "a label too few": ({"y_train": np.arange(11) % 3}, "y_train has 11 labels for 12 images"),
    "scores for labels": ({"y_train": np.full((12, 3), 0.3)}, r"y_train has the shape \(12, 3\)"),
    "fractional labels": ({"y_test": np.full(6, 0.5)}, "y_test holds float64"),
    "labels not finite": ({"y_train": np.full(12, np.nan)}, "y_train holds float64"),
    "negative labels": ({"y_train": np.arange(12) % 3 - 2}, "y_train holds -2 to 0; labels count from 0"),
    "huge labels": ({"y_train": np.full(12, 2**63, np.uint64)}, "y_train holds 9223372036854775808"),
    "a gap": (
        {"y_train": np.arange(12) % 3 * 2, "y_test": np.zeros(6)},
        "y_train has no image of class 1, of classes 0 to",
    ),
    "a wide gap": ({"y_train": np.arange(12) % 3 * 10**12}, "y_train holds 0 to 2000000000000; labels count from 0"),
    "from one": ({"y_train": np.arange(12) % 3 + 1, "y_test": np.ones(6)}, "y_train has no image of class 0"),
    "a class to test only": ({"y_test": np.arange(6)}, "y_test has images of class 3, and y_train has none"),
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


LABELS = np.arange(12) % 3
TAKEN = {
    "a column": LABELS.reshape(-1, 1),
    "floats": LABELS.astype("float32"),
    "small": LABELS.astype("uint8"),
    "one-hot": np.eye(3)[LABELS],
    "one-hot booleans": np.eye(3)[LABELS] > 0,
}


@pytest.mark.parametrize("kind", TAKEN)
def test_labels_are_taken_as_people_store_them(write: Write, tmp_path: Path, kind: str) -> None:
    digest = load(write(), cache=tmp_path).digest
    assert load(write(y_train=TAKEN[kind], y_test=TAKEN[kind][:6]), cache=tmp_path).digest == digest


X = arrays()["x_train"]
NAMED = np.array(["bag", "coat", "shoe"])
ADVISED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "0 to 1": ({"x_train": X / 255}, {"x_train": X}),
    "0 to 1, float16": ({"x_train": (X / 255).astype("float16")}, {"x_train": X}),
    "0 to 1, float32": ({"x_train": (X / 255).astype("float32")}, {"x_train": X}),
    "-1 to 1": ({"x_train": (X / 127.5 - 1).astype("float32")}, {"x_train": X}),
    "-0.5 to 0.5": ({"x_train": X / 255 - 0.5}, {"x_train": X}),
    "0 to 255, blurred": ({"x_train": np.clip(X + 0.25, 0, 255)}, {"x_train": X}),
    "16 bits": ({"x_train": X.astype("uint16") * 257}, {"x_train": X}),
    "16 bits of floats": ({"x_train": X.astype("float32") * 257}, {"x_train": X}),
    "12 bits": ({"x_train": np.rint(X / 255 * 4095).astype("int32")}, {"x_train": X}),
    "10 bits": ({"x_train": np.rint(X / 255 * 1023).astype("int16")}, {"x_train": X}),
    "less 128": ({"x_train": (X.astype("int16") - 128).astype("int8")}, {"x_train": X}),
    "NaN": (
        {"x_train": np.where(np.arange(12)[:, None, None] == 4, np.nan, X)},
        {"x_train": np.delete(X, 4, 0), "y_train": np.delete(LABELS, 4)},
    ),
    "infinity among 0 to 1": (
        {"x_train": np.where(np.arange(12)[:, None, None] == 4, np.inf, X / 255)},
        {"x_train": np.delete(X, 4, 0), "y_train": np.delete(LABELS, 4)},
    ),
    "objects": ({"x_train": X.astype(object)}, {"x_train": X}),
    "channels first": (
        {"x_train": np.stack([X] * 3, axis=1), "x_test": np.stack([X[:6]] * 3, axis=-1)},
        {"x_train": np.stack([X] * 3, axis=-1), "x_test": np.stack([X[:6]] * 3, axis=-1)},
    ),
    "opaque": (
        {"x_train": np.stack([X, X, X, X * 0 + 255], axis=-1), "x_test": np.stack([X[:6]] * 3, axis=-1)},
        {"x_train": np.stack([X] * 3, axis=-1), "x_test": np.stack([X[:6]] * 3, axis=-1)},
    ),
    "flat": (
        {"x_train": X[:, :4].reshape(12, 16), "x_test": X[:6, :4]},
        {"x_train": X[:, :4], "x_test": X[:6, :4]},
    ),
    "strings": (
        {"y_train": NAMED[LABELS], "y_test": NAMED[LABELS[:6]]},
        {"y_train": LABELS, "y_test": LABELS[:6], "class_names": NAMED},
    ),
    "objects for labels": ({"y_train": LABELS.astype(object)}, {"y_train": LABELS}),
    "from one": (
        {"y_train": LABELS + 1, "y_test": LABELS[:6] + 1},
        {"y_train": LABELS, "y_test": LABELS[:6], "class_names": ["1", "2", "3"]},
    ),
    "from one, with names": (
        {"y_train": LABELS + 1, "y_test": LABELS[:6] + 1, "class_names": NAMED},
        {"y_train": LABELS, "y_test": LABELS[:6], "class_names": NAMED},
    ),
    "negative": (
        {"y_train": LABELS - 1, "y_test": LABELS[:6] - 1},
        {"y_train": LABELS, "y_test": LABELS[:6], "class_names": ["-1", "0", "1"]},
    ),
    "a name too many": (
        {"y_train": LABELS * 2, "y_test": LABELS[:6] * 2, "class_names": np.array(["a", "b", "c", "d", "e"])},
        {"y_train": LABELS, "y_test": LABELS[:6], "class_names": ["a", "c", "e"]},
    ),
    "a class to test only": (
        {"y_test": np.array([0, 1, 2, 3, 0, 1])},
        {"y_test": np.array([0, 1, 2, 0, 1]), "x_test": np.delete(arrays()["x_test"], 3, 0)},
    ),
    "probabilities": ({"y_train": np.eye(3)[LABELS] * 0.7 + 0.1}, {"y_train": LABELS}),
    "numbers for names": ({"class_names": np.array([7, 8, 9])}, {"class_names": ["7", "8", "9"]}),
    "a column of names": ({"class_names": NAMED.reshape(-1, 1)}, {"class_names": NAMED}),
    "Latin-1 names": (
        {"class_names": np.array(["caf\xe9".encode("latin-1"), b"b", b"c"])},
        {"class_names": ["caf\xe9", "b", "c"]},
    ),
}


@pytest.mark.parametrize("case", ADVISED)
def test_who_does_what_a_message_advises_gets_what_was_meant(write: Write, tmp_path: Path, case: str) -> None:
    given, meant = ADVISED[case]
    followed = {**arrays(), **given}
    for _ in range(3):
        try:
            digest = load(write(**followed), cache=tmp_path).digest
            break
        except DataError as error:
            (statement,) = re.findall("`([^`]+)`", str(error))
            exec(statement, {"numpy": np}, followed)  # as people would
            followed = {name: array for name, array in followed.items() if name not in ("there", "known", "kept")}
    assert digest == load(write(**meant), cache=tmp_path).digest


@pytest.mark.parametrize("part", ["val", "valid", "validation"])
def test_what_was_set_aside_to_validate_on_is_validated_on(write: Write, tmp_path: Path, part: str) -> None:
    images = load(write(**{f"x_{part}": X[::-1][:6], f"y_{part}": LABELS[:6]}), cache=tmp_path)
    assert np.array_equal(images.validation.images[..., 0], X[::-1][:6])
    assert np.array_equal(images.train.images[..., 0], X)
    assert images.notes == (f"validation images are those of x_{part}; none are drawn from those to train on",)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"x_val": X}, "birds.npz has x_val: to validate on, images and labels are needed once"),
        ({"x_val": X, "y_val": LABELS, "x_valid": X, "y_valid": LABELS}, "has x_val, y_val, x_valid, y_valid: to val"),
        ({"x_val": X, "y_val": LABELS + 1}, "y_val has images of class 3, and y_train has none to learn from"),
        ({"x_val": X[:, 1:], "y_val": LABELS}, "x_val holds images of"),
    ],
)
def test_what_cannot_be_validated_on_is_refused_in_words(
    write: Write, tmp_path: Path, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        load(write(**given), cache=tmp_path)


def test_a_study_that_was_begun_without_the_arrays_to_validate_on_goes_on_without_them(
    write: Write, tmp_path: Path
) -> None:
    begun = load(write(), cache=tmp_path).digest
    file = write(x_val=X, y_val=LABELS)
    assert load(file, cache=tmp_path, digest=begun).digest == begun
    assert load(file, cache=tmp_path).digest != begun


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
