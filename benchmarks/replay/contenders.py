"""Who searches: samplers and pruners of Optuna as they come, and those of this project with or without their parts."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import optuna
from optuna.samplers import RandomSampler, TPESampler
from optuna.storages import InMemoryStorage

from benchmarks.replay.simulated import Searcher
from models import space as beliefs
from models.family import Goal
from search.policies.ensemble.coordinates import Coordinates
from search.policies.ensemble.proposals import Method
from search.policies.ensemble.sampler import EnsembleSampler
from search.policies.promotion import Promotion
from search.policies.pruners import Judging, Pruner
from search.policies.pruners.halving import FACTOR, ladder
from search.problem import space

GOAL = Goal("val_accuracy", "maximize")


class _Space:
    """A task as if it was a family, whose space is read off it."""

    def __init__(self, task: Any) -> None:
        self.suggest = task.suggest


def coordinates(task: Any, *, believing: bool = True) -> Coordinates:
    """Return the task's space, and what is believed of it."""
    family: Any = _Space(task)
    return Coordinates(partial(space.ask, family), space.of(family), beliefs.belief if believing else _nothing)


def _nothing(name: str) -> None:
    """Believe nothing of any hyperparameter."""


def make(
    name: str, task: Any, seed: int, start: Mapping[str, Any] | None, method: Method | None = None, **options: Any
) -> Searcher:
    """Return a study and a pruner."""
    storage = InMemoryStorage()
    study = optuna.create_study(storage=storage, direction="maximize", study_name=f"{name}-{seed}")
    pruner: Pruner
    match name:
        case "random":
            study.sampler, pruner = RandomSampler(seed=seed), Judging(optuna.pruners.NopPruner(), study)
        case "tpe":
            study.sampler, pruner = TPESampler(seed=seed), Judging(optuna.pruners.NopPruner(), study)
        case "tpe+hyperband" | "tpe4+hyperband":
            study.sampler = TPESampler(seed=seed, n_startup_trials=4 if "4" in name else 10)
            first = 2 if task.epochs == 52 else 1
            pruner = Judging(optuna.pruners.HyperbandPruner(min_resource=first, max_resource=task.epochs), study)
        case "ours":
            steps = options.pop("rungs", None) or (ladder(task.epochs).rungs)
            study.sampler = EnsembleSampler(
                coordinates(task, believing=options.pop("believing", True)), steps, seed, method
            )
            pruner = Promotion(steps, FACTOR, GOAL, seed, **options)
        case "tpe+asha":
            steps = ladder(task.epochs).rungs
            study.sampler, pruner = TPESampler(seed=seed), Promotion(steps, FACTOR, GOAL, seed)
        case _:
            raise ValueError(name)
    if start:
        study.enqueue_trial(dict(start))
    return Searcher(study, storage, pruner)
