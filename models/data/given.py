"""Images that a program has in memory, as it would give them to Keras: kept as a file that says which they are."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.data import labels as classes
from models.data import npz, splits
from models.data.files import locked, workplace
from models.data.images import DataError

NAMED: Final = Path("data")
FORMS: Final = "(x, y), ((x_train, y_train), (x_test, y_test)), a FILE.npz or a FOLDER"


def keep(given: Sequence[Any], folder: Path) -> Path:
    """Put arrays into an `.npz` file under a name made of what they hold, and return it. Raises `DataError`.

    Of (x, y) a tenth is set aside as test images, by class and always the same.
    """
    arrays = _arrays(given)
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(f"{name} {array.shape} ".encode() + array.tobytes())
    file = folder / f"arrays-{digest.hexdigest()[:16]}.npz"
    if not file.exists():
        with locked(folder), workplace(folder) as place:
            np.savez_compressed(place / file.name, allow_pickle=False, **arrays)
            (place / file.name).replace(file)
    return file


def _arrays(given: Sequence[Any]) -> dict[str, NDArray[Any]]:
    match given:
        case [[x_train, y_train], [x_test, y_test]] | [x_train, y_train, x_test, y_test]:
            pairs = {"train": (x_train, y_train), "test": (x_test, y_test)}
        case [x, y]:
            pairs = _parted(*_pair("x", x, "y", y, "y"))
        case _:
            raise DataError(f"data: {len(given)} parts; give {FORMS}")
    labels = [f"y_{part}" for part in pairs]
    return {
        f"{name}_{part}": array
        for part, (x, y) in pairs.items()
        for name, array in zip("xy", _pair(f"x_{part}", x, f"y_{part}", y, *labels), strict=True)
    }


def _pair(x_name: str, x: Any, y_name: str, y: Any, *labels: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return images and labels, as a file of them is read; `labels` are the names of all arrays of labels there are."""
    renumber = classes.renumbered(labels, named=False)
    images = npz.as_images(NAMED, x_name, np.asarray(x), y_name)
    return images, npz.as_labels(NAMED, y_name, np.asarray(y), renumber)


def _parted(x: NDArray[np.uint8], y: NDArray[np.int64]) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
    if len(x) != len(y):
        raise DataError(f"data: y has {len(y)} labels for {len(x)} images; give one label per image")
    # Another seed than that by which validation is set aside of what is left.
    train, test = splits.validation(y, seed=1)
    return {"train": (x[train], y[train]), "test": (x[test], y[test])}
