"""What settings make of a search before anything is drawn: its goals, and what it begins with."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import models
from models.family import Goal
from search.problem import baselines, beginnings, objectives
from search.problem.beginnings import Start
from search.problem.learnt import Learnt
from search.problem.parts import Problem

if TYPE_CHECKING:
    from search.problem.settings import Settings


def goals(settings: Problem) -> tuple[Goal, ...]:
    """Return what a search is for, the family's own goal first."""
    return objectives.of(models.family(settings.family).goal, settings.objective)


@dataclass(frozen=True)
class Planned:
    """A row of a report to begin with, for so many epochs, or for so many without improvement."""

    row: baselines.Baseline
    epochs: int
    patience: int | None = None


def planned_baselines(settings: "Settings") -> list[Planned]:
    """Return the baselines that a study begins with.

    `best` goes by the study's own number of epochs, `all` by the reports'.
    """
    if settings.baselines == "none":
        return []
    if settings.baselines == "best":
        best = baselines.best(settings.family)
        return [Planned(best, settings.epochs)] if best else []
    return [Planned(row, row.epochs, row.patience) for row in baselines.of(settings.family)]


def planned_starts(settings: "Settings", learnt: Learnt) -> tuple[Start, ...]:
    """Return the configurations to try after the reports' best: what other studies have learnt comes first."""
    if settings.sampler == "grid":
        return ()
    known = beginnings.of(settings.family)
    return (*learnt.starts(settings.family, known), *(known if settings.baselines == "best" else ()))
