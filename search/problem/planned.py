"""What settings make of a search before anything is drawn: its goals, and what it begins with."""

from typing import TYPE_CHECKING, Any

import models
from models.family import Goal
from search.problem import baselines, objectives, textbook
from search.problem.parts import Problem
from search.problem.textbook import Start

if TYPE_CHECKING:
    from search.problem.settings import Settings


def goals(settings: Problem) -> tuple[Goal, ...]:
    """Return what a search is for, the family's own goal first."""
    return objectives.of(models.family(settings.family).goal, settings.objective)


def planned_baselines(settings: "Settings") -> list[tuple[str, baselines.Baseline, dict[str, Any]]]:
    """Return the baselines that a study begins with: name, row, and what its trial is marked with.

    `best` goes by the study's own number of epochs, `all` by the reports'.
    """
    if settings.baselines == "none":
        return []
    if settings.baselines == "best":
        best = baselines.best(settings.family)
        rows: list[tuple[baselines.Baseline, int, int | None]] = [(best, settings.epochs, None)] if best else []
    else:
        rows = [(row, row.epochs, row.patience) for row in baselines.of(settings.family)]
    return [
        (row.name, row, {"baseline": row.name, "epochs": epochs} | ({"patience": patience} if patience else {}))
        for row, epochs, patience in rows
    ]


def planned_start(settings: "Settings") -> Start | None:
    """Return the configuration to try after the reports' best, if there is one."""
    return textbook.of(settings.family) if settings.baselines == "best" and settings.sampler != "grid" else None
