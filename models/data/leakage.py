"""Whether test images stand among those that a network is trained on: what it has seen, it need not have learnt."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.data.images import Images


@dataclass(frozen=True)
class Leakage:
    """The test images, by position, that are among the training and validation images, as they are or mirrored."""

    trained: int
    tested: int
    exact: tuple[int, ...]
    mirrored: tuple[int, ...]

    @property
    def text(self) -> str:
        """What was found, as a sentence."""
        among = f"of the {self.tested:,} test images"
        trained = f"among the {self.trained:,} training and validation images"
        if not self.exact and not self.mirrored:
            return f"none {among} is {trained}, as it is or mirrored"
        return f"{len(self.exact):,} {among} are {trained}, and {len(self.mirrored):,} more are there mirrored"


def leakage(images: Images) -> Leakage:
    """Compare every test image, and its mirror image, with all others, byte by byte.

    Labels do not count: a garment that was seen under another class was seen.
    """
    trained = {_hash(image) for split in (images.train, images.validation) for image in split.images}
    exact, mirrored = [], []
    for position, image in enumerate(images.test.images):
        if _hash(image) in trained:
            exact.append(position)
        elif _hash(image[:, ::-1]) in trained:
            mirrored.append(position)
    return Leakage(len(images.train) + len(images.validation), len(images.test), tuple(exact), tuple(mirrored))


def _hash(image: NDArray[np.uint8]) -> bytes:
    # What the images take themselves would be too much for a second time, where they are large.
    return hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()
