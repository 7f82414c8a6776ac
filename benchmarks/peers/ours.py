"""This project, by its own command line, as a person would type it.

The search knows nothing of being measured: when its time is over it is asked to stop as by Ctrl-C, and afterwards its
two databases are read for what it had reached by when.
"""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import models
from benchmarks import journal, processes
from benchmarks.journal import Epoch
from benchmarks.peers.task import EPOCHS, Task, parse
from models import checkpoint
from search.workers.worker import Given

# What the search is told beside the task. `{budget}` is the task's, in seconds.
FLAGS = ("--timeout", "{budget:g}s", "--epochs", str(EPOCHS), "--trials", "10000")
STUDY = "benchmark"
MODEL = "data/model.keras"


def home(folder: Path) -> Path:
    """Return the search's home."""
    return folder / "home"


def command(task: Task) -> list[str]:
    """Return what a person would type."""
    flags = [flag.format(budget=task.budget) for flag in FLAGS]
    images = ["--images", str(task.images)] if task.images else []
    where = ["--study", STUDY, "--family", task.family, "--home", str(home(task.folder))]
    return processes.python("search", "run", *where, "--seed", str(task.seed), *flags, *images)


def collection(task: Task) -> list[str]:
    """Return the command that brings into the journal what a search has left."""
    return processes.python("benchmarks.peers.ours", *task.words())


def collect(task: Task) -> None:
    """Write the journal, and the network of the best epoch that was reached in time."""
    journal.write(task.folder / "main.jsonl", epochs(task))
    best = journal.best(journal.read(task.folder, task.budget))
    if best is not None:
        journal.models(task.folder).mkdir(exist_ok=True)
        _keep(task, best)


def epochs(task: Task) -> list[Epoch]:
    """Return when each epoch ended, as MLflow has it; those that only Optuna has heard of ended when all was over.

    Whoever is stopped delivers to MLflow for a few seconds only, the rest would be delivered by the next call.
    """
    goal = models.family(task.family).goal.metric
    recorded = _rows(
        home(task.folder) / "mlflow.db",
        "SELECT tags.value, step, metrics.timestamp, metrics.value FROM metrics JOIN tags USING (run_uuid) "
        "WHERE tags.key = 'search.trial' AND metrics.key = ?",
        goal,
    )
    reported = _rows(
        home(task.folder) / "optuna.db",
        "SELECT number, step, intermediate_value FROM trials JOIN trial_intermediate_values USING (trial_id) "
        "WHERE intermediate_value IS NOT NULL",
    )
    seconds = {(int(number), step): when / 1000 - task.began for number, step, when, _ in recorded}
    return [Epoch(seconds.get((number, step), task.budget), number, step, value) for number, step, value in reported]


def _rows(file: Path, query: str, *values: Any) -> list[tuple[Any, ...]]:
    if not file.exists():
        return []
    with closing(sqlite3.connect(file)) as database:
        return database.execute(query, values).fetchall()


def _keep(task: Task, best: Epoch) -> None:
    """Take the model from MLflow; of a trial that was stopped in its course, out of its checkpoint."""
    logged = _rows(
        home(task.folder) / "mlflow.db",
        "SELECT artifact_location FROM logged_models JOIN tags ON tags.run_uuid = logged_models.source_run_id "
        "WHERE tags.key = 'search.trial' AND tags.value = ?",
        str(best.trial),
    )
    target = journal.model_file(task.folder, best)
    files = [Path(location.removeprefix("file://")) / MODEL for (location,) in logged]
    found = next((file for file in files if file.exists()), None)
    if found:
        shutil.copyfile(found, target)
    else:
        _rebuild(task, best, target)


def _rebuild(task: Task, best: Epoch, target: Path) -> None:
    state = checkpoint.read(home(task.folder) / "checkpoints" / STUDY / f"{best.trial:04d}")
    if state is None:
        raise LookupError(f"trial {best.trial} in {home(task.folder)} has neither a model nor a checkpoint")
    network = models.family(task.family).suggest(Given(_parameters(task, best.trial))).build(task.load().shape, 0)
    network.set_weights(state.best)
    network.save(target)


def _parameters(task: Task, number: int) -> dict[str, Any]:
    import optuna

    store = f"sqlite:///{home(task.folder) / 'optuna.db'}"
    return dict(optuna.load_study(study_name=STUDY, storage=store).trials[number].params)


def main() -> None:
    """Collect; where nothing was searched yet, search first."""
    task = parse()
    if not home(task.folder).exists():
        processes.run(command(task), task.folder / "printed.log", limit=task.budget)
    collect(task)


if __name__ == "__main__":
    main()
