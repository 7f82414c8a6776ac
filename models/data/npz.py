"""Images in one file of NumPy arrays: `x_train, y_train, x_test, y_test`, optionally `class_names`."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from models.data.files import UNREADABLE
from models.data.images import Collection, DataError, Split

Arrays = dict[str, NDArray[Any]]

REQUIRED = ("x_train", "y_train", "x_test", "y_test")
BRIGHTEST = 255

log = logging.getLogger(__name__)


def read(file: Path) -> Collection:
    """Return the images of `file`. Whole numbers from 0 to 255 are taken as they are; fractions are refused.

    Scaled images would have to be scaled back, and nothing in the file says from what. Raises `DataError`.
    """
    arrays = _arrays(file)
    train, test = (
        Split(as_images(file, f"x_{part}", arrays[f"x_{part}"]), as_labels(file, f"y_{part}", arrays[f"y_{part}"]))
        for part in ("train", "test")
    )
    _check_fit(file, train, test)
    return Collection(file.stem, str(file.resolve()), _class_names(file, arrays, train, test), train, test)


def _arrays(file: Path) -> Arrays:
    names = (*REQUIRED, "class_names")
    with reading(file), file.open("rb") as stream, NpzFile(stream, allow_pickle=False) as archive:
        members = {name: archive[name] for name in names if name in archive.files}
        ignored = [name for name in archive.files if name not in names]
    if ignored:
        log.warning("%s: not used: %s", file, ", ".join(ignored))
    # A member that is no array comes as bytes.
    arrays = {name: array for name, array in members.items() if isinstance(array, np.ndarray)}
    if missing := [name for name in REQUIRED if name not in arrays]:
        raise DataError(f"{file} has no array {', '.join(missing)}; it needs {', '.join(REQUIRED)}")
    return arrays


@contextmanager
def reading(file: Path) -> Iterator[None]:
    """Raise as `DataError` what NumPy, and whatever it reads with, find wrong with a file."""
    try:
        yield
    except DataError:
        raise
    except UNREADABLE as error:
        raise DataError(f"{file} cannot be read ({error}); write it anew with numpy.savez and no objects") from error


def labels(file: Path, name: str) -> NDArray[np.int64]:
    """Return one array of a file as labels. Raises `DataError`."""
    with reading(file), file.open("rb") as stream, NpzFile(stream, allow_pickle=False) as archive:
        return as_labels(file, name, archive[name])


def as_images(file: Path, name: str, array: NDArray[Any]) -> NDArray[np.uint8]:
    """Return an array of `file` as images (n, height, width, 1 or 3) from 0 to 255. Raises `DataError`."""
    if array.dtype.kind == "f":
        nan = ", with NaN among them" if np.isnan(array).any() else ""
        raise _refused(file, name, f"holds {array.dtype}{nan}", "store uint8: numpy.rint(x * 255).astype('uint8')")
    if array.dtype.kind not in "iu":
        raise _refused(file, name, f"holds {array.dtype}", "store uint8, from 0 to 255")
    shape = array.shape
    if array.ndim == 3:
        array = array[..., np.newaxis]
    if array.ndim != 4 or array.shape[3] not in (1, 3) or not array.size:
        raise _refused(file, name, f"has the shape {shape}", "store (n, height, width) or (n, height, width, 1 or 3)")
    if array.min() < 0 or array.max() > BRIGHTEST:
        raise _refused(file, name, f"goes from {array.min()} to {array.max()}", "store values from 0 to 255")
    return np.ascontiguousarray(array, dtype=np.uint8)


def as_labels(file: Path, name: str, array: NDArray[Any]) -> NDArray[np.int64]:
    """Return an array of `file` as labels (n,), whole numbers from 0. Raises `DataError`."""
    if array.ndim != 1:
        raise _refused(file, name, f"has the shape {array.shape}", "store one number per image: y.reshape(-1)")
    if array.dtype.kind not in "iu":
        raise _refused(file, name, f"holds {array.dtype}", "store whole numbers: y.astype('int64')")
    if array.size and array.min() < 0:
        raise _refused(file, name, f"holds {array.min()}", "labels count from 0")
    if array.size and array.max() > np.iinfo(np.int64).max:
        raise _refused(file, name, f"holds {array.max()}", "labels count from 0, without gaps")
    return array.astype(np.int64)


def _check_fit(file: Path, train: Split, test: Split) -> None:
    for part, split in (("train", train), ("test", test)):
        if len(split.images) != len(split.labels):
            found = f"has {len(split.labels)} labels for {len(split.images)} images"
            raise _refused(file, f"y_{part}", found, "store one label per image")
    if train.images.shape[1:] != test.images.shape[1:]:
        found = f"holds images of {test.images.shape[1:]}, x_train of {train.images.shape[1:]}"
        raise _refused(file, "x_test", found, "make all images the same size")


def _class_names(file: Path, arrays: Arrays, train: Split, test: Split) -> tuple[str, ...]:
    """Names from the file or, without any, the labels themselves; every class must be there to be learnt."""
    highest = int(max(train.labels.max(), test.labels.max()))
    present = np.unique(train.labels)
    names = _stored_names(file, arrays["class_names"]) if "class_names" in arrays else None
    classes = len(names) if names else highest + 1
    if highest >= classes:
        raise _refused(file, "class_names", f"has {classes} names for labels up to {highest}", "name every label")
    if len(present) < classes:
        gap = next(label for label in range(classes) if label >= len(present) or present[label] != label)
        title = f" ({names[gap]!r})" if names else ""
        raise _refused(
            file,
            "y_train",
            f"has no image of class {gap}{title}, of classes 0 to {classes - 1}",
            "number the classes from 0 without gaps, each with images to train on",
        )
    if classes == 1:
        raise _refused(file, "y_train", "has one class only", "there must be two to tell apart")
    return names or tuple(str(label) for label in range(classes))


def _stored_names(file: Path, array: NDArray[Any]) -> tuple[str, ...]:
    if array.ndim != 1 or array.dtype.kind not in "US" or not array.size:
        found = f"holds {array.dtype} of shape {array.shape}"
        raise _refused(file, "class_names", found, "store a list of strings, one for each label")
    try:
        names = tuple(item.decode() if isinstance(item, bytes) else str(item) for item in array.tolist())
    except UnicodeDecodeError as error:
        raise _refused(file, "class_names", f"is not UTF-8 ({error})", "store strings") from error
    if len(set(names)) < len(names) or "" in names:
        raise _refused(file, "class_names", "has an empty name or one twice", "name each class differently")
    return names


def _refused(file: Path, array: str, found: str, way_out: str) -> DataError:
    return DataError(f"{file}: {array} {found}; {way_out}")
