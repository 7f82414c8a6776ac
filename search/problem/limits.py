"""The most that a network may cost. What is over is not trained, and the sampler learns by how much it was."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log


@dataclass(frozen=True)
class Limits:
    """By the metrics that they are of; None: as much as a network likes."""

    parameters: int | None = None
    seconds_per_epoch: float | None = None

    def excess(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """Return for each limit that is exceeded the logarithm of how many times: 0.69 for twice as much."""
        return {name: log(metrics[name] / most) for name, most in self._known(metrics) if metrics[name] > most}

    def refusal(self, metrics: Mapping[str, float]) -> str:
        """Say what is too much; empty where nothing is."""
        return "; ".join(
            _said(name, metrics[name], most) for name, most in self._known(metrics) if metrics[name] > most
        )

    @property
    def words(self) -> str:
        """The limits in words; empty where there are none."""
        parameters = f"{self.parameters:,} parameters" if self.parameters else ""
        seconds = f"{self.seconds_per_epoch:g} s an epoch" if self.seconds_per_epoch else ""
        return " and ".join(filter(None, (parameters, seconds)))

    def _known(self, metrics: Mapping[str, float]) -> list[tuple[str, float]]:
        limits = {"parameters": self.parameters, "seconds_per_epoch": self.seconds_per_epoch}
        return [(name, most) for name, most in limits.items() if most is not None and name in metrics]


def _said(name: str, value: float, most: float) -> str:
    if name == "parameters":
        return f"{value:,.0f} parameters, more than --max-parameters {most:,}"
    return f"{value:.3g} s an epoch, more than --max-seconds-per-epoch {most:g}"
