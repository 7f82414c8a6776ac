"""Test images on which the best networks of several studies do not agree."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from search.analysis.paired import Judged

MOST = 48


@dataclass(frozen=True)
class Tile:
    """One image as a `data:` address, what it is, and what each network took it for."""

    number: int
    address: str
    label: str
    said: Sequence[str]


@dataclass(frozen=True)
class Differing:
    """`networks` by the names of their trials, and how many images all of them told right, or wrong, or did not."""

    networks: Sequence[str]
    images: int
    right: int
    wrong: int
    tiles: Sequence[Tile]

    @property
    def apart(self) -> int:
        """On how many images some are right and others are not."""
        return self.images - self.right - self.wrong


def differing(networks: Sequence[Judged], images: NDArray[np.uint8]) -> Differing:
    """Return how far networks that judged these same images (n, height, width, channels) agree.

    The images shown are those with the most different answers; of these, evenly over the classes.
    """
    predictions = np.stack([network.predictions for network in networks])
    right = np.stack([network.right for network in networks]).sum(axis=0)
    answers = 1 + (np.diff(np.sort(predictions, axis=0), axis=0) != 0).sum(axis=0)
    labels, names = networks[0].labels, networks[0].class_names
    apart = np.flatnonzero((right > 0) & (right < len(networks)))
    # Within a class those with the most answers first; then the first of each class, the second of each, and so on.
    ordered = apart[np.lexsort((apart, -answers[apart]))]
    turn = np.zeros(len(ordered), dtype=np.int64)
    for label in np.unique(labels[ordered]):
        mine = labels[ordered] == label
        turn[mine] = np.arange(mine.sum())
    chosen = ordered[np.lexsort((labels[ordered], turn))][:MOST]
    tiles = [
        Tile(int(i), _address(images[i]), names[labels[i]], [names[answer] for answer in predictions[:, i]])
        for i in chosen
    ]
    return Differing(
        [network.name for network in networks],
        len(labels),
        int((right == len(networks)).sum()),
        int((right == 0).sum()),
        tiles,
    )


def address(png: bytes) -> str:
    """Return a picture as an address that holds it."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _address(image: NDArray[Any]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(buffer, "PNG", optimize=True)
    return address(buffer.getvalue())
