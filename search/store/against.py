"""Figures beside those that a report tells, and how far both may be from what they would be on other images."""

from dataclasses import dataclass
from math import sqrt
from typing import Any, Final

from models import data
from search.problem.baselines import Baseline

# So many standard errors on both sides hold 95 of 100.
NORMAL: Final = 1.96


def apart(ours: float, theirs: float) -> float:
    """Return ours minus theirs, without the digits that are there only since both are binary fractions."""
    return round(ours - theirs, 12)


def margin(share: float, images: int) -> float:
    """Return half of a 95 % interval of a share of so many images, had others of the kind been drawn."""
    return NORMAL * sqrt(share * (1 - share) / images)


@dataclass(frozen=True)
class Against:
    """A figure of ours beside that of a report's row, in the report's own metric."""

    row: Baseline
    ours: float

    @property
    def metric(self) -> str:
        """By what the report judges the row."""
        return self.row.headline[0]

    @property
    def reported(self) -> float:
        """The report's figure."""
        return self.row.headline[1]

    @property
    def difference(self) -> float:
        """Ours minus theirs."""
        return apart(self.ours, self.reported)

    @property
    def standard_error(self) -> float | None:
        """Of the difference, as if both were judged on other test images: at most this. None for other metrics."""
        images = data.test_images(self.row.data)
        if self.metric != "test_accuracy" or images is None:
            return None
        return sqrt(sum(share * (1 - share) for share in (self.ours, self.reported)) / images)

    def data(self) -> dict[str, Any]:
        """Return it for programs."""
        names = ("metric", "reported", "ours", "difference", "standard_error")
        return {"row": self.row.name} | {name: getattr(self, name) for name in names}
