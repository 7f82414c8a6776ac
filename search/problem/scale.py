"""Where the values of a hyperparameter lie: a number on the scale of its range, a choice among the others."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

Array = NDArray[np.float64]


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
