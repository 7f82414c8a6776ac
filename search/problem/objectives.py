"""What a search is for: its family's goal and, where that is asked, what a network costs beside it.

The goal steers what is decided on the way: which epoch is kept, what is pruned, what is called best. What is left then
is a choice between costs, and that is a person's: the Pareto set.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import inf
from typing import Final

from models.family import Goal
from models.naming import hint
from search.system.errors import UsageError

# By the names that a person types; the metrics are those of a run.
COSTS: Final[Mapping[str, Goal]] = {
    "parameters": Goal("parameters", "minimize"),
    "latency": Goal("latency_ms", "minimize"),
}
LATENCY: Final = COSTS["latency"]
MOST = 2


def of(goal: Goal, asked: str | None) -> tuple[Goal, ...]:
    """Return what a search is for, `asked` as in `val_accuracy,parameters`; None: its goal. Raises `UsageError`."""
    first, *others = [name.strip() for name in (goal.metric if asked is None else asked).split(",")]
    if first.startswith("test_"):
        raise UsageError(
            f"--objective {asked}: the test images judge what a search has found, and must not steer it; "
            f"begin with {goal.metric}"
        )
    if first != goal.metric:
        wanted = ",".join((goal.metric, *(name for name in (first, *others) if name in COSTS)))
        raise UsageError(
            f"--objective {asked}: the first is {goal.metric}, by which epochs are kept and trials pruned; give "
            f"--objective {wanted}"
        )
    if 1 + len(others) > MOST:
        raise UsageError(f"--objective {asked}: more than {MOST}; give {goal.metric} and one of {', '.join(COSTS)}")
    for name in others:
        if name not in COSTS:
            near = hint(name, COSTS)
            raise UsageError(
                f"--objective {asked}: no objective {name!r}{near}; after {goal.metric}: {', '.join(COSTS)}"
            )
    return goal, *(COSTS[name] for name in others)


def named(goals: Sequence[Goal]) -> str | None:
    """Return how a person asks for this; None for a goal alone."""
    goal, *costs = goals
    names = {cost: name for name, cost in COSTS.items()}
    return ",".join((goal.metric, *(names[cost] for cost in costs))) if costs else None


def words(goals: Iterable[Goal]) -> str:
    """Return what is sought, in words."""
    return ", ".join(f"{goal.metric} ({goal.direction})" for goal in goals)


def recorded(goals: Sequence[Goal]) -> tuple[str, ...]:
    """Return the final metrics of a run that are the values of its trial."""
    return f"best_{goals[0].metric}", *(cost.metric for cost in goals[1:])


def values(goals: Sequence[Goal], metrics: Mapping[str, float]) -> tuple[float, ...]:
    """Return a trial's values out of its run's final metrics: all, or none where one is missing."""
    names = recorded(goals)
    return tuple(metrics[name] for name in names) if metrics.keys() >= set(names) else ()


def pareto(values: Mapping[int, Sequence[float]], goals: Sequence[Goal]) -> tuple[int, ...]:
    """Return the trials that none beats, being as good in both objectives and better in one; best first.

    `values` are those of trials by their numbers. Of one objective there is no choice, and no set.
    """
    if len(goals) < MOST:
        return ()
    signs = [-1 if goal.direction == "maximize" else 1 for goal in goals]
    costs = {
        number: tuple(sign * value for sign, value in zip(signs, found, strict=True))
        for number, found in values.items()
    }
    chosen: list[int] = []
    least = inf
    # Those before are as good in the first objective: only what is less in the second can be chosen still.
    for number, (first, second) in sorted(costs.items(), key=lambda item: item[1]):
        if second < least or (chosen and costs[chosen[-1]] == (first, second)):
            chosen.append(number)
            least = second
    return tuple(chosen)
