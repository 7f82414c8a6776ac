"""The family's space for Ray Tune, which wants all of it before the first trial."""

from collections.abc import Sequence
from typing import Any

from ray import tune

from models.family import Family


class ForRay:
    """Stands in for a trial: notes what is asked for as Ray's domains.

    It answers with the highest numbers, so that a family asks for the layers of its deepest network, too.
    """

    def __init__(self) -> None:
        self.domains: dict[str, Any] = {}

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Note a number from [low, high]."""
        if step:
            self.domains[name] = tune.quniform(low, high, step)
        else:
            self.domains[name] = (tune.loguniform if log else tune.uniform)(low, high)
        return high

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Note a whole number from [low, high], of which Ray leaves the upper end out."""
        self.domains[name] = (tune.lograndint if log else tune.randint)(low, high + 1)
        return high

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Note one of `choices`."""
        self.domains[name] = tune.choice(list(choices))
        return choices[0]


def for_ray(family: type[Family]) -> dict[str, Any]:
    """Return all of the space, `units_4` also for networks of one layer."""
    asked = ForRay()
    family.suggest(asked)
    return asked.domains
