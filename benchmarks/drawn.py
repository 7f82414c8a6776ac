"""Configurations drawn evenly from a family's space, without any search."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from models.family import Choice
from search.problem import space


@dataclass
class Drawn:
    """Draws evenly over the space, keeping what it drew; what is `fixed` is not drawn."""

    random: np.random.Generator
    fixed: Mapping[str, Choice] = field(default_factory=dict)
    parameters: dict[str, Choice] = field(default_factory=dict)

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Return a number from [low, high]."""
        return float(self._keep(name, FloatDistribution(low, high, log=log, step=step)))

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Return a whole number from [low, high]."""
        return int(self._keep(name, IntDistribution(low, high, log=log, step=step)))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Return one of `choices`."""
        return self._keep(name, CategoricalDistribution(choices))

    def _keep(self, name: str, distribution: BaseDistribution) -> Any:
        if name in self.fixed:
            drawn = self.fixed[name]
        else:
            # So many levels are as good as all.
            levels = space.levels(distribution, 1000)
            drawn = levels[int(self.random.integers(len(levels)))]
        self.parameters[name] = drawn
        return drawn
