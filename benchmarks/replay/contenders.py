"""Who searches: samplers and pruners of Optuna as they come, and those of this project with or without their parts."""

from collections.abc import Callable, Mapping, Sequence

import optuna
from optuna.pruners import BasePruner, HyperbandPruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import InMemoryStorage

from benchmarks.replay.simulated import Searcher, Task
from models import space as shared
from models.family import Choice, Goal
from search.policies.ensemble.coordinates import Coordinates
from search.policies.ensemble.proposals import Method
from search.policies.ensemble.sampler import EnsembleSampler
from search.policies.promotion import Promotion
from search.policies.pruners import Judging
from search.policies.pruners.halving import FACTOR, ladder

GOAL = Goal("val_accuracy", "maximize")
# Makes what searches a task with a seed, and begins with these configurations.
Contender = Callable[[Task, int, Sequence[Mapping[str, Choice]]], Searcher]


def coordinates(task: Task, *, believing: bool = True) -> Coordinates:
    """Return the task's space, and what is believed of it."""
    return Coordinates(task.suggest, shared.belief if believing else None)


def _study(starts: Sequence[Mapping[str, Choice]], seed: int) -> tuple[optuna.Study, InMemoryStorage]:
    storage = InMemoryStorage()
    study = optuna.create_study(storage=storage, direction="maximize", study_name=f"study-{seed}")
    for start in starts:
        study.enqueue_trial(dict(start))
    return study, storage


def optunas(sampler: Callable[[int], BaseSampler], pruner: Callable[[int], BasePruner]) -> Contender:
    """Return a contender of Optuna's parts: a sampler with a seed, and a pruner for so many epochs."""

    def make(task: Task, seed: int, starts: Sequence[Mapping[str, Choice]]) -> Searcher:
        study, storage = _study(starts, seed)
        study.sampler = sampler(seed)
        return Searcher(study, storage, Judging(pruner(task.epochs), study))

    return make


def ours(
    method: Method | None = None,
    *,
    believing: bool = True,
    drawing: Callable[[int], BaseSampler] | None = None,
) -> Contender:
    """Return this project's, or a part of it: `drawing` is another sampler under the same promotion."""

    def make(task: Task, seed: int, starts: Sequence[Mapping[str, Choice]]) -> Searcher:
        study, storage = _study(starts, seed)
        rungs = ladder(task.epochs).rungs
        known = coordinates(task, believing=believing)
        study.sampler = drawing(seed) if drawing else EnsembleSampler(known, rungs, seed, method)
        return Searcher(study, storage, Promotion(rungs, FACTOR, GOAL))

    return make


def _tpe(seed: int) -> BaseSampler:
    return TPESampler(seed=seed)


def _eager(seed: int) -> BaseSampler:
    return TPESampler(seed=seed, n_startup_trials=4)


def _random(seed: int) -> BaseSampler:
    return RandomSampler(seed=seed)


def _never(_: int) -> BasePruner:
    return NopPruner()


def _hyperband(epochs: int) -> BasePruner:
    # LCBench's curves tell of two epochs at least.
    return HyperbandPruner(min_resource=ladder(epochs).rungs[0], max_resource=epochs)


def _without(*parts: str) -> Contender:
    return ours(Method(without=parts))


ALL: Mapping[str, Contender] = {
    "random": optunas(_random, _never),
    "TPE": optunas(_tpe, _never),
    "TPE + Hyperband": optunas(_tpe, _hyperband),
    "TPE of 4 + Hyperband": optunas(_eager, _hyperband),
    "TPE + promotion": ours(drawing=_tpe),
    "ours": ours(),
    "ours, no belief": ours(believing=False),
    "ours, no model": _without("model"),
    "ours, no leaders": _without("leaders"),
    "ours, no beginnings": _without("beginnings"),
    "ours, nothing shared": _without("shared"),
}
USUAL = ("random", "TPE", "TPE + Hyperband", "TPE of 4 + Hyperband", "ours")
