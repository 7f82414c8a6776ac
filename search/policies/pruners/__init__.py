"""What ends hopeless trials, or lets them wait: each file is a value of `--pruner`, and has `share` and `create`."""

import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from models.family import Goal
from search.policies.answers import Answer, Verdicts

if TYPE_CHECKING:
    from optuna import Study
    from optuna.pruners import BasePruner
    from optuna.trial import FrozenTrial

    from search.problem.settings import Settings


class Pruner(Protocol):
    """Decides about trials, which it knows by their numbers.

    It keeps nothing: whoever goes on with a study lets it know what each trial has come to so far, in the order of
    their numbers, by the same calls.
    """

    def enter(self, number: int, *, given: bool = False) -> bool:
        """Let a trial in that begins, or is gone on with; return whether it has to wait before it trains on.

        One that was `given` was not drawn: a search begins with it.
        """

    def report(self, trial: "FrozenTrial", step: int, value: float) -> Answer:
        """Take the value after so many epochs, and return what the trial is to do."""

    def park(self, number: int) -> None:
        """A trial that has to wait has been left by its worker."""

    def end(self, number: int, *, complete: bool) -> None:
        """A trial is over. Of one that never entered nothing is to be done."""

    def decide(self, *, closed: bool) -> Verdicts:
        """Decide about those that wait, as far as can be, each once. `closed`: no more will enter."""


class Create(Protocol):
    """What each file has, beside `share`."""

    def __call__(self, settings: "Settings", goal: Goal, study: "Study") -> Pruner:
        """Return what decides about the trials of a study, whose values are those of the goal."""


class Share(Protocol):
    """What each file has, beside `create`."""

    def __call__(self, settings: "Settings") -> float:
        """Return how many epochs trials take on average, as a share of those that all would take to the end."""


class Judging:
    """A pruner of Optuna's kind, which ends trials as they train: nobody waits."""

    def __init__(self, pruner: "BasePruner", study: "Study") -> None:
        self._pruner, self._study = pruner, study
        # Hyperband, for one, decides which trials the sampler learns from.
        study.pruner = pruner

    def enter(self, number: int, *, given: bool = False) -> bool:
        """Let it in: it need not wait."""
        return False

    def report(self, trial: "FrozenTrial", step: int, value: float) -> Answer:
        """Ask Optuna's pruner."""
        return Answer.STOP if self._pruner.prune(self._study, trial) else Answer.GO_ON

    def park(self, number: int) -> None:
        """Nobody waits."""

    def end(self, number: int, *, complete: bool) -> None:
        """Optuna's pruner learns that from the study."""

    def decide(self, *, closed: bool) -> Verdicts:
        """Nobody waits."""
        return Verdicts()


def names() -> tuple[str, ...]:
    """Every pruner there is, in order."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def create(settings: "Settings", goal: Goal, study: "Study") -> Pruner:
    """Return what decides about the trials of a study."""
    made: Create = import_module(f"{__name__}.{settings.pruner}").create
    return made(settings, goal, study)


def share(settings: "Settings") -> float:
    """Return how many epochs trials take on average under the pruner, as a share of their budgets."""
    found: Share = import_module(f"{__name__}.{settings.pruner}").share
    return found(settings)
