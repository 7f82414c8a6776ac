"""What a study costs that has grown large: time and bytes per trial, and how long commands take.

`python -m benchmarks.scale --trials 10000` searches a hundred trials, copies them in both stores until there are as
many as asked for, and searches a hundred more. Nothing is trained: workers answer at once, all else is real.
"""

import argparse
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState
from rich.console import Console

import tracking
from benchmarks.large import grow
from benchmarks.table import Cell, Table, show
from models import metrics
from models.data import Images, share
from models.data.images import Split
from models.family import Evaluation
from search.driver.driver import Driver
from search.driver.trials import Trials
from search.output.progress import Lines
from search.policies.answers import Answer
from search.problem.resolving import resolve
from search.problem.settings import Place, Settings
from search.recording.trial_runs import TrialRuns
from search.store import storage
from search.store.study import Study
from search.system import library_output
from search.workers.execution import Plan
from search.workers.messages import Built, EpochDone, Job, Message, ModelFile, Probe, Rejected, Trained
from tracking.relay import Relay
from tracking.spool import Spool

T = TypeVar("T")
ROOT = Path(__file__).parents[1]
STUDY = "mlp"
HUNDRED = 100
EPOCHS = 4
PLAN = Plan(workers=1, threads=1, precision="float32", why="nothing is trained", evaluation_batch=1000)
CLASSES = 10


@dataclass(frozen=True)
class Hundred:
    """Milliseconds a trial, over a hundred of them that were searched when `before` were there.

    `search` is all that the driver does but for the `sampler`; `delivery` is what the tracker takes behind it.
    """

    chosen: str
    before: int
    search: float
    sampler: float
    delivery: float


@dataclass(frozen=True)
class Size:
    """Bytes of each database a trial."""

    trials: int
    optuna: float
    mlflow: float


class Timed(BaseSampler):
    """A sampler whose time is taken."""

    def __init__(self, sampler: BaseSampler) -> None:
        self._sampler = sampler
        self.seconds = 0.0

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """As the sampler does."""
        return self._timed(self._sampler.infer_relative_search_space, study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """As the sampler does."""
        return self._timed(self._sampler.sample_relative, study, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """As the sampler does."""
        return self._timed(self._sampler.sample_independent, study, trial, param_name, param_distribution)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """As the sampler does."""
        self._timed(self._sampler.before_trial, study, trial)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """As the sampler does."""
        self._timed(self._sampler.after_trial, study, trial, state, values)

    def _timed(self, act: Callable[..., T], *arguments: object) -> T:
        began = time.perf_counter()
        try:
            return act(*arguments)
        finally:
            self.seconds += time.perf_counter() - began


class Instant:
    """One worker that has trained before it was asked to. It begins once all that was before is delivered."""

    def __init__(self, images: Images, relay: Relay) -> None:
        self._images, self._relay = images, relay
        self._ahead: Iterator[Message] = iter(())
        self._number: int | None = None
        self.waited = 0.0

    @property
    def free(self) -> int:
        """One, as soon as the relay has nothing to do: what it does then is not what the driver waits for."""
        if self._number is not None:
            return 0
        began = time.perf_counter()
        assert self._relay.settle(60.0) == []
        self.waited += time.perf_counter() - began
        return 1

    def start(self, job: Job | Probe) -> None:
        """Take the job."""
        assert isinstance(job, Job), "nothing is probed here"
        self._number, self._ahead = job.number, _told(job, self._images)

    def receive(self, timeout: float) -> tuple[int, Message] | None:
        """Return the next message."""
        number, message = self._number, next(self._ahead)
        assert number is not None
        if isinstance(message, Trained | Rejected):
            self._number = None
        return number, message

    def answer(self, number: int, answer: Answer) -> None:
        """Go on in any case."""

    def kill(self, number: int) -> None:
        """Do nothing: there is no process."""

    def close(self) -> None:
        """Do nothing: there is no process."""


def _told(job: Job, images: Images) -> Iterator[Message]:
    """Yield what a worker tells of a trial: one of ten cannot be built."""
    yield Built(10)
    if job.number % 10 == 9:
        yield Rejected("no room")
        return
    dice = np.random.default_rng(job.number)
    for epoch in range(job.epochs):
        value = float(dice.random())
        # Names and number of metrics as of a real training.
        yield EpochDone(
            epoch, {"loss": 1 - value, "accuracy": value, "val_loss": 1.0, "val_accuracy": value, "seconds": 0.1}
        )
    job.folder.mkdir(parents=True, exist_ok=True)
    file = job.folder / "model.keras"
    file.write_bytes(f"weights of {job.number}".encode())
    validation, test = (_evaluation(split, dice) for split in (images.validation, images.test))
    yield Trained(1, None, validation, test, ModelFile(file, 10, (28, 28, 1), (CLASSES,)))


def _evaluation(split: Split, dice: np.random.Generator) -> Evaluation:
    labels = np.asarray(split.labels)
    predictions = np.where(dice.random(len(labels)) < 0.7, labels, (labels + 1) % CLASSES)
    counts = metrics.confusion_counts(labels, predictions, CLASSES)
    measured = metrics.classification(counts, [f"class {label}" for label in range(CLASSES)]) | {"loss": 0.5}
    return Evaluation(measured, labels, predictions, dice.random(len(labels)))


def _images() -> Images:
    dice = np.random.default_rng(0)
    train, validation, test = (
        Split(dice.integers(0, 256, (count, 28, 28, 1), dtype=np.uint8), np.arange(count) % CLASSES)
        for count in (320, 100, 100)
    )
    names = tuple(f"class {label}" for label in range(CLASSES))
    return Images("noise", "made for a benchmark", names, train, validation, test)


def settings(home: Path, trials: int, sampler: str) -> Settings:
    """Return those of the study."""
    flags = {"trials": trials, "epochs": EPOCHS, "engine": "inline", "sampler": sampler, "pruner": "none"}
    return resolve(STUDY, Place.at(home, None, None), flags | {"baselines": "none"}, {})


def search(home: Path, before: int, sampler: str) -> Hundred:
    """Search a hundred trials more, and return what one took."""
    chosen, images = settings(home, before + HUNDRED, sampler), _images()
    store = storage.connect(chosen.storage)
    Study.open(store, chosen, images.digest)
    inner = storage.load(store, STUDY)
    study = Study(inner, chosen)
    inner.sampler = timed = Timed(inner.sampler)
    tracker = tracking.connect(chosen.tracking_uri, home / "artifacts")
    tracker.prepare(STUDY, {"search.study_uuid": study.uuid})
    relay = Relay(Spool(chosen.spool), tracker)
    with (
        (home / "console.txt").open("a") as file,
        Lines(Console(file=file), STUDY, study.goal, chosen.trials, 60.0) as progress,
    ):
        trial_runs, engine = TrialRuns(study, relay), Instant(images, relay)
        trial_runs.catch_up()
        trials = Trials(study, trial_runs, progress, images, share(images, home / "cache"), PLAN)
        driver = Driver(trials, engine, home / "checkpoints")
        began = time.perf_counter()
        driver.run()
        total = time.perf_counter() - began
    relay.settle(60.0)
    trial_runs.link()
    relay.close()
    tracker.close()
    store.engine.dispose()
    own = total - engine.waited - timed.seconds
    each = [1000 * seconds / HUNDRED for seconds in (own, timed.seconds, engine.waited)]
    return Hundred(sampler, before, *each)


def commands(home: Path) -> dict[str, float]:
    """Return the seconds from start to end of each command."""
    places = ["--home", str(home)]
    words = {
        "list": ["list"],
        "show STUDY": ["show", STUDY],
        "show STUDY/N": ["show", f"{STUDY}/50"],
        "best": ["best", STUDY],
        "compare": ["compare"],
        "doctor": ["doctor"],
    }
    return {name: _seconds([sys.executable, "-m", "search", *command, *places]) for name, command in words.items()}


def _seconds(command: Sequence[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)  # noqa: S603  # words of `commands`
    return time.perf_counter() - began


def size(home: Path) -> Size:
    """Return the bytes a trial of each database, its journal written into it."""
    found = {}
    for name in ("optuna", "mlflow"):
        with closing(sqlite3.connect(home / f"{name}.db")) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        found[name] = (home / f"{name}.db").stat().st_size
    with closing(sqlite3.connect(home / "optuna.db")) as database:
        ((trials,),) = database.execute("SELECT count(*) FROM trials")
    return Size(trials, **{name: count / trials for name, count in found.items()})


def measure(home: Path, trials: int) -> dict[str, Any]:
    """Return what hundreds of trials took, how large the stores grew, and how long commands take, at both sizes."""
    hundreds, sizes, seconds = [search(home, 0, "random")], [], {}
    for total in (trials // 10, trials):
        # One sampler that looks at no other trial, and the usual one.
        grow(home, STUDY, HUNDRED, total - 2 * HUNDRED)
        hundreds += [search(home, total - 2 * HUNDRED, "random"), search(home, total - HUNDRED, "tpe")]
        sizes.append(size(home))
        seconds[total] = commands(home)
    return {
        "hundreds": [asdict(each) for each in hundreds],
        "ratio": hundreds[-2].search / hundreds[0].search,
        "bytes": [asdict(each) for each in sizes],
        "seconds": seconds,
    }


def table(found: Mapping[str, Any]) -> Table:
    """Return the figures, each with the number of trials that the study had."""
    rows: list[tuple[Cell, ...]] = [
        (f"{part}, ms a trial ({each['chosen']})", each["before"] + HUNDRED, float(each[part]))
        for each in found["hundreds"]
        for part in ("search", "sampler", "delivery")
    ]
    for stored, seconds in zip(found["bytes"], found["seconds"].values(), strict=True):
        rows += [(f"{name}, bytes a trial", stored["trials"], float(stored[name])) for name in ("optuna", "mlflow")]
        rows += [(f"{command}, s", stored["trials"], float(took)) for command, took in seconds.items()]
    notes = (
        f"search, last hundred to first, sampler and delivery left out: {found['ratio']:.2f}",
        "workers answer at once; the rows of the first hundred trials are copied in both stores in between",
    )
    return Table(
        "Scale: what a trial and each command cost in a large study", ("figure", "trials", "value"), tuple(rows), notes
    )


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=10_000, help="how many the study grows to, 3,000 at least")
    parser.add_argument("--json", type=Path, help="write the figures into this file, too")
    arguments = parser.parse_args()
    library_output.libraries()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), arguments.trials)
    show(table(found), arguments.json)


if __name__ == "__main__":
    main()
