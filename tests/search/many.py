"""Records a trial of very many classes, and of images as large as photographs, and prints what memory that took.

In a process of its own, whose peak is that of nothing else. Spool, relay and MLflow's database are real.
"""

import resource
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

import tracking
from models import metrics
from models.data.images import Images, Split
from models.family import Evaluation
from search.recording import artifacts
from search.system import library_output
from search.workers.messages import ModelFile, Trained
from tracking import Status, Tracker
from tracking.relay import Relay
from tracking.spool import Spool

CLASSES, TESTS, SIDE = 1000, 2000, 2000
NAMES = tuple(f"class {label}" for label in range(CLASSES))
HISTORY = defaultdict(list, {name: [1.0, 0.5] for name in ("loss", "val_loss", "seconds")})


def split() -> Split:
    """Black images that take no memory before they are copied."""
    images = np.broadcast_to(np.zeros(3, np.uint8), (TESTS, SIDE, SIDE, 3))
    return Split(images, np.arange(TESTS, dtype=np.int64) % CLASSES)


def evaluation(judged: Split) -> Evaluation:
    dice = np.random.default_rng(0)
    guesses = np.where(dice.random(TESTS) < 0.7, judged.labels, dice.integers(0, CLASSES, TESTS))
    counts = metrics.confusion_counts(np.asarray(judged.labels), guesses, CLASSES)
    measured = metrics.classification(counts, NAMES)
    return Evaluation(measured, np.asarray(judged.labels), guesses, dice.random(TESTS))


def record(home: Path, tracker: Tracker) -> None:
    images = Images("many", "made", NAMES, split(), split(), split())
    # Made up, since computing it would take a copy of them all.
    vars(images)["digest"] = "0" * 36
    (home / "model.keras").write_bytes(b"weights")
    model = ModelFile(home / "model.keras", 10, (SIDE, SIDE, 3), (CLASSES,))
    trained = Trained(1, None, evaluation(images.validation), evaluation(images.test), model)
    relay = Relay(Spool(home / "spool"), tracker)
    run = relay.run("many", "key/0", "many-0", {})
    run.log_dataset(artifacts.dataset(images))
    run.log_metrics(artifacts.measured(trained, HISTORY))
    artifacts.record(run, "many/0", trained, HISTORY, images, family="mlp")
    run.finish(Status.FINISHED)
    assert relay.settle(300) == [], relay.problem
    relay.close()


def main(home: Path) -> None:
    # More is more than anybody has, and no reason to take this machine down.
    resource.setrlimit(resource.RLIMIT_AS, (6_000_000_000, 6_000_000_000))
    library_output.libraries()
    tracker = tracking.connect(f"sqlite:///{home / 'mlflow.db'}", home / "artifacts")
    tracker.prepare("many", {tracking.STUDY_TAG: "key"})
    import matplotlib.figure  # noqa: F401  # what libraries take is no trial's
    import mlflow.tracking  # noqa: F401  # see above

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    record(home, tracker)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
    print(len(tracker.records("many")[0].metrics))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
