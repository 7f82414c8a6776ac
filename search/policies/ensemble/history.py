"""What is known of the configurations of a study: where they are, where they came from, what they came to at rungs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.policies.ensemble.coordinates import Mask
from search.problem.scale import Array


@dataclass(frozen=True, eq=False)
class History:
    """Trials in the order of their numbers.

    `points` (n, columns) as in `Coordinates`; `values` (n, rungs), the higher the better: the best one up to each rung,
    NaN where a trial has not come there, and -inf at the first where nothing can come of it. `sources` (n,) are
    positions among the sources, -1 where a trial came from elsewhere; `given` (n,): a person gave it.
    """

    points: Array
    values: Array
    sources: NDArray[np.int64]
    given: Mask
    rungs: Sequence[int]

    @property
    def second(self) -> int:
        """The second rung, or the only one: what has come there has been compared."""
        return int(min(1, self.values.shape[1] - 1))

    def reached(self) -> NDArray[np.int64]:
        """Return the highest rung that each has come to; -1: none. (n,)."""
        there = np.isfinite(self.values)
        return np.where(there.any(axis=1), self.values.shape[1] - 1 - there[:, ::-1].argmax(axis=1), -1)

    def earned(self) -> NDArray[np.int64]:
        """Return the highest rung that each has come to; what a person gave, only as far as it has earned it.

        It never waits, so that it was trained to the end tells nothing: it has to be in the better half at every rung.
        """
        reached = self.reached()
        for rung, values in enumerate(self.values[:, :-1].T):
            known = values[np.isfinite(values)]
            if len(known):
                behind = self.given & (values < np.median(known))
                reached[behind] = np.minimum(reached[behind], rung)
        return reached

    def leaders(self, count: int) -> NDArray[np.int64]:
        """Return the best, those of the highest rung first; none that has only come to the first of several."""
        reached = self.earned()
        found: list[int] = []
        for rung in range(self.values.shape[1] - 1, self.second - 1, -1):
            here = np.flatnonzero(reached >= rung)
            known = set(found)
            ranked = here[np.argsort(-self.values[here, rung], kind="stable")]
            found += [int(one) for one in ranked if int(one) not in known]
            if len(found) >= count:
                break
        return np.array(found[:count], np.int64)

    def successes(self) -> Array:
        """Return what each has come to: a half for the best third at the second rung, and one for each above it."""
        found = np.zeros(len(self.values))
        for rung in range(1, self.values.shape[1]):
            here = np.flatnonzero(np.isfinite(self.values[:, rung]))
            values = self.values[here, rung]
            better = len(values) - np.searchsorted(np.sort(values), values, side="right")
            found[here[better < max(1, len(here) // 3)]] += 0.5 if rung == 1 else 1.0
        return found
