"""Whether test images stand among those that a network is trained on: what it has seen, it need not have learnt."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.data.images import Images


@dataclass(frozen=True)
class Leakage:
    """The test images, by position, that are among the training and validation images, as they are or mirrored.

    `twofold` are the training and validation images of which there is an equal one under another class.
    """

    trained: int
    tested: int
    exact: tuple[int, ...]
    mirrored: tuple[int, ...]
    twofold: int = 0

    @property
    def found(self) -> bool:
        """Whether there is any."""
        return bool(self.exact or self.mirrored)

    @property
    def text(self) -> str:
        """What was found, as a sentence."""
        among = f"of the {self.tested:,} test images"
        trained = f"among the {self.trained:,} training and validation images"
        if not self.found:
            return f"none {among} is {trained}, as it is or mirrored"
        return f"{len(self.exact):,} {among} are {trained}, and {len(self.mirrored):,} more are there mirrored"


def leakage(images: Images) -> Leakage:
    """Compare every test image, and its mirror image, with all others, byte by byte.

    Labels do not count: a garment that was seen under another class was seen.
    """
    splits = (images.train, images.validation)
    hashes = [_hash(image) for split in splits for image in split.images]
    labels = [label for split in splits for label in split.labels.tolist()]
    # Of each image one of its classes: where a second one comes, it is another's, too.
    trained = dict(zip(hashes, labels, strict=True))
    torn = {seen for seen, label in zip(hashes, labels, strict=True) if trained[seen] != label}
    exact, mirrored = [], []
    for position, image in enumerate(images.test.images):
        if _hash(image) in trained:
            exact.append(position)
        elif _hash(image[:, ::-1]) in trained:
            mirrored.append(position)
    twofold = sum(seen in torn for seen in hashes) if torn else 0
    return Leakage(len(hashes), len(images.test), tuple(exact), tuple(mirrored), twofold)


def _hash(image: NDArray[np.uint8]) -> bytes:
    # What the images take themselves would be too much for a second time, where they are large.
    return hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()
