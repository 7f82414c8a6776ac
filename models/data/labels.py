"""Labels as people store them: whole numbers from 0, in whatever type or shape, and what can be done about others."""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.data.values import Unfit

TYPES: Final = "buif"


def unfit(name: str, array: NDArray[Any], renumber: str) -> Unfit | None:
    """Return why an array called `name` has no labels in it; None where it has. `renumber`: what numbers them anew."""
    if array.dtype.kind in "US":
        return Unfit(f"holds {array.dtype}", renumber)
    if array.dtype.kind not in TYPES:
        return Unfit(f"holds {array.dtype}", "store whole numbers from 0, one for each image")
    flat = _flat(array)
    if flat is None:
        return Unfit(f"has the shape {array.shape}", _likeliest(name, array))
    if flat.dtype.kind == "f" and not (np.isfinite(flat).all() and not (flat % 1).any()):
        return Unfit(f"holds {array.dtype}, with fractions or NaN", "store whole numbers from 0, one for each image")
    if flat.size and (flat.min() < 0 or flat.max() > np.iinfo(np.int32).max):
        return Unfit(f"holds {flat.min()} to {flat.max()}; labels count from 0, without gaps", renumber)
    return None


def taken(array: NDArray[Any]) -> NDArray[np.int64]:
    """Return an array that is not `unfit` as labels, (n,)."""
    flat = _flat(array)
    assert flat is not None
    return flat.astype(np.int64)


def renumbered(labels: Iterable[str], *, named: bool) -> str:
    """Return what numbers labels from 0 without gaps: those in the arrays `labels`, the first to be trained on.

    `named`: whether `class_names` has a name for each number up to the highest.
    """
    arrays = tuple(labels)
    anew = ", ".join(f"numpy.searchsorted(there, {name})" for name in arrays)
    names = "class_names[there]" if named else "there.astype(str)"
    return f"number them anew: `there = numpy.unique({arrays[0]}); {', '.join(arrays)} = {anew}; class_names = {names}`"


def _flat(array: NDArray[Any]) -> NDArray[Any] | None:
    """Return one label for each image, of a column or of rows with a single 1 as well; None for any other shape."""
    if array.ndim == 1:
        return array
    if array.ndim != 2:
        return None
    if array.shape[1] == 1:
        return array[:, 0]
    one_hot = ((array == 0) | (array == 1)).all() and (array.sum(axis=1) == 1).all()
    return array.argmax(axis=1) if one_hot and array.size else None


def _likeliest(name: str, array: NDArray[Any]) -> str:
    if array.ndim == 2 and array.dtype.kind == "f":
        return f"if each row has the probabilities of the classes: `{name} = {name}.argmax(axis=1)`"
    return "store one number for each image"
