"""What is to be expected of a configuration: a Gaussian process over hyperparameters and epochs.

Its kernel adds up what each hyperparameter does alone (Duvenaud et al. 2011) and what they do together; values of one
trial at several epochs stand beside each other, as in Swersky et al. 2014. Expected improvement is that of Jones et
al. 1998, on a scale that spreads what is near the best. Trees were tried, see docs/searching.md.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.special import ndtr

from search.policies.ensemble.coordinates import Coordinates
from search.policies.ensemble.history import History
from search.policies.ensemble.kernel import Kernel, Rows, covariance, learnt, parts
from search.problem.scale import Array

FIRST = 30


@dataclass(frozen=True)
class Judgement:
    """How a history is judged; found by replay, see docs/searching.md."""

    kernel: Kernel = field(default_factory=Kernel)
    # At most so many observations are looked at: half the best, half the latest.
    most: int = 300
    # Of so many it is learnt how much each hyperparameter matters.
    learning: int = 150
    # So near to the best, as a share of the distance between the best and what came first, is as good.
    softness: float = 0.1
    # How far what is not known draws: 0 takes what is expected to be best, 1 expects as much as the process does.
    curiosity: float = 2.0


class Model:
    """Fitted to a history."""

    def __init__(self, coordinates: Coordinates, history: History, judgement: Judgement) -> None:
        self._space, self._judgement, self._rungs = coordinates, judgement, history.rungs
        rows, rungs, values = observations(history, judgement.most)
        self._best = float(values.max())
        self._soft = max(judgement.softness * (self._best - usual(history)), 1e-9)
        warped = self._warped(values)
        self._middle = float(warped.mean())
        # What is under way is taken to come to what is expected of it: that changes nothing but what is not known.
        under_way = history.points[np.isnan(history.values).all(axis=1)]
        first = np.zeros(len(under_way), np.int64)
        self._known = self._rows(np.concatenate([history.points[rows], under_way]), np.concatenate([rungs, first]))
        alike, seen = parts(judgement.kernel, self._known, self._known), len(warped)
        some = slice(0, seen, -(-seen // judgement.learning))
        self._shares = learnt(judgement.kernel, np.ascontiguousarray(alike[:, some, some]), warped[some] - self._middle)
        among = covariance(self._shares, alike, chance=True)
        self._factor = cho_factor(among, lower=True, check_finite=False)
        factor = cho_factor(among[:seen, :seen], lower=True, check_finite=False) if len(first) else self._factor
        self._weights = cho_solve(factor, warped - self._middle, check_finite=False)

    def _rows(self, points: Array, rungs: NDArray[np.int64]) -> Rows:
        epochs = np.asarray(self._rungs, float)
        times = (np.log(epochs) / np.log(max(epochs[-1], 2)))[rungs]
        return Rows.of(self._space, self._judgement.kernel, points, times)

    def _warped(self, values: Array) -> Array:
        return -np.log(np.maximum(self._best - values, 0.0) / self._soft + 1.0)

    def improvement(self, points: Array) -> Array:
        """Return by how much rows are expected to be better than the best, at the end, on the scale of the model."""
        rows = self._rows(points, np.full(len(points), len(self._rungs) - 1))
        between = covariance(self._shares, parts(self._judgement.kernel, rows, self._known))
        mean = self._middle + between[:, : len(self._weights)] @ self._weights
        known = solve_triangular(self._factor[0], between.T, lower=True, check_finite=False)
        left = np.maximum(self._shares[:-1].sum() - (known * known).sum(axis=0), 1e-12)
        deviation = self._judgement.curiosity * np.sqrt(left) + 1e-9
        # On this scale the best is 0.
        z = mean / deviation
        return np.asarray(deviation * (z * ndtr(z) + np.exp(-z * z / 2) / 2.5066))


def usual(history: History) -> float:
    """Return the median of what came first. Later ones lie ever nearer to the best, and chance would count for more."""
    values = history.values[np.isfinite(history.values)]
    return float(np.median(values[:FIRST])) if len(values) else 0.0


def observations(history: History, most: int) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    """Return rows, rungs and values of what was seen; where nothing came of a trial, the worst there was."""
    rows, rungs = np.nonzero(~np.isnan(history.values))
    values = history.values[rows, rungs]
    finite = np.isfinite(values)
    values = np.where(finite, values, values[finite].min() if finite.any() else 0.0)
    if len(values) > most:
        best = np.argsort(-values, kind="stable")[: most // 2]
        kept = np.union1d(best, np.arange(len(values) - most // 2, len(values)))
        rows, rungs, values = rows[kept], rungs[kept], values[kept]
    return rows, rungs, values
