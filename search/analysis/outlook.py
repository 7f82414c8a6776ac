"""What a search may still gain, by what it has gained so far."""

import itertools
import math
from collections.abc import Sequence
from statistics import fmean

from optuna.trial import FrozenTrial

from models.family import Goal
from search.store.attributes import best

# Of less than so many full trainings nothing can be told.
FEWEST = 8
# Doublings of the cost over which the pace is taken, and averaged: of one alone it jumps with each better trial.
DOUBLINGS = (0.5, 1.0, 1.5)


def spent(trials: Sequence[FrozenTrial]) -> list[tuple[int, FrozenTrial]]:
    """Return the trials that are over as they ended, each with the epochs that all had trained for by then."""
    ended = [(trial.datetime_complete, trial.number, trial) for trial in trials if trial.datetime_complete]
    over = [trial for *_, trial in sorted(ended, key=lambda one: one[:2])]
    return list(zip(itertools.accumulate(len(trial.intermediate_values) for trial in over), over, strict=True))


def gain(trials: Sequence[FrozenTrial], goal: Goal, epochs: int, ahead: float) -> float | None:
    """Return by how much the best value is likely to grow with so many epochs more; None: it is too early to tell.

    A search gains about as much each time that what it has cost doubles. So this is what the last doublings have
    brought, for as many as are ahead: in replayed searches within a third on average, though not for each (see
    docs/searching.md). What a model of the curves expects is four to ten times too low: it does not know what will be
    drawn.
    """
    over = spent(trials)
    whole = over[-1][0] if over else 0
    if whole < FEWEST * epochs:
        return None
    now = best([trial for _, trial in over], goal)
    before = {ago: best([trial for at, trial in over if at <= whole / 2**ago], goal) for ago in DOUBLINGS}
    if now is None or before[1.0] is None:
        return None
    pace = fmean(abs(now[0] - known[0]) / ago for ago, known in before.items() if known)
    return pace * math.log2((whole + ahead) / whole)
