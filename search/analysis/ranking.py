"""How finalists stand: their mean over seeds, how sure that is, and who has clearly lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t, wilcoxon

CONFIDENCE = 0.95
# Before there are so many of a configuration, its seeds cannot be told from each other, and nobody has lost.
SEEDS_TO_COMPARE = 2


@dataclass(frozen=True, eq=False)
class Scored:
    """What the networks of one configuration were right about, (seeds, images): the same images for all."""

    name: str
    right: NDArray[np.bool_]

    @property
    def seeds(self) -> int:
        """How many times it was trained."""
        return len(self.right)

    @property
    def by_seed(self) -> NDArray[np.float64]:
        """The share of images that each network was right about, (seeds,)."""
        return np.asarray(self.right.mean(axis=1), dtype=np.float64)

    @property
    def mean(self) -> float:
        """The share over all seeds."""
        return float(self.by_seed.mean())


@dataclass(frozen=True)
class Lead:
    """By how much one is better than another, as a share of images, and the chance of as much between equals.

    `p_value` is that of Wilcoxon's signed-rank test over the images: by how many networks more one was right.
    """

    first: str
    second: str
    difference: float
    margin: float
    p_value: float

    @property
    def clear(self) -> bool:
        """Whether it is more than noise: neither other seeds nor other images would be likely to turn it."""
        return self.p_value < 1 - CONFIDENCE and abs(self.difference) > self.margin

    @property
    def sentence(self) -> str:
        """Say who is better, and whether that is more than noise."""
        better, worse = (self.first, self.second) if self.difference >= 0 else (self.second, self.first)
        points = f"{100 * abs(self.difference):.2f} ± {100 * self.margin:.2f} points"
        if not self.clear:
            return f"the lead of {better} over {worse} is within noise: {points}"
        return f"{better} is better than {worse} by {points}, more than noise"


class Standings:
    """All finalists side by side. What seeds do is estimated over all of them: of each alone there are too few."""

    def __init__(self, scored: Sequence[Scored]) -> None:
        self.ranked = sorted(scored, key=lambda one: (-one.seeds, -one.mean))
        # Degrees of freedom of that estimate, and the standard deviation of a network's share of images.
        self._freedom = sum(one.seeds - 1 for one in scored)
        squares = sum(float(((one.by_seed - one.mean) ** 2).sum()) for one in scored)
        self._deviation = sqrt(squares / self._freedom) if self._freedom else 0.0

    @property
    def first(self) -> Scored:
        """The best of those with the most seeds."""
        return self.ranked[0]

    def margin(self, one: Scored) -> float:
        """Half of the interval that holds the mean over all seeds, and all images of this kind, 19 times of 20."""
        return self._margin(one.right.mean(axis=0), self._deviation / sqrt(one.seeds))

    def lead(self, first: Scored, second: Scored) -> Lead:
        """Return by how much the first is better, over the seeds that both have."""
        seeds = min(first.seeds, second.seeds)
        apart = first.right[:seeds].sum(axis=0, dtype=np.int64) - second.right[:seeds].sum(axis=0, dtype=np.int64)
        return Lead(
            first.name,
            second.name,
            float(apart.mean()) / seeds,
            self._margin(apart / seeds, self._deviation * sqrt(2 / seeds)),
            float(wilcoxon(apart).pvalue) if apart.any() else 1.0,
        )

    def lost(self) -> dict[str, Lead]:
        """Return who has clearly lost to the first, and how: no more seeds need be spent on them.

        By more than noise, with all of them asked at once (Holm 1979), and not before seeds can be told from each
        other.
        """
        behind = [self.lead(self.first, one) for one in self.ranked[1:]] if self._freedom else []
        found = {}
        for place, lead in enumerate(sorted(behind, key=lambda lead: lead.p_value)):
            if lead.p_value * (len(behind) - place) >= 1 - CONFIDENCE:
                break
            if lead.clear and lead.difference > 0:
                found[lead.second] = lead
        return found

    def _margin(self, by_image: NDArray[np.float64], of_seeds: float) -> float:
        """Add up what the drawn images and the drawn seeds leave open, standard errors both."""
        of_images = float(by_image.std(ddof=1)) / sqrt(len(by_image))
        quantile = 0.5 + CONFIDENCE / 2
        seeds = of_seeds * float(t.ppf(quantile, self._freedom)) if self._freedom else 0.0
        return hypot(of_images * float(norm.ppf(quantile)), seeds)
