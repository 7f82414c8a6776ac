"""Which hyperparameters the values of a study's trials depend on, and what of that is more than chance.

Optuna's own evaluators do not serve: PED-ANOVA looks at the best tenth, which of 20 trials are two; fANOVA passes over
what not every trial has, and takes seconds. Here a hyperparameter counts for as much as trees predict worse of trials
that they have not seen when that hyperparameter's values are shuffled among these (Breiman 2001, sec. 10): half the
squared error that this adds is the share of the variance that goes with it, interactions included.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial

# Resamplings of the trials, and how many trees each gives.
RESAMPLINGS: Final = 24
TREES: Final = 3
# How often values are shuffled among trials to see what comes of nothing, and resamplings of each of these.
SHUFFLES: Final = 20
RESAMPLINGS_OF_NOTHING: Final = 6
CERTAIN: Final = 0.95
# Share of the hyperparameters among which a tree looks for each split.
LOOKED_AT: Final = 0.6
# Of more trials, so many are drawn: they tell as much, in bounded time.
MOST_TRIALS: Final = 200
# How many unseen trials are asked about, over and over with other shufflings where a study is small.
ASKED: Final = 40
# What lies between these shares of the resamplings is shown as the spread.
SPREAD: Final = (0.1, 0.9)


@dataclass(frozen=True)
class Importance:
    """Of what the hyperparameters decide, the share that goes with one; `low` to `high` over resamplings of trials."""

    name: str
    share: float
    low: float
    high: float


def of_trials(trials: Sequence[FrozenTrial], seed: int = 0) -> list[Importance]:
    """Return the hyperparameters that matter more than chance explains, the most important first, others by name.

    Of complete trials, by the first objective. None where nothing can be told from chance.
    """
    rng = np.random.default_rng(seed)
    drawn = [trial for trial in trials if trial.values]
    if len(drawn) > MOST_TRIALS:
        drawn = [drawn[i] for i in np.sort(rng.choice(len(drawn), MOST_TRIALS, replace=False))]
    names = _varied(drawn)
    values = np.array([trial.values[0] for trial in drawn if trial.values])
    if not names or not values.std():
        return []
    table = _table(drawn, names)
    # Takes a second, which only those are to wait for who want to know.
    from sklearn import config_context

    # Hundreds of small trees: what scikit-learn checks of each takes as long as they do.
    with config_context(assume_finite=True, skip_parameter_validation=True):
        gains = np.stack([_gains(table, values, rng) for _ in range(RESAMPLINGS)])
        chance = max(_chance(table, values, rng), 0.0)
    found = zip(names, _shares(gains.mean(axis=0)), _spread(gains), gains.mean(axis=0), strict=True)
    told = [
        Importance(name, float(share), float(min(low, share)), float(max(high, share)))
        for name, share, (low, high), gain in found
        if gain > chance and low > 0
    ]
    return sorted(told, key=lambda one: (-one.share, one.name))


def _shares(gains: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what each gains, (..., n), as a share of what all do; a loss is no gain."""
    parts = np.maximum(gains, 0)
    return np.asarray(parts / np.maximum(parts.sum(axis=-1, keepdims=True), np.finfo(np.float64).tiny))


def _spread(gains: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return between which shares those of the resamplings, (resamplings, n), lie, (n, 2)."""
    return np.asarray(np.quantile(_shares(gains), SPREAD, axis=0).T)


def _varied(trials: Sequence[FrozenTrial]) -> list[str]:
    """Return the hyperparameters that have not the same value in all trials that have them, by name."""
    found: dict[str, set[object]] = {}
    for trial in trials:
        for name, value in trial.params.items():
            found.setdefault(name, set()).add(value)
    return sorted(name for name, values in found.items() if len(values) > 1)


def _table(trials: Sequence[FrozenTrial], names: Sequence[str]) -> NDArray[np.float32]:
    """Return a row a trial and a column a hyperparameter, choices by number; NaN where a trial does not have it."""
    return np.array(
        [
            [
                trial.distributions[name].to_internal_repr(trial.params[name]) if name in trial.params else np.nan
                for name in names
            ]
            for trial in trials
        ],
        dtype=np.float32,
    )


def _chance(table: NDArray[np.float32], values: NDArray[np.float64], rng: np.random.Generator) -> float:
    """Return what the luckiest hyperparameter gains in no more than one try of twenty where none means anything."""
    tries = []
    for _ in range(SHUFFLES):
        shuffled = rng.permutation(values)
        gains = [_gains(table, shuffled, rng) for _ in range(RESAMPLINGS_OF_NOTHING)]
        tries.append(np.mean(gains, axis=0).max())
    return float(np.quantile(tries, CERTAIN))


def _gains(table: NDArray[np.float32], values: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the share of the variance that goes with each hyperparameter, by one resampling of the trials."""
    from sklearn.tree import DecisionTreeRegressor

    count = len(values)
    rows = rng.integers(count, size=count)
    unseen = np.setdiff1d(np.arange(count), rows)
    if not len(unseen):
        return np.zeros(table.shape[1])
    unseen = np.tile(unseen, -(-ASKED // len(unseen)))
    whole = _filled(table, rng)
    asked = np.concatenate([whole[unseen], *_shuffled(table, whole, unseen, rng)])
    state = np.random.RandomState(int(rng.integers(2**31)))
    trees = [
        DecisionTreeRegressor(max_features=LOOKED_AT, random_state=state).fit(
            whole[rows], values[rows], check_input=False
        )
        for _ in range(TREES)
    ]
    told = np.mean([tree.predict(asked, check_input=False) for tree in trees], axis=0)
    errors = ((told.reshape(-1, len(unseen)) - values[unseen]) ** 2).mean(axis=1)
    return np.asarray((errors[1:] - errors[0]) / 2 / values.var())


def _filled(table: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the table with what a trial does not have drawn from what others have, so that it says nothing.

    Whether it has it is another hyperparameter's doing, which counts for itself.
    """
    whole = table.copy()
    for column in whole.T:
        missing = np.isnan(column)
        column[missing] = rng.choice(column[~missing], int(missing.sum()))
    return whole


def _shuffled(
    table: NDArray[np.float32], whole: NDArray[np.float32], rows: NDArray[np.int64], rng: np.random.Generator
) -> list[NDArray[np.float32]]:
    """Return these rows once for each hyperparameter, its values shuffled among the trials that have it."""
    found = []
    for column in range(table.shape[1]):
        one = whole[rows]
        there = np.flatnonzero(~np.isnan(table[rows, column]))
        one[there, column] = rng.permutation(one[there, column])
        found.append(one)
    return found
