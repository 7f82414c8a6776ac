"""Arrays of numbers to what a network takes: whole numbers from 0 to 255, and what can be done about others.

What is advised is a statement of NumPy, made from the values that are there, with what it takes them for.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.data.images import BRIGHTEST

# Bits of cameras and scanners; the most of each is white.
DEPTHS: Final = (10, 12, 14, 16)
BACK: Final = f"store the images as they were before they were scaled, from 0 to {BRIGHTEST}"


class Unfit(NamedTuple):
    """Why an array cannot be taken: what was found in it, and the way out."""

    found: str
    way_out: str


def unfit(name: str, array: NDArray[Any], labels: str | None = None) -> Unfit | None:
    """Return why the values of an array that is called `name` are no pixels; None where they are.

    `labels` is what the array with the labels of these images is called, if there is one.
    """
    if array.dtype.kind not in "buif":
        return Unfit(f"holds {array.dtype}", f"store uint8, from 0 to {BRIGHTEST}")
    if array.dtype == bool or not array.size:
        return None
    low, high = float(array.min()), float(array.max())
    if not np.isfinite([low, high]).all():
        return Unfit(f"holds {array.dtype}, with NaN or infinity among them", _without(name, labels))
    whole = array.dtype.kind in "ui" or not (array % 1).any()
    if whole and low >= 0 and high <= BRIGHTEST:
        return None
    found = "goes" if whole else f"holds fractions ({array.dtype})"
    return Unfit(f"{found} from {low:g} to {high:g}", _advice(name, low, high, whole=whole))


def as_bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Return an array that is not `unfit`, by rows. True is white, as it is in a picture of one bit."""
    taken = np.ascontiguousarray(array, dtype=np.uint8)
    return taken * np.uint8(BRIGHTEST) if array.dtype == bool else taken


def _advice(name: str, low: float, high: float, *, whole: bool) -> str:
    """Return what makes pixels of values from `low` to `high`, and what it takes them for."""
    if low >= 0 and high <= 1:
        return _statement("0 is black and 1 white", name, f"numpy.rint({name} * {BRIGHTEST})")
    if low >= -0.5 and high <= 0.5:
        return _statement("-0.5 is black and 0.5 white", name, f"numpy.rint(({name} + 0.5) * {BRIGHTEST})")
    if low >= -1 and high <= 1:
        return _statement("-1 is black and 1 white", name, f"numpy.rint(({name} + 1) * {BRIGHTEST / 2})")
    if low >= 0 and high <= BRIGHTEST:
        return _statement(f"0 is black and {BRIGHTEST} white", name, f"numpy.rint({name})")
    if whole and low >= -128 and high <= 127:
        # In a type that holds no 128 the sum would be another.
        return _statement("128 was taken from each", name, f"({name}.astype('int16') + 128)")
    if depth := next((depth for depth in DEPTHS if low >= 0 and high < 2**depth), None):
        white = 2**depth - 1
        return _statement(f"white is {white} ({depth} bits)", name, f"numpy.rint({name} / {white} * {BRIGHTEST})")
    return BACK


def _statement(taken_for: str, name: str, expression: str) -> str:
    return f"if {taken_for}: `{name} = {expression}.astype('uint8')`; else {BACK}"


def _without(name: str, labels: str | None) -> str:
    """Return what leaves out images with NaN, and their labels."""
    kept = f"kept = numpy.isfinite({name}).reshape(len({name}), -1).all(axis=1)"
    arrays = (name, labels) if labels else (name,)
    return f"leave these images out: `{kept}; {'; '.join(f'{one} = {one}[kept]' for one in arrays)}`"
