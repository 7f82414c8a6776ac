"""A conditional space as arrays: a row is a configuration, a column a hyperparameter, and what is not asked for is NaN.

A number is a place on the scale of its range, from 0 to 1; one of several choices is its position among them.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from models.belief import Around, Belief
from models.family import Choice

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
# Asks a stand-in for a trial for every hyperparameter of a configuration, which `decide` answers for.
Walk = Callable[[Callable[[str, BaseDistribution], Any]], object]


class Coordinates:
    """The columns of a space, in the order in which they are asked for."""

    def __init__(
        self,
        walk: Walk,
        distributions: Mapping[str, BaseDistribution],
        beliefs: Callable[[str], Belief | None],
        fixed: Mapping[str, Choice] | None = None,
    ) -> None:
        self._walk, self._fixed = walk, dict(fixed or {})
        self.names = tuple(distributions)
        self.columns = {name: column for column, name in enumerate(self.names)}
        self.scales = [Scale(distribution) for distribution in distributions.values()]
        self.beliefs = [self._known(column, beliefs(name)) for column, name in enumerate(self.names)]
        self.relative = [
            column for column, belief in enumerate(self.beliefs) if isinstance(belief, Around) and belief.of
        ]
        # Those whose values decide what is asked for.
        self.structure = self._structure()
        self.fixed = {self.columns[n]: self.scales[self.columns[n]].place(v) for n, v in self._fixed.items()}
        self._active: dict[tuple[float, ...], Mask] = {}

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

        self._walk(decide)
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
        found = np.empty(points.shape, bool)
        for row, key in enumerate(map(tuple, np.where(np.isnan(keys), -1.0, keys))):
            if key not in self._active:
                self._active[key] = self._mask(points[row])
            found[row] = self._active[key]
        return found

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
            centers = belief.center
            known = [
                scale.place(centers[choice]) if choice in centers else math.nan for choice in self.scales[other].choices
            ]
            return np.where(
                np.isnan(before), math.nan, np.array(known)[np.where(np.isnan(before), 0, before).astype(int)]
            )
        return scale.places(belief.center * self.scales[other].values(before))

    def features(self, points: Array) -> NDArray[np.float32]:
        """Return what a model is told: numbers, the same from where they are believed to lie, a column a choice."""
        columns = []
        for column, scale in enumerate(self.scales):
            places = points[:, column]
            if scale.choices:
                # NaN equals nothing.
                columns += [places == index for index in range(len(scale.choices))]
            else:
                columns.append(np.where(np.isnan(places), -1.0, places))
        for column in self.relative:
            apart = points[:, column] - self.center(column, points)
            columns.append(np.where(np.isnan(apart), -2.0, apart))
        return np.column_stack(columns).astype(np.float32)


class Scale:
    """Where a hyperparameter's values lie."""

    def __init__(self, distribution: BaseDistribution) -> None:
        self.distribution = distribution
        self.choices: Sequence[Any] = ()
        self.log = self.whole = False
        self.step: float | None = None
        self.low = self.high = 0.0
        if isinstance(distribution, CategoricalDistribution):
            self.choices = distribution.choices
            self._positions = {(type(choice), choice): place for place, choice in enumerate(self.choices)}
        else:
            assert isinstance(distribution, FloatDistribution | IntDistribution)
            self.log, self.whole = distribution.log, isinstance(distribution, IntDistribution)
            self.step = distribution.step if not self.log else None
            self.low, self.high = float(distribution.low), float(distribution.high)
        self._from, self._to = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)

    @property
    def last(self) -> float:
        """The highest place."""
        return float(len(self.choices) - 1) if self.choices else 1.0

    def levels(self) -> list[Any]:
        """Return every choice; of whole numbers each, or a few of many; else both ends."""
        if self.choices:
            return list(self.choices)
        if self.whole and self.high - self.low < 16:
            return list(range(int(self.low), int(self.high) + 1))
        return [self.value(0.0), self.value(1.0)]

    def place(self, value: Any) -> float:
        """Return the place of a value."""
        if self.choices:
            found = self._positions.get((type(value), value))
            return float(self.choices.index(value) if found is None else found)
        return float(self.places(np.array([float(value)]))[0])

    def places(self, values: Array) -> Array:
        """Return the places of numbers, within the range. (n,)."""
        if self._to == self._from:
            return np.where(np.isnan(values), np.nan, 0.0)
        inner = np.log(np.maximum(values, 1e-300)) if self.log else values
        return np.clip((inner - self._from) / (self._to - self._from), 0.0, 1.0)

    def values(self, places: Array) -> Array:
        """Return the numbers at these places, not rounded. (n,)."""
        inner = self._from + np.clip(places, 0.0, 1.0) * (self._to - self._from)
        return np.exp(inner) if self.log else inner

    def _rounded(self, places: Array) -> Array:
        values = self.values(places)
        if self.step:
            values = self.low + np.round((values - self.low) / self.step) * self.step
        elif self.whole:
            values = np.round(values)
        return np.clip(values, self.low, self.high)

    def snapped(self, places: Array) -> Array:
        """Return the places of what these places stand for. (n,)."""
        return places if self.choices else self.places(self._rounded(places))

    def value(self, place: float) -> Any:
        """Return the value at a place."""
        if self.choices:
            return self.choices[int(place)]
        found = float(self._rounded(np.array([place]))[0])
        return int(found) if self.whole else found
