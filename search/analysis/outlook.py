"""What a search may still gain, by what it has gained so far."""

import itertools
import math
from collections.abc import Sequence

from optuna.trial import FrozenTrial, TrialState

from models.family import Goal

# Of less than so many full trainings nothing can be told.
FEWEST = 8


def gain(trials: Sequence[FrozenTrial], goal: Goal, epochs: int, ahead: float) -> float | None:
    """Return by how much the best value is likely to grow with so many epochs more; None: it is too early to tell.

    A search gains about as much each time that what it has cost doubles, and so by what the last doubling has brought:
    in replayed searches within a third on average, though not for each (see docs/searching.md). A model of the curves
    is a quarter to a tenth of what was gained, since it knows nothing of what will be drawn.
    """
    over = sorted(
        (trial for trial in trials if trial.datetime_complete), key=lambda one: (one.datetime_complete, one.number)
    )
    spent = list(itertools.accumulate(len(trial.intermediate_values) for trial in over))
    if not spent or spent[-1] < FEWEST * epochs:
        return None
    ended = [(at, trial.values[0]) for at, trial in zip(spent, over, strict=True) if _complete(trial)]
    before, now = ([value for at, value in ended if at <= most] for most in (spent[-1] / 2, spent[-1]))
    if not before:
        return None
    return abs(_best(now, goal) - _best(before, goal)) * math.log2((spent[-1] + ahead) / spent[-1])


def _complete(trial: FrozenTrial) -> bool:
    return trial.state == TrialState.COMPLETE and bool(trial.values)


def _best(values: Sequence[float], goal: Goal) -> float:
    return max(values) if goal.direction == "maximize" else min(values)
