"""Which configurations of a study are trained again: the best that it has found, and the reports' best."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.family import Choice
from search.output import suggestions
from search.output.progress import short
from search.problem import baselines
from search.store.results import Result, Summary
from search.system import next_commands
from search.system.errors import SearchError


@dataclass(frozen=True)
class Finalist:
    """A configuration, and how it is trained: `until` so many epochs of a schedule made for `epochs`.

    `temperature` is that of its trial's probabilities: what is trained on the validation images has none of its own.
    `usual` are the seconds that an epoch of the trial took.

    `place` is the number of its trial, or the row of the report that no trial of the study has.
    """

    place: str
    name: str
    label: str
    parameters: Mapping[str, Choice]
    epochs: int
    until: int
    temperature: float | None = None
    usual: float = 0.0


def of(summary: Summary, trials: Sequence[Result], top: int) -> list[Finalist]:
    """Return the `top` complete trials by what validation said of them, and the reports' best. Raises `SearchError`.

    Of trials with the same hyperparameters only the best counts that was trained: others repeat it. They train for as
    many epochs as their best one was.
    """
    complete = [trial for trial in trials if trial.state == "COMPLETE" and trial.value is not None]
    if not complete:
        raise SearchError(
            f"study {summary.name} has no complete trial yet; see `{next_commands.command('show', summary.name)}`"
        )
    sign = -1 if summary.goal.direction == "maximize" else 1
    best_first = sorted(
        complete, key=lambda trial: (sign * (trial.value or 0.0), "best_epoch" not in trial.metrics, trial.number)
    )
    different = {tuple(sorted(trial.parameters.items())): trial for trial in reversed(best_first)}
    chosen = [trial for trial in best_first if trial in different.values()][:top]
    row = baselines.best(summary.family)
    if row is None:
        return [_of_trial(trial, summary) for trial in chosen]
    run = next((trial for trial in best_first if trial.baseline == row.name), None)
    if run is not None:
        chosen += [] if run in chosen else [run]
        return [_of_trial(trial, summary) for trial in chosen]
    epochs = int(summary.settings["epochs"])
    reported = Finalist(row.name, row.name, row.label, row.parameters, epochs, epochs)
    return [*(_of_trial(trial, summary) for trial in chosen), reported]


def _of_trial(trial: Result, summary: Summary) -> Finalist:
    if "best_epoch" not in trial.metrics:
        again = suggestions.again(summary, trial, next_commands.command)
        raise SearchError(
            f"{trial.name} is one of the best, and nothing tells for how many epochs it is to be trained: it has no "
            f"best_epoch, and no other trial its configuration; train it with `{again}`, and "
            "confirm that study"
        )
    return Finalist(
        place=str(trial.number),
        name=trial.name,
        label=f"report's {trial.baseline}" if trial.baseline else short(trial.parameters),
        parameters=trial.parameters,
        epochs=trial.budget or int(summary.settings["epochs"]),
        until=round(trial.metrics["best_epoch"]),
        temperature=trial.metrics.get("temperature"),
        usual=trial.epoch_seconds or 0.0,
    )
