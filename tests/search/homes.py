"""A home with a study in it whose trials ended in every way, made in no time: nothing is trained, all is recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
from rich.console import Console

import tracking
from models import metrics
from models.data import Images, share
from models.data.images import Split
from models.family import Evaluation
from search.driver.driver import Driver
from search.driver.trials import Trials
from search.output.progress import view
from search.policies.pruners import Judging
from search.problem.planned import planned_baselines
from search.problem.resolving import resolve
from search.problem.settings import Place, Settings
from search.recording.trial_runs import TrialRuns
from search.report import writing
from search.store import storage
from search.store.attributes import of_baseline
from search.store.study import Study
from search.system import failpoints, library_output
from search.system.errors import SearchError
from search.workers.messages import Blocked, Built, EpochDone, Failed, Job, Message, ModelFile, Rejected, Trained
from tests.search.driver.test_driver import Script
from tests.support import PLAN
from tracking.relay import Relay
from tracking.spool import Spool

ENDINGS = ("complete", "pruned", "failed", "infeasible") * 2 + ("complete",) * 4 + ("interrupted",) * 2
"""How the trials of a study end, in turn; the last stop the driver, and baselines wait behind them."""


class Prune(optuna.pruners.BasePruner):
    """Prunes the trials that are to be pruned, after their second epoch."""

    def __init__(self, endings: Sequence[str]) -> None:
        self._endings = endings

    def prune(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> bool:
        return self._endings[trial.number] == "pruned" and trial.last_step == 2


def settings(
    home: Path, study: str = "mlp", endings: Sequence[str] = ENDINGS, keep: int = 0, objective: str | None = None
) -> Settings:
    flags = {
        "trials": len([ending for ending in endings if ending != "infeasible"]),
        "epochs": 3,
        "engine": "inline",
        "keep": keep,
        "objective": objective,
    }
    return resolve(study, Place.at(home, None, None), flags | {"family": "mlp"}, {})


def search(
    home: Path,
    images: Images,
    study: str = "mlp",
    endings: Sequence[str] = ENDINGS,
    keep: int = 0,
    objective: str | None = None,
) -> None:
    """Search with the driver, the relay and MLflow's own database, as far as `endings` go."""
    library_output.libraries()
    chosen = settings(home, study, endings, keep, objective)
    store = storage.connect(chosen.storage)
    opened = Study.open(store, chosen, images.digest)
    opened.pruner = Judging(Prune(endings), opened._study)
    opened.enqueue_first()
    tracker = tracking.connect(chosen.tracking_uri, home / "artifacts")
    tracker.prepare(study, {"search.study_uuid": opened.uuid})
    relay = Relay(Spool(chosen.spool), tracker, passed=lambda entry: failpoints.point(f"after_{entry}"))
    for key in Spool(chosen.spool).keys(opened.uuid):
        relay.deliver(key)
    trial_runs = TrialRuns(opened, relay)
    trial_runs.catch_up()
    engine = Script(
        lambda job, attempt: messages(job, endings[job.number], images), workers=max(1, endings.count("interrupted"))
    )
    with (home / "console.txt").open("a") as file:
        console = Console(file=file, width=200)
        with view(console)(console, study, opened.goal, chosen.trials, 60.0) as progress:
            try:
                trials = Trials(opened, trial_runs, progress, images, share(images, home / "cache"), PLAN)
                Driver(trials, engine, home / "checkpoints").run()
            except SearchError as error:
                assert "was stopped" in str(error)
    trial_runs.portray(writing.of_study(store, study))
    trial_runs.clear()
    assert relay.settle(120) == []
    trial_runs.link()
    relay.close()
    tracker.close()
    known = [trial.user_attrs.get("baseline") for trial in opened.trials()]
    for planned in planned_baselines(replace(chosen, baselines="all"))[:3]:
        if planned.row.name not in known:
            opened._study.enqueue_trial(dict(planned.row.parameters), user_attrs=of_baseline(planned))
    store.engine.dispose()


def messages(job: Job, ending: str, images: Images) -> list[Message]:
    """Return what a worker tells of a trial that ends so, its numbers made up of the trial's."""
    if ending == "infeasible":
        return [Built(10), Rejected("no room")]
    if ending == "failed":
        return [Built(10), *epochs(job, 2), Failed("diverged at epoch 3", "Traceback ...")]
    if ending == "interrupted":
        job.folder.mkdir(parents=True, exist_ok=True)
        (job.folder / "checkpoint.npz").write_bytes(b"weights")
        return [Built(10), *epochs(job, 1), Blocked("was stopped")]
    told = [Built(10), *epochs(job, 2)]
    validation = evaluation(images.validation, job.number)
    test = evaluation(images.test, job.number + 1)
    job.folder.mkdir(parents=True, exist_ok=True)
    (job.folder / "model.keras").write_bytes(f"weights of {job.number}".encode())
    model = ModelFile(job.folder / "model.keras", 10 + job.number, (28, 28, 1), (10,))
    return [*told, Trained(1, "pruned" if ending == "pruned" else None, validation, test, model)]


def epochs(job: Job, count: int) -> list[Message]:
    return [EpochDone(epoch, of_epoch(job.number, epoch)) for epoch in range(count)]


def of_epoch(number: int, epoch: int) -> Mapping[str, float]:
    value = 0.1 + (number + epoch) / 777
    return {"loss": 1 - value, "accuracy": value, "val_loss": 1 - value, "val_accuracy": value, "seconds": 0.1}


def evaluation(split: Split, number: int) -> Evaluation:
    """Judge predictions that are right for some images: for which, the trial's number decides."""
    labels = np.asarray(split.labels)
    right = np.random.default_rng(number).random(len(labels)) < 0.7
    predictions = np.where(right, labels, (labels + 1) % 10)
    counts = metrics.confusion_counts(labels, predictions, 10)
    measured = metrics.classification(counts, [f"class {label}" for label in range(10)]) | {"loss": 0.5}
    return Evaluation(measured, labels, predictions, np.full(len(labels), 0.9))
