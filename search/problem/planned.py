"""What settings make of a search before anything is drawn: its goals, and what it begins with."""

from collections.abc import Mapping
from typing import Any

import numpy as np

import models
from models.family import Choice, Goal
from search.problem import baselines, objectives, space, textbook
from search.problem.parts import Problem
from search.problem.settings import Settings
from search.problem.textbook import Start
from search.system.errors import UsageError

GRID_LIMIT = 10_000


def goals(settings: Problem) -> tuple[Goal, ...]:
    """Return what a search is for, the family's own goal first."""
    return objectives.of(models.family(settings.family).goal, settings.objective)


def planned_baselines(settings: Settings) -> list[tuple[str, baselines.Baseline, dict[str, Any]]]:
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


def planned_start(settings: Settings) -> Start | None:
    """Return the configuration to try after the reports' best, if there is one."""
    return textbook.of(settings.family) if settings.baselines == "best" and settings.sampler != "grid" else None


def grid_points(settings: Settings, fixed: Mapping[str, Choice]) -> list[dict[str, Choice]]:
    """Return the points of the grid in an order that the seed decides. Raises `UsageError` where there are too many."""
    points: list[dict[str, Choice]] = []
    for point in space.grid(models.family(settings.family), fixed):
        points.append(point)
        if len(points) > GRID_LIMIT:
            raise UsageError(
                f"--sampler grid: over {GRID_LIMIT:,} points; pin hyperparameters with --fix NAME=VALUE until fewer "
                "are left, or choose --sampler qmc"
            )
    order = np.random.default_rng(settings.seed).permutation(len(points))
    return [points[index] for index in order]
