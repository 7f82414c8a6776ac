"""What is tried next: candidates of all sources, by what has come of them, and of these the most promising."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from search.policies.ensemble.coordinates import Coordinates
from search.policies.ensemble.history import History
from search.policies.ensemble.model import Judgement, Model
from search.policies.ensemble.sources import Sources, Traits
from search.problem.scale import Array

MOST_OTHERS = 100
# So often others are drawn where all that was drawn has been tried.
ATTEMPTS = 20
# With one thread the last digits are the same whatever runs beside, and training keeps its cores.
BLAS = ThreadpoolController()
# In this order: positions stand for them.
SOURCES = ("random", "beginnings", "leaders", "shared")


@dataclass(frozen=True)
class Weighing:
    """How sources come to their weights: shares of success in so many draws to begin with, and the least of each."""

    first: tuple[float, ...] = (0.3, 0.4, 0.3, 0.3)
    draws: float = 2.0
    least: tuple[float, ...] = (0.10, 0.05, 0.25, 0.10)
    decay: float = 0.97


@dataclass(frozen=True)
class Method:
    """All that can be set; found by replay."""

    traits: Traits = field(default_factory=Traits)
    weighing: Weighing = field(default_factory=Weighing)
    judgement: Judgement = field(default_factory=Judgement)
    # From so many observations on, so many candidates are judged by the model; before, one is drawn.
    observed: int = 15
    candidates: int = 400
    # Good trials, of which others are drawn that share what they have: this share, and at least so many.
    good: float = 0.2
    fewest: int = 8
    without: tuple[str, ...] = ()


class Proposals:
    """Says what to try, by what is known. It keeps nothing."""

    def __init__(self, coordinates: Coordinates, method: Method | None = None) -> None:
        self._space, self._method = coordinates, method or Method()
        self._sources = Sources(coordinates, self._method.traits)

    def propose(self, history: History, rng: np.random.Generator) -> tuple[Array, int]:
        """Return a row and the source that it came from."""
        method = self._method
        seen = int((~np.isnan(history.values)).sum())
        judged = seen >= method.observed and "model" not in method.without
        # Where nothing has come of any, there is nothing to be better than.
        judged = judged and bool(np.isfinite(history.values).any())
        points, sources = self.candidates(history, method.candidates if judged else 1, rng)
        if not judged:
            return points[0], int(sources[0])
        with BLAS.limit(limits=1, user_api="blas"):
            gain = Model(self._space, history, method.judgement).improvement(points)
        chosen = int(gain.argmax())
        return points[chosen], int(sources[chosen])

    def candidates(self, history: History, count: int, rng: np.random.Generator) -> tuple[Array, NDArray[np.int64]]:
        """Return rows that are not in the history, and their sources; of a space that has hardly any left, others."""
        tried = set(_keys(history.points))
        for _ in range(ATTEMPTS):
            points, sources = self._drawn(history, count, rng)
            new = [key not in tried for key in _keys(points)]
            if any(new):
                break
        else:
            new = [True] * len(points)
        return points[new], sources[new]

    def _drawn(self, history: History, count: int, rng: np.random.Generator) -> tuple[Array, NDArray[np.int64]]:
        leaders = history.leaders(self._method.traits.leaders)
        # What does badly is not looked near.
        beginnings = np.flatnonzero(history.given & (history.earned() >= history.second))
        split = self._split(history)
        weights = self.weights(history, [True, bool(len(beginnings)), bool(len(leaders)), split is not None])
        sources = np.sort(rng.choice(len(SOURCES), size=count, p=weights))
        parts = []
        for source, wanted in zip(*np.unique(sources, return_counts=True), strict=True):
            match SOURCES[source]:
                case "random":
                    parts.append(self._sources.believed(wanted, rng))
                case "beginnings":
                    parts.append(self._sources.children(history.points[beginnings], False, wanted, rng, least=0.1))
                case "leaders":
                    parts.append(self._sources.children(history.points[leaders], True, wanted, rng))
                case "shared":
                    assert split is not None
                    parts.append(self._sources.shared(*split, wanted, rng))
        return np.concatenate(parts), sources

    def _split(self, history: History) -> tuple[Array, Array] | None:
        """Return good rows and the others; None where too few are known."""
        known = np.flatnonzero(~np.isnan(history.values[:, 0]) | (history.reached() >= 0))
        if len(known) < self._method.fewest:
            return None
        count = max(4, int(np.ceil(self._method.good * min(len(known), 100))))
        good = history.leaders(count)
        if len(good) < 3:
            return None
        bad = np.setdiff1d(known, good)
        # Of a long history a hundred tell as much of where the others lie.
        bad = bad[:: -(-len(bad) // MOST_OTHERS)] if len(bad) else bad
        return history.points[good], history.points[bad]

    def weights(self, history: History, able: Sequence[bool]) -> Array:
        """Return how likely each source is drawn from. (sources,)."""
        weighing = self._method.weighing
        known = np.array(able) & np.array([source not in self._method.without for source in SOURCES])
        age = len(history.sources) - 1 - np.arange(len(history.sources))
        faded = weighing.decay**age
        told = (history.sources >= 0) & (~np.isnan(history.values)).any(axis=1)
        earlier = weighing.draws * weighing.decay ** int((history.sources >= 0).sum())
        draws = np.bincount(history.sources[told], faded[told], len(SOURCES)) + earlier
        success = np.bincount(history.sources[told], (faded * history.successes())[told], len(SOURCES))
        share = np.where(known, (success + earlier * np.array(weighing.first)) / draws, 0.0)
        least = np.where(known, weighing.least, 0.0)
        total = share.sum()
        share = share / total if total else known / known.sum()
        return np.asarray(least + (1 - least.sum()) * share)


def _keys(points: Array) -> list[bytes]:
    """Return what is equal for rows that stand for the same values, whatever rounding has made of them."""
    return [row.tobytes() for row in np.round(points, 9)]
