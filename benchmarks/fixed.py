"""A fixed list of configurations, trained by our search with everything on, or by a process that records nothing."""

import json
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import optuna

import models
from benchmarks import processes
from benchmarks.drawn import Drawn
from benchmarks.raw import By
from models.data import load
from models.family import Choice
from search.problem import baselines
from search.problem.parts import PrecisionChoice
from search.problem.resolving import resolve
from search.problem.settings import Place
from search.store import storage
from search.store.study import Study
from search.system import library_output

# What our search is told beside the list: that it is one, and nothing else that a person would not type.
FLAGS = ("--pruner", "none", "--baselines", "none", "--repeats")
STUDY = "fixed"


@dataclass(frozen=True)
class Configuration:
    """One training: hyperparameters of a family, and for how long."""

    parameters: Mapping[str, Choice]
    epochs: int
    patience: int | None = None


@dataclass(frozen=True)
class Case:
    """What is trained: a list of configurations of one family, on so many images (None: all), with one seed.

    `workers` 0 and `precision` auto leave both to the search, as a person does who does not say. Where `judge` is set,
    plain training looks at the test images after each network, too.
    """

    name: str
    family: str
    configurations: tuple[Configuration, ...]
    images: int | None = None
    workers: int = 0
    seed: int = 0
    weights: str = "imagenet"
    precision: PrecisionChoice = "auto"
    judge: bool = False

    def seed_of(self, number: int) -> int:
        """Return the seed that our search gives to a trial."""
        return int(np.random.SeedSequence((self.seed, number)).generate_state(1)[0])


@dataclass(frozen=True)
class Measured:
    """What the list took: all of it from the cold start, and from the first epoch's begin to the last trial's end.

    `values` are the validation accuracies, a list by epoch for each configuration; `ends` are when each training
    ended, in seconds since the cold start; `tests` are the test accuracies, where they were asked for.
    """

    seconds: float
    cpu_seconds: float
    training_seconds: float
    peak_megabytes: float
    values: tuple[tuple[float, ...], ...]
    ends: tuple[float, ...]
    tests: tuple[float, ...] = ()


def rows(family: str, *names: str, epochs: int | None = None) -> tuple[Configuration, ...]:
    """Return rows of report B by their numbers, for their own epochs unless told otherwise."""
    known = {row.row: row for row in baselines.of(family)}
    chosen = [known[name] for name in names]
    return tuple(Configuration(row.parameters, epochs or row.epochs, row.patience) for row in chosen)


def drawn(family: str, count: int, epochs: int, **fixed: Choice) -> tuple[Configuration, ...]:
    """Return configurations drawn from the whole space, always the same; rates that might diverge are left out."""
    random = np.random.default_rng(0)
    found = []
    for _ in range(count):
        rate = 10 ** float(random.uniform(-4, -2))
        trial = Drawn(random, {"learning_rate": rate, **fixed})
        models.family(family).suggest(trial)
        found.append(Configuration(trial.parameters, epochs))
    return tuple(found)


def raw(case: Case, folder: Path, by: By) -> Measured:
    """Train the list in one process that loads the images once and records nothing.

    `fit` is Keras's, as in the reports; `family` is the compiled training that our workers use, on all cores.
    """
    folder.mkdir(parents=True)
    jobs, out = folder / "jobs.json", folder / "out.json"
    jobs.write_text(json.dumps(asdict(case) | {"seeds": _seeds(case)}), "utf-8")
    words = [str(jobs), "--by", by, "--cache", str(folder.parent / "cache"), "--out", str(out)]
    began = time.time()
    finished = processes.run_well(processes.python("benchmarks.raw", *words), folder / "printed.log")
    told = json.loads(out.read_text("utf-8"))
    return Measured(
        finished.seconds,
        finished.cpu_seconds,
        told["ends"][-1] - told["begins"][0],
        finished.peak_megabytes,
        tuple(tuple(values) for values in told["values"]),
        tuple(end - began for end in told["ends"]),
        tuple(told["tests"]),
    )


def _seeds(case: Case) -> list[int]:
    return [case.seed_of(number) for number in range(len(case.configurations))]


def ours(case: Case, folder: Path, look: processes.Look | None = None) -> Measured:
    """Train the list by `python -m search run`, with both stores, all artifacts and models.

    The list is put into the study beforehand; the seconds that takes are counted, too.
    """
    home = folder / "home"
    prepared = time.time()
    _prepare(case, home)
    began = time.time()
    finished = processes.run_well(command(case, home), folder / "printed.log", look=look)
    values, ends = _read(case, home)
    return Measured(
        finished.seconds + began - prepared,
        finished.cpu_seconds,
        max(ends) - _first_epoch(home),
        finished.peak_megabytes,
        values,
        tuple(end - began for end in ends),
    )


def flags(case: Case) -> dict[str, Any]:
    """Return what is said of the case on the command line, by name."""
    said = {
        "family": case.family,
        "trials": len(case.configurations),
        "epochs": max(configuration.epochs for configuration in case.configurations),
        "images": case.images,
        "seed": case.seed,
        "weights": case.weights,
        "precision": case.precision,
        "workers": case.workers or None,
    }
    return {name: value for name, value in said.items() if value is not None}


def command(case: Case, home: Path) -> list[str]:
    """Return what a person would type."""
    words = [word for name, value in flags(case).items() for word in (f"--{name}", str(value))]
    return processes.python("search", "run", "--study", STUDY, "--home", str(home), *words, *FLAGS)


def _prepare(case: Case, home: Path) -> None:
    """Make the study, with the list waiting in it."""
    library_output.libraries()
    home.mkdir(parents=True)
    settings = resolve(STUDY, Place.at(home, None, None), flags(case) | {"baselines": "none", "pruner": "none"}, {})
    store = storage.connect(settings.storage)
    Study.open(store, settings, load(cache=home / "cache", images=case.images).digest)
    study = optuna.load_study(study_name=STUDY, storage=store)
    for configuration in case.configurations:
        patience = {"patience": configuration.patience} if configuration.patience else {}
        study.enqueue_trial(dict(configuration.parameters), user_attrs={"epochs": configuration.epochs, **patience})
    store.engine.dispose()


def _read(case: Case, home: Path) -> tuple[tuple[tuple[float, ...], ...], list[float]]:
    """Return values by epoch, and end of each trial. Raises `processes.Failed` where one is not complete."""
    with closing(sqlite3.connect(home / "optuna.db")) as database:
        trials = database.execute("SELECT number, state, datetime_complete FROM trials ORDER BY number").fetchall()
        reported = database.execute(
            "SELECT number, step, intermediate_value FROM trials JOIN trial_intermediate_values USING (trial_id) "
            "ORDER BY number, step"
        ).fetchall()
    wrong = [(number, state) for number, state, _ in trials if state != "COMPLETE"]
    if wrong or len(trials) != len(case.configurations):
        raise processes.Failed(f"{case.name}: not complete are the trials {wrong} of {len(trials)}; see {home}")
    values = tuple(tuple(value for trial, _, value in reported if trial == number) for number, *_ in trials)
    return values, [seconds(end) for *_, end in trials]


def _first_epoch(home: Path) -> float:
    """Return when the first epoch began, in seconds since 1970: its run says when it ended and how long it took."""
    with closing(sqlite3.connect(home / "mlflow.db")) as database:
        (began,) = database.execute(
            "SELECT min(timestamp / 1000.0 - value) FROM metrics WHERE key = 'seconds' AND step = 1"
        ).fetchone()
    return float(began)


def seconds(text: str) -> float:
    """Return the seconds since 1970 of what Optuna writes: local time."""
    return datetime.fromisoformat(text).timestamp()
