"""Which images are taken and which are set aside: stratified, and a function of the seed alone."""

import numpy as np
from numpy.typing import NDArray

from models.data.images import DataError

Labels = NDArray[np.int64]
Positions = NDArray[np.intp]

VALIDATION_SHARE = 10  # one image in ten
# Of images that come without any to test on, if nobody says otherwise.
TEST_SHARE = 0.15
# Which images are test images does not depend on the seed of a search: no other seed may learn from them.
TEST_SEED = 1


def subset(labels: Labels, size: int, seed: int) -> Positions:
    """Positions of `size` images, each class in its proportion but with at least two, or all that it has."""
    counts = np.bincount(labels)
    least = 2 * len(counts)
    if size < least:
        raise DataError(f"{size} images are too few for {len(counts)} classes: ask for {least} or more")
    if size > len(labels):
        raise DataError(f"{size} images were asked for; there are {len(labels)} to train on")
    return _draw(labels, _apportion(counts, size), seed)


def validation(labels: Labels, seed: int) -> tuple[Positions, Positions]:
    """Positions to train on and positions to validate on: a tenth of each class, at least one where it has two."""
    counts = np.bincount(labels)
    shares = np.maximum((counts + VALIDATION_SHARE // 2) // VALIDATION_SHARE, 1)
    kept, aside = _parted(labels, np.where(counts >= 2, shares, 0), seed)
    if not len(aside):
        raise DataError("no class has two images to train on, so none can be set aside for validation")
    return kept, aside


def test(labels: Labels, share: float) -> tuple[Positions, Positions]:
    """Positions of images to learn from, and of those to test on: the same share of each class, whatever the seed.

    A class of three or more has at least one to test on, and leaves two: one to train on, and one to validate on.
    """
    counts = np.bincount(labels)
    shares = np.clip(np.floor(counts * share + 0.5).astype(np.intp), 1, np.maximum(counts - 2, 1))
    kept, aside = _parted(labels, np.where(counts >= 3, shares, 0), TEST_SEED)
    if not len(aside):
        raise DataError("no class has three images, so none can be set aside as test images")
    return kept, aside


def _apportion(counts: NDArray[np.intp], size: int) -> NDArray[np.intp]:
    """Seats for each class, `size` in all, by largest remainder."""
    quota = counts * (size / counts.sum())
    least = np.minimum(counts, 2)
    seats = np.maximum(np.floor(quota).astype(np.intp), least)
    while seats.sum() < size:
        seats[np.argmax(np.where(seats < counts, quota - seats, -np.inf))] += 1
    while seats.sum() > size:
        seats[np.argmax(np.where(seats > least, seats - quota, -np.inf))] -= 1
    return seats


def _parted(labels: Labels, shares: NDArray[np.intp], seed: int) -> tuple[Positions, Positions]:
    """Positions of what is left, and of as many images of each class as `shares` says."""
    aside = _draw(labels, shares, seed)
    return np.setdiff1d(np.arange(len(labels)), aside, assume_unique=True), aside


def _draw(labels: Labels, shares: NDArray[np.intp], seed: int) -> Positions:
    """Positions, ascending, of as many images of each class as `shares` says.

    The images of a class are ranked by numbers straight from the bit generator: NumPy promises that this stream never
    changes, which it does not of `Generator.permutation`. A larger share contains the smaller one.
    """
    drawn = []
    for label, share in enumerate(shares):
        members = np.flatnonzero(labels == label)
        ranks = np.random.PCG64((seed, label)).random_raw(len(members))
        drawn.append(members[np.argsort(ranks, kind="stable")[:share]])
    return np.sort(np.concatenate(drawn))
