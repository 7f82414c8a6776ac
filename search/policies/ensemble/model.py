"""What is to be expected of a configuration: extremely randomised trees over hyperparameters and epochs.

Geurts et al. 2006. Expected improvement is that of Jones et al. 1998, on a scale that spreads what is near the best.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from search.policies.ensemble.coordinates import Array, Coordinates
from search.policies.ensemble.history import History

Features = NDArray[np.float32]


@dataclass(frozen=True)
class Forest:
    """How many trees, and how they are grown."""

    trees: int = 24
    leaf: int = 2
    share: float = 0.6
    # At most so many observations are looked at: the best, and the latest of the others.
    most: int = 500
    # So near to the best, as a share of the distance between the best and the middle, is as good.
    softness: float = 0.05


class Model:
    """Fitted to a history."""

    def __init__(self, coordinates: Coordinates, history: History, forest: Forest, rng: np.random.Generator) -> None:
        from sklearn.tree import ExtraTreeRegressor

        self._space, self._rungs = coordinates, history.rungs
        features, values, epochs = observations(coordinates, history, forest.most)
        self._best = float(values.max())
        top = np.sort(values)[-max(2, len(values) // 2) :]
        self._soft = max(forest.softness * (self._best - float(top[0])), 1e-9)
        told = np.column_stack([features, self._time(epochs)]).astype(np.float32)
        warped = self._warped(values)
        self._trees = [
            ExtraTreeRegressor(
                min_samples_leaf=forest.leaf, max_features=forest.share, random_state=int(rng.integers(2**31))
            ).fit(told, warped, check_input=False)
            for _ in range(forest.trees)
        ]

    def _time(self, epochs: Array) -> Array:
        return np.asarray(np.log(epochs) / max(np.log(self._rungs[-1]), 1.0))

    def _warped(self, values: Array) -> Array:
        return -np.log(np.maximum(self._best - values, 0.0) / self._soft + 1.0)

    def improvement(self, points: Array, best: float) -> Array:
        """Return by how much rows are expected to be better than the best, at the end, on the scale of the model."""
        epochs = np.full(len(points), float(self._rungs[-1]))
        told = np.column_stack([self._space.features(points), self._time(epochs)]).astype(np.float32)
        found = np.stack([tree.tree_.predict(told)[:, 0] for tree in self._trees])
        mean, deviation = found.mean(axis=0), found.std(axis=0) + 1e-3
        best = float(self._warped(np.array([best]))[0])
        z = (mean - best) / deviation
        return np.asarray(deviation * (z * ndtr(z) + np.exp(-z * z / 2) / 2.5066))


def observations(coordinates: Coordinates, history: History, most: int) -> tuple[Features, Array, Array]:
    """Return features, values and epochs of what was seen at rungs; where nothing came of one, the worst there was."""
    rows, rungs = np.nonzero(~np.isnan(history.values))
    values = history.values[rows, rungs]
    finite = np.isfinite(values)
    worst = values[finite].min() if finite.any() else 0.0
    values = np.where(finite, values, worst)
    if len(values) > most:
        kept = np.union1d(
            np.argsort(-values, kind="stable")[: most // 2], np.arange(len(values) - most // 2, len(values))
        )
        rows, rungs, values = rows[kept], rungs[kept], values[kept]
    unique, places = np.unique(rows, return_inverse=True)
    features = coordinates.features(history.points[unique])[places]
    return features, values, np.asarray(history.rungs, float)[rungs]
