"""One trial, from a job to messages. Neither Optuna nor MLflow is known here."""

import traceback
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import models
from models import latency, precision, probe
from models.data import open_shared
from models.data.images import Images
from models.family import Choice, Diverged, Family, Goal, Infeasible, Unavailable
from models.precision import Precision
from models.watch import Watch
from search.policies.answers import Answer
from search.system import disk, failpoints
from search.workers.messages import (
    Blocked,
    Built,
    Died,
    Ending,
    EpochDone,
    Failed,
    Job,
    Message,
    ModelFile,
    Paused,
    Probe,
    Probed,
    Rejected,
    Trained,
)

if TYPE_CHECKING:
    from keras import Model as Network

Training = Generator[Message, Answer, None]


@dataclass(frozen=True)
class Given:
    """Stands in for a trial whose hyperparameters were drawn already."""

    parameters: Mapping[str, Choice]

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Return the stored number."""
        return float(self.parameters[name])

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Return the stored whole number."""
        return int(self.parameters[name])

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Return the stored choice."""
        return self.parameters[name]


class Progress:
    """How far a training has come: its epochs so far, and the one to keep with its weights."""

    def __init__(
        self, goal: Goal, kept: Literal["best", "last"], history: list[dict[str, float]], weights: Sequence[Any]
    ) -> None:
        self.history = history
        self.weights = weights
        self._goal, self._kept = goal, kept

    @property
    def kept_epoch(self) -> int:
        """The best epoch, from 0, and of two equally good ones the earlier; or the last one."""
        if self._kept == "last":
            return len(self.history) - 1
        return self._goal.best([metrics[self._goal.metric] for metrics in self.history])

    @property
    def epochs_without_improvement(self) -> int:
        """For how many epochs the validation loss has not been lower than ever before."""
        losses = [metrics["val_loss"] for metrics in self.history]
        return len(losses) - 1 - losses.index(min(losses))

    def add(self, metrics: Mapping[str, float], network: "Network") -> None:
        """Take an epoch in, and its weights where it is the one to keep."""
        self.history.append(dict(metrics))
        if self.kept_epoch == len(self.history) - 1:
            self.weights = network.get_weights()


def run(job: Job | Probe) -> Training:
    """Train as the job says, yielding messages; the answer to each says what to do then."""
    try:
        yield from _train(job) if isinstance(job, Job) else _race(job)
    except Infeasible as error:
        yield Rejected(str(error))
    except Diverged as error:
        yield Failed(str(error))
    except Unavailable as error:
        yield Blocked(str(error))
    # Whatever a family's code raises belongs to its trial, and must not end the worker or the search.
    except Exception as error:  # noqa: BLE001  # see above
        yield _judged(error, job.folder if isinstance(job, Job) else job.images)


def _judged(error: Exception, folder: Path) -> Ending:
    """Tell a machine that is too full from code that is wrong."""
    # TensorFlow's is told by its name, since an import would take seconds where it was not needed.
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return Died(f"out of memory ({str(error).partition(chr(10))[0] or type(error).__name__})")
    if refused := disk.refusal(error, folder):
        return Blocked(refused)
    return Failed(f"{type(error).__name__}: {error}", traceback.format_exc())


def _train(job: Job) -> Training:
    from models import runtime

    runtime.release()
    family = models.family(job.family).suggest(Given(job.parameters))
    images = open_shared(job.images)
    prepared = family.prepare(images, job.resources)
    network = _build(job, family, images, job.precision)
    yield Built(network.count_params())
    progress = _resume(job, family.goal, network)
    # What has begun to train was within them.
    if not progress.history and (rejected := _over(job, family, network, images, prepared)):
        yield rejected
        return
    stopped = yield from _train_as_answered(job, family, network, prepared, progress)
    if stopped == "paused":
        yield Paused()
    else:
        kept = _restore_kept(job, family, images, network, progress)
        yield _finish(job, family, images, kept, prepared, progress, stopped)


def _train_as_answered(
    job: Job, family: Family, network: "Network", prepared: Images, progress: Progress
) -> Generator[Message, Answer, Literal["early", "pruned", "paused"] | None]:
    """Train epoch after epoch, and return why that ended before the last one."""
    for epoch, metrics in _epochs(job, family, network, prepared, progress):
        answer = yield EpochDone(epoch, metrics)
        if answer == Answer.PAUSE:
            return "paused"
        if epoch < len(progress.history) - 1:
            # Told again after a resume; what was decided then stands.
            continue
        if answer == Answer.STOP:
            return "pruned"
        if job.patience is not None and progress.epochs_without_improvement >= job.patience:
            return "early"
    return None


def _restore_kept(job: Job, family: Family, images: Images, network: "Network", progress: Progress) -> "Network":
    """Return the network as it was after the epoch to keep, in full precision."""
    kept = network if job.precision == "float32" else _build(job, family, images, "float32")
    kept.set_weights(progress.weights)
    return kept


def _finish(
    job: Job,
    family: Family,
    images: Images,
    kept: "Network",
    prepared: Images,
    progress: Progress,
    stopped: Literal["early", "pruned"] | None,
) -> Trained:
    """Judge the network, and save it."""
    temperature = family.temperature(kept, prepared) if job.kept == "best" else job.temperature
    return Trained(
        best_epoch=progress.kept_epoch,
        stopped=stopped,
        validation=family.evaluate(kept, prepared, "validation", temperature),
        test=family.evaluate(kept, prepared, "test", temperature),
        model=_save(job, family, kept, images, temperature),
        temperature=temperature,
    )


def _build(job: Job, family: Family, images: Images, computing: Precision) -> "Network":
    with precision.computing(computing):
        return family.build(images.shape, job.seed)


def _over(job: Job, family: Family, network: "Network", images: Images, prepared: Images) -> Rejected | None:
    """Return why the network is not to be trained, if it costs too much; it is timed where a limit asks for that."""
    measured = {"parameters": float(network.count_params())}
    if job.limits.seconds_per_epoch and not job.limits.refusal(measured):
        seconds = probe.epoch_seconds(family, _build(job, family, images, job.precision), prepared)
        measured |= {} if seconds is None else {"seconds_per_epoch": seconds}
    refusal = job.limits.refusal(measured)
    return Rejected(refusal, measured) if refusal else None


def _race(job: Probe) -> Training:
    configuration = models.family(job.family).suggest(Given(job.parameters))
    images = probe.some_of(open_shared(job.images))
    yield Probed(probe.race(configuration, configuration.prepare(images, job.resources)))


def _resume(job: Job, goal: Goal, network: "Network") -> Progress:
    """Put the network into the state of the job's checkpoint, if it has one, and return how far it had come."""
    from models import checkpoint

    found = checkpoint.read(job.folder)
    if found is None or found.about["key"] != job.key:
        return Progress(goal, job.kept, [], [])
    checkpoint.restore(network, found)
    return Progress(goal, job.kept, found.about["history"], found.best)


def _epochs(
    job: Job, family: Family, network: "Network", prepared: Images, progress: Progress
) -> Iterator[tuple[int, Mapping[str, float]]]:
    """Yield the epochs that were trained before, then each new one as soon as its checkpoint is written."""
    from models import checkpoint

    start = len(progress.history)
    yield from enumerate(list(progress.history))
    left = job.last - start
    trained = family.fit(network, prepared, epochs=job.epochs, seed=job.seed, start=start)
    for epoch, metrics in enumerate(_timed(islice(trained, max(left, 0))), start):
        progress.add(metrics, network)
        about = {"key": job.key, "history": progress.history}
        checkpoint.write(job.folder, checkpoint.of(network, about, progress.weights))
        failpoints.point("after_checkpoint")
        yield epoch, metrics


def _timed(epochs: Iterator[Mapping[str, float]]) -> Iterator[Mapping[str, float]]:
    """Yield the epochs with the seconds that they took, without those for which the process was stopped meanwhile."""
    with Watch() as watch:
        while True:
            before = watch.stopped
            metrics = next(epochs, None)
            if metrics is None:
                return
            yield {**metrics, "seconds": max(metrics["seconds"] - (watch.stopped - before), 0.0)}


def _save(job: Job, family: Family, network: "Network", images: Images, temperature: float | None) -> ModelFile:
    job.folder.mkdir(parents=True, exist_ok=True)
    exported = family.export(network, images.shape, job.resources, temperature)
    file = job.folder / "model.keras"
    exported.save(file)
    shape = tuple(images.train.images.shape[1:])
    took = latency.milliseconds(exported, images.validation.images) if job.timed else None
    return ModelFile(file, exported.count_params(), shape, tuple(exported.output.shape[1:]), took)
