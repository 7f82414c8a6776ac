"""What studies and trials have come to, in the words of people and as data for programs."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from search.output.progress import short

if TYPE_CHECKING:
    from search.store.results import Result, Summary


def summary_data(summary: "Summary") -> dict[str, Any]:
    """Return what a study has come to, for programs."""
    against = summary.against
    return {
        "study": summary.name,
        "family": summary.family,
        "goal": asdict(summary.goal),
        "objectives": [asdict(goal) for goal in summary.goals],
        "pareto": list(summary.pareto),
        "trials": asdict(summary.standing)
        | {"finished": summary.standing.finished, "asked_for": summary.asked_for, "repeats": summary.repeats},
        "settings": dict(summary.settings),
        "digest": summary.digest,
        "best": result_data(summary.best) if summary.best else None,
        "report": against.data() if against else {},
        "confirmed": dict(summary.confirmed),
    }


def result_data(result: "Result") -> dict[str, Any]:
    """Return all that is known of a trial, for programs."""
    return asdict(result)


def state(result: "Result", driver: str) -> str:
    """Return a trial's state as people call it; `driver` is the process that searches now, if one does."""
    if result.state == TrialState.RUNNING.name and not driver:
        # Optuna calls it running for as long as nobody has told it how the trial ended.
        return "open"
    return "infeasible" if result.reason.startswith("infeasible") else result.state.lower()


def marked(result: "Result", summary: "Summary", driver: str) -> str:
    """Return a trial's state, with a star where it is in the Pareto set of its study."""
    return state(result, driver) + "*" * (result.number in summary.pareto)


def what(result: "Result") -> str:
    """Return what people tell a trial by: the report's row, why it ended as it did, or a few hyperparameters."""
    return result.baseline or result.reason or short(result.parameters)
