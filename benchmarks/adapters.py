"""One space for all: what the family's own `suggest` asks for, drawn by each peer in its own way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from models.family import Choice, Family
from search import space


@dataclass(frozen=True)
class FromKerasTuner:
    """Lets KerasTuner's `HyperParameters` draw, and declares to it what there is to draw."""

    hyperparameters: Any

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Return a number from [low, high]."""
        how = {"step": step, "sampling": "log" if log else "linear"}
        # Its steps end up beside the multiples by a rounding error.
        return float(round(self.hyperparameters.Float(name, low, high, **how), 10))

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Return a whole number from [low, high]."""
        # With a logarithmic scale, a step would be a factor.
        how: dict[str, Any] = {"sampling": "log"} if log else {"step": step}
        return int(self.hyperparameters.Int(name, low, high, **how))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Return one of `choices`."""
        return self.hyperparameters.Choice(name, list(choices))


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


def for_ray(family: type[Family]) -> dict[str, Any]:
    """Return the space as Ray Tune takes it: all of it at once, `units_4` also for networks of one layer."""
    return {name: _domain(distribution) for name, distribution in space.of(family).items()}


def _domain(distribution: BaseDistribution) -> Any:
    from ray import tune

    if isinstance(distribution, CategoricalDistribution):
        return tune.choice(list(distribution.choices))
    if isinstance(distribution, IntDistribution):
        # Ray leaves the upper end out.
        draw = tune.lograndint if distribution.log else tune.randint
        return draw(distribution.low, distribution.high + 1)
    assert isinstance(distribution, FloatDistribution)
    if distribution.step:
        return tune.quniform(distribution.low, distribution.high, distribution.step)
    return (tune.loguniform if distribution.log else tune.uniform)(distribution.low, distribution.high)
