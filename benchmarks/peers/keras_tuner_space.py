"""The family's space for KerasTuner, which draws where the network is built."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


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
