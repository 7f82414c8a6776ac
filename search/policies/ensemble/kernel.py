"""How much the values of two rows at two epochs tell of each other.

What is seen is a sum: what each hyperparameter does alone (Duvenaud et al. 2011), what all do together, what the epoch
does, and chance. How large each part is, is learnt from what was seen, as components of variance are: by the updates of
Zhou et al. 2019, which need no step size. So what makes no difference is not explored for its own sake.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.lapack import dpotri

from search.policies.ensemble.coordinates import Coordinates
from search.problem.scale import Array

# Half the digits are enough to tell how alike two configurations are, and take half the time.
Half = NDArray[np.float32]
# With no chance at all, what is nearly alike could not be told apart.
LEAST = 1e-3
# In lengths of the kernel: what is farther apart tells as good as nothing of each other, and so does what is asked for
# in one of two rows alone.
FAR = 3.0
UNASKED = -100.0


@dataclass(frozen=True)
class Kernel:
    """What is taken for likely before anything is seen; found by replay, see docs/searching.md."""

    # Shares of what is explained by the hyperparameters alone, by all together, by the epoch, and by chance.
    alone: float = 0.55
    together: float = 0.2
    time: float = 0.15
    noise: float = 0.1
    # Distances at which one hyperparameter tells of itself, on the unit scale, and a number of other choices all
    # together; and epochs, as a share of the way to the last on a logarithmic scale.
    apart: float = 0.3
    others: float = 5.0
    epochs: float = 1.0
    # Updates of the shares, and how many observations each counts for before anything is seen.
    updates: int = 4
    before: float = 10.0


@dataclass(frozen=True)
class Rows:
    """Rows as they are compared: numbers in lengths of the kernel, and of choices their positions.

    What is not asked for lies apart from all that is, and the position of such a choice is -1.
    """

    numbers: Half
    choices: NDArray[np.int16]
    times: Half

    @classmethod
    def of(cls, space: Coordinates, kernel: Kernel, points: Array, times: Array) -> "Rows":
        """Return points at times; of a number that hangs on another, how far it is from its usual place as well."""
        numbers, choices = [], []
        for column, scale in enumerate(space.scales):
            places = points[:, column]
            if column in space.fixed or scale.distribution.single():
                continue
            if scale.choices:
                choices.append(np.where(np.isnan(places), -1, places))
                continue
            numbers.append(places)
            if column in space.relative:
                center = space.center(column, points)
                numbers.append(places - np.where(np.isnan(center), 0.5, center))
        told = np.array(numbers, np.float32).reshape(len(numbers), len(points)).T / kernel.apart
        known = np.array(choices, np.int16).reshape(len(choices), len(points)).T
        return cls(np.where(np.isnan(told), np.float32(UNASKED), told), known, times.astype(np.float32))


def parts(kernel: Kernel, one: Rows, other: Rows) -> Half:
    """Return how alike all rows of one are to all of the other, by each part but chance. (parts, n, m)."""
    numbers, choices = one.numbers.shape[1], one.choices.shape[1]
    found = np.empty((numbers + choices + 2, len(one.times), len(other.times)), np.float32)
    apart = np.zeros(found.shape[1:], np.float32)
    for number in range(numbers):
        distance = found[number]
        np.subtract(one.numbers[:, number, None], other.numbers[None, :, number], out=distance)
        np.minimum(np.abs(distance, out=distance), FAR, out=distance)
        apart += distance
        distance *= distance
    found[:numbers] *= -0.5
    np.exp(found[:numbers], out=found[:numbers])
    for choice in range(choices):
        same = one.choices[:, choice, None] == other.choices[None, :, choice]
        found[numbers + choice] = same
        apart += ~same
    np.exp(-apart / kernel.others, out=found[-2])
    found[-1] = 1.0
    found *= np.exp(-np.abs(one.times[:, None] - other.times[None, :]) / kernel.epochs)
    return found


def learnt(kernel: Kernel, alike: Half, values: Array) -> Array:
    """Return the shares of all parts, as large as the values are, chance last: (parts + 1,).

    `alike` is what `parts` says of the rows that the values are of, among each other.
    """
    columns = len(alike) - 2
    flat = alike.reshape(len(alike), -1)
    alone = [kernel.alone / max(columns, 1)] * columns
    # Where all are equal, chance at least may set them apart.
    size = max(float(values @ values) / len(values), LEAST)
    shares = size * np.array([*alone, kernel.together, kernel.time, kernel.noise])
    for _ in range(kernel.updates):
        factor = cho_factor(covariance(shares, alike, chance=True), lower=True, check_finite=False)
        weights = cho_solve(factor, values, check_finite=False)
        inverse = np.tril(dpotri(factor[0], lower=True)[0])
        inverse += np.tril(inverse, -1).T
        explained = np.append(flat @ np.outer(weights, weights).ravel().astype(np.float32), weights @ weights)
        expected = np.append(flat @ inverse.ravel().astype(np.float32), np.trace(inverse))
        shares = shares * np.sqrt((shares * explained + kernel.before) / (shares * expected + kernel.before))
        shares[-1] = max(shares[-1], LEAST * shares.sum())
    return shares


def covariance(shares: Array, alike: Half, *, chance: bool = False) -> Array:
    """Return how alike rows are by all parts, each with its share; with `chance`, of rows among each other. (n, m)."""
    parts = shares[:-1].astype(np.float32) @ alike.reshape(len(alike), -1)
    found = parts.reshape(alike.shape[1:]).astype(float)
    if chance:
        found[np.diag_indices_from(found)] += shares[-1]
    return found
