"""A conditional space as arrays: a row is a configuration, a column a hyperparameter, and what is not asked for is NaN.

A number is a place on the scale of its range, from 0 to 1; one of several choices is its position among them.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution

from models.belief import Around, Belief
from models.family import Choice
from search.problem import space
from search.problem.scale import Array, Scale
from search.problem.space import Asking

Mask = NDArray[np.bool_]


class Coordinates:
    """The columns of a space, in the order in which they are asked for."""

    def __init__(
        self,
        suggest: Asking,
        beliefs: Callable[[str], Belief | None] | None = None,
        fixed: Mapping[str, Choice] | None = None,
    ) -> None:
        """Without `beliefs`, nothing is believed of any hyperparameter; those that are `fixed` are not varied."""
        self._suggest, self._fixed = suggest, dict(fixed or {})
        distributions = space.of(suggest, self._fixed)
        self.names = tuple(distributions)
        self.columns = {name: column for column, name in enumerate(self.names)}
        self.scales = [Scale(distribution) for distribution in distributions.values()]
        self.beliefs = [
            self._known(column, beliefs(name) if beliefs else None) for column, name in enumerate(self.names)
        ]
        self.relative = [
            column for column, belief in enumerate(self.beliefs) if isinstance(belief, Around) and belief.of
        ]
        # Those whose values decide what is asked for.
        self.structure = self._structure()
        self.fixed = {self.columns[n]: self.scales[self.columns[n]].place(v) for n, v in self._fixed.items()}
        self._active: dict[tuple[float, ...], Mask] = {}
        self._centers: dict[int, Array] = {}

    def _known(self, column: int, belief: Belief | None) -> Belief | None:
        """Return a belief unless it hangs on what is not asked for before."""
        if isinstance(belief, Around) and belief.of and self.columns.get(belief.of, column) >= column:
            return None
        return belief

    def _asked(self, script: Mapping[str, Any]) -> set[str]:
        asked: set[str] = set()

        def decide(name: str, distribution: BaseDistribution) -> Any:
            asked.add(name)
            return script[name] if name in script else self.scales[self.columns[name]].value(0.0)

        space.ask(self._suggest, decide)
        return asked

    def _structure(self) -> list[int]:
        found, most = [], {name: scale.value(scale.last) for name, scale in zip(self.names, self.scales, strict=True)}
        for column, (name, scale) in enumerate(zip(self.names, self.scales, strict=True)):
            if name in self._fixed or scale.distribution.single():
                continue
            levels = {frozenset(self._asked(most | self._fixed | {name: value})) for value in scale.levels()}
            if len(levels) > 1:
                found.append(column)
        return found

    def active(self, points: Array) -> Mask:
        """Return which hyperparameters are asked for, by those that decide about it. (n, columns) of both."""
        keys = points[:, self.structure]
        unlike, first, places = np.unique(
            np.where(np.isnan(keys), -1.0, keys), axis=0, return_index=True, return_inverse=True
        )
        for key, row in zip(map(tuple, unlike), first, strict=True):
            if key not in self._active:
                self._active[key] = self._mask(points[row])
        masks = [self._active[key] for key in map(tuple, unlike)]
        return np.array(masks).reshape(-1, points.shape[1])[places.ravel()]

    def _mask(self, point: Array) -> Mask:
        script = {
            self.names[column]: self.scales[column].value(point[column])
            for column in self.structure
            if not np.isnan(point[column])
        }
        asked = self._asked(script | self._fixed)
        return np.array([name in asked for name in self.names])

    def point(self, parameters: Mapping[str, Choice]) -> Array:
        """Return the row of a configuration."""
        row = np.full(len(self.names), np.nan)
        for name, value in parameters.items():
            if name in self.columns:
                row[self.columns[name]] = self.scales[self.columns[name]].place(value)
        return row

    def parameters(self, point: Array) -> dict[str, Choice]:
        """Return the configuration of a row."""
        return {
            name: scale.value(place)
            for name, scale, place in zip(self.names, self.scales, point, strict=True)
            if not math.isnan(place)
        }

    def center(self, column: int, points: Array) -> Array:
        """Return where a number is believed to lie, given those before it; NaN where nothing is believed. (n,)."""
        belief = self.beliefs[column]
        scale = self.scales[column]
        if not isinstance(belief, Around):
            return np.full(len(points), np.nan)
        if not belief.of:
            assert not isinstance(belief.center, Mapping)
            return np.full(len(points), scale.place(belief.center))
        other = self.columns[belief.of]
        before = points[:, other]
        if isinstance(belief.center, Mapping):
            if column not in self._centers:
                places = (belief.center.get(choice, math.nan) for choice in self.scales[other].choices)
                self._centers[column] = scale.places(np.array([*places], float))
            return np.where(
                np.isnan(before), math.nan, self._centers[column][np.where(np.isnan(before), 0, before).astype(int)]
            )
        return scale.places(belief.center * self.scales[other].values(before))
