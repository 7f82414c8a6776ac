"""What draws hyperparameters: each file is a value of `--sampler`, and has `create`."""

import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from models.family import Choice

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    from search.problem.learnt import Learnt
    from search.problem.settings import Settings

# The attribute by which a trial says where its configuration came from, of samplers that have several sources.
SOURCE = "source"


@dataclass(frozen=True)
class Drawing:
    """What draws: a sampler of Optuna's kind; or the points that are listed instead, and come to an end."""

    sampler: "BaseSampler"
    points: Iterator[Mapping[str, Choice]] | None = None


class Create(Protocol):
    """What each file has."""

    def __call__(self, settings: "Settings", seed: int, learnt: "Learnt") -> Drawing:
        """Return what draws under these settings, and by what other studies have learnt.

        `seed` is another one for each call that goes on with a study.

        With the study's own seed alone, what was drawn at its begin would be drawn once more. Raises `UsageError`
        where nothing can be drawn so.
        """


def names() -> tuple[str, ...]:
    """Every sampler there is, in order."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def create(settings: "Settings", seed: int, learnt: "Learnt") -> Drawing:
    """Return what draws for a study."""
    made: Create = import_module(f"{__name__}.{settings.sampler}").create
    return made(settings, seed, learnt)
