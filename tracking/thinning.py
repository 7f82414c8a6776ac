"""How small images are on a sheet, and images made as small before they are drawn: without matplotlib."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

# Pixels of the longer side of an image on a sheet, or about that.
SIDE: Final = 112


def chosen(images: NDArray[np.uint8], places: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return the images (n, height, width, channels) at these places, of any shape, as small as a sheet shows them."""
    step = stride(images.shape[1:3])
    small = images[:0, ::step, ::step].shape[1:]
    # One by one: images that are as large as photographs are not all to be in memory at once.
    found = [np.asarray(images[place, ::step, ::step]) for place in places.flat]
    return np.array(found, np.uint8).reshape(*places.shape, *small)


def stride(size: tuple[int, ...]) -> int:
    """Return of how many pixels one is shown on a sheet, each way."""
    return max(1, max(size) // SIDE)
