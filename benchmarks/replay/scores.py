"""How well a search did: what it would give back after so much, and when that was near the best there is."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.replay.simulated import Seen

Array = NDArray[np.float64]
# Costs at which regret is told, in full trainings.
GRID = np.concatenate([[0.25, 0.5, 0.75], np.geomspace(1, 60, 40)])
# Regret, in points, of a search that has nothing yet, and of what is worse.
MOST = 20.0
NEAR = 3.0
RESAMPLINGS = 300


@dataclass(frozen=True)
class Score:
    """One search. `regret`: points below the best known at each cost of `GRID`; `near`: the cost to within 3 points."""

    contender: str
    task: str
    seed: int
    start: str
    workers: int
    regret: tuple[float, ...]
    near: float
    trials: int
    seconds: float

    @property
    def cell(self) -> tuple[str, int]:
        """What two contenders are compared on."""
        return self.task, self.seed

    def data(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


def regrets(seen: Iterable[Seen], epochs: int, best: float) -> tuple[tuple[float, ...], float]:
    """Return the regret at each cost, and the cost to within 3 points.

    A search gives back what looked best among what was trained to its end, and what that is truly worth counts.
    """
    found, near, looked = np.full(len(GRID), MOST), np.inf, -np.inf
    for one in seen:
        if one.epoch == epochs and one.value > looked:
            looked, regret = one.value, best - one.final
            found[one.cost <= GRID] = min(MOST, regret)
            near = min(near, one.cost) if regret <= NEAR else near
    return tuple(np.round(found, 3).tolist()), round(float(near), 3)


def at(cost: float) -> int:
    """Return the place of a cost on the grid."""
    return min(int(np.searchsorted(GRID, cost)), len(GRID) - 1)


def mean_regret(scores: Sequence[Score]) -> Array:
    """Return the mean regret at each cost. (costs,)."""
    return np.asarray(np.mean([score.regret for score in scores], axis=0))


def speed(ours: Sequence[Score], theirs: Sequence[Score], cost: float) -> tuple[float, float, float]:
    """Return how many times as much they need for the regret that they have at a cost: with 90 % of resamplings.

    Tasks are resampled, since seeds of one task tell of that task alone.
    """

    def ratio(one: Sequence[Score], other: Sequence[Score]) -> float:
        level = mean_regret(other)[at(cost)] + 1e-9
        curve = np.minimum.accumulate(mean_regret(one))
        if curve[-1] > level:
            return 0.0
        place = int(np.argmax(curve <= level))
        around = slice(max(place - 1, 0), place + 1)
        return float(GRID[at(cost)] / np.exp(np.interp(-level, -curve[around], np.log(GRID[around]))))

    return _with_interval(ratio, *paired(ours, theirs))


def difference(ours: Sequence[Score], theirs: Sequence[Score], cost: float) -> tuple[float, float]:
    """Return by how many points our regret is lower at a cost, and the standard error over cells."""
    one, other = paired(ours, theirs)
    apart = np.array([b.regret[at(cost)] - a.regret[at(cost)] for a, b in zip(one, other, strict=True)])
    return float(apart.mean()), float(apart.std(ddof=1) / len(apart) ** 0.5) if len(apart) > 1 else float("nan")


def paired(ours: Sequence[Score], theirs: Sequence[Score]) -> tuple[list[Score], list[Score]]:
    """Return those of the same tasks and seeds."""
    mine, other = ({score.cell: score for score in scores} for scores in (ours, theirs))
    cells = sorted(mine.keys() & other.keys())
    return [mine[cell] for cell in cells], [other[cell] for cell in cells]


def median_near(scores: Sequence[Score]) -> tuple[float, float, float]:
    """Return the median cost to within 3 points, with 90 % of resamplings."""
    return _with_interval(lambda one, _: float(np.median([score.near for score in one])), scores, scores)


def _with_interval(
    measure: Callable[[Sequence[Score], Sequence[Score]], float], ours: Sequence[Score], theirs: Sequence[Score]
) -> tuple[float, float, float]:
    rng = np.random.default_rng(0)
    by_task: dict[str, list[tuple[Score, Score]]] = {}
    for pair in zip(ours, theirs, strict=True):
        by_task.setdefault(pair[0].task, []).append(pair)
    tasks, found = sorted(by_task), []
    for _ in range(RESAMPLINGS):
        drawn = [pair for task in rng.choice(tasks, len(tasks)) for pair in by_task[str(task)]]
        found.append(measure([one for one, _ in drawn], [other for _, other in drawn]))
    low, high = np.quantile(found, [0.05, 0.95], method="nearest")
    return measure(ours, theirs), float(low), float(high)


def grouped(scores: Iterable[Score]) -> Mapping[tuple[str, int], dict[str, list[Score]]]:
    """Return the scores by how searches began and how many workers there were, and by contender."""
    found: dict[tuple[str, int], dict[str, list[Score]]] = {}
    for score in scores:
        found.setdefault((score.start, score.workers), {}).setdefault(score.contender, []).append(score)
    return found
