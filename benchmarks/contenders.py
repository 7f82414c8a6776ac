"""The contenders by name, how each is started cold, and what it leaves when its time is over."""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from benchmarks import journal, processes
from benchmarks.peers import ours
from benchmarks.peers.task import Task


@dataclass(frozen=True)
class Contender:
    """`command` runs it as a process; `collect`, where it has one, brings what it left into a journal afterwards.

    `needs` are the packages it is made of.
    """

    name: str
    title: str
    command: Callable[[Task], list[str]]
    collect: Callable[[Task], list[str]] | None = None
    needs: tuple[str, ...] = ()

    @property
    def missing(self) -> list[str]:
        """The packages that are not installed."""
        return [package for package in self.needs if find_spec(package) is None]


def _peer(name: str) -> Callable[[Task], list[str]]:
    return lambda task: processes.python(f"benchmarks.peers.{name}", *task.words())


def _unaided(name: str, title: str, *flags: str) -> Contender:
    return Contender(name, title, lambda task: [*ours.command(task), "--baselines", "none", *flags], ours.collection)


ALL = {
    contender.name: contender
    for contender in (
        Contender("plain_loop", "plain loop of report B", _peer("plain_loop")),
        Contender("optuna_autolog", "Optuna, MLflow's autolog", _peer("optuna_autolog"), needs=("optuna_integration",)),
        Contender(
            "keras_tuner_hyperband",
            "KerasTuner Hyperband",
            _peer("keras_tuner_hyperband"),
            needs=("keras_tuner", "tensorboard"),
        ),
        Contender("ray_asha", "Ray Tune ASHA, MLflow", _peer("ray_asha"), needs=("ray",)),
        Contender("ours", "this project", ours.command, ours.collection),
        _unaided("ours_unaided", "this project, no configuration given"),
        _unaided("ours_halving", "the same, successive halving", "--pruner", "halving"),
        _unaided("ours_screening", "the same, one epoch for all and the best to the end", "--pruner", "screening"),
    )
}

OURS = tuple(name for name in ALL if name.startswith("ours"))
# Those that are compared unless others are asked for: the last two tell ways of giving up apart, not tools.
USUAL = tuple(name for name in ALL if name not in ("ours_halving", "ours_screening"))


@dataclass(frozen=True)
class Run:
    """What came of one contender's time. `fault` is the end of what it printed where it failed, else empty."""

    contender: str
    seed: int
    budget: float
    epochs: tuple[journal.Epoch, ...]
    cpu_seconds: float
    peak_megabytes: float
    model: Path | None
    fault: str = ""


# How those end that did all they could, or were ended because their time was over.
EXPECTED = (0, -signal.SIGTERM, -signal.SIGKILL, 128 + signal.SIGTERM)


def run(contender: Contender, task: Task) -> Run:
    """Start a contender cold, end it when its time is over, and read what it left. What came later does not count."""
    task = replace(task, began=time.time())
    finished = processes.run(contender.command(task), task.folder / "printed.log", limit=task.budget)
    if contender.collect:
        processes.run_well(contender.collect(task), task.folder / "collected.log")
    epochs = journal.read(task.folder, task.budget)
    best = journal.best(epochs)
    return Run(
        contender.name,
        task.seed,
        task.budget,
        tuple(epochs),
        finished.cpu_seconds,
        finished.peak_megabytes,
        journal.model_file(task.folder, best) if best else None,
        "" if finished.code in EXPECTED else _last_line(task.folder / "printed.log", finished.code),
    )


def _last_line(log: Path, code: int) -> str:
    lines = log.read_text("utf-8", errors="replace").split("\n")
    return f"ended with {code}: {next((line for line in reversed(lines) if line.strip()), 'without a word')}"
