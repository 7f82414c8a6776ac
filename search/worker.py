"""One trial, from a job to messages. Neither Optuna nor MLflow is known here."""

import traceback
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import models
from models.data import open_shared
from models.data.images import Images
from models.family import Choice, Diverged, Family, Goal, Infeasible, Unavailable
from search.jobs import Blocked, Built, EpochDone, Failed, Job, Message, ModelFile, Rejected, Trained

if TYPE_CHECKING:
    from keras import Model as Network

Training = Generator[Message, bool, None]


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


class Best:
    """The best epoch so far, its weights, and for how many epochs the validation loss has not improved."""

    def __init__(self, goal: Goal) -> None:
        self.epoch = -1
        self.epochs_without_improvement = 0
        self._goal = goal
        self._value = self._loss = float("nan")
        self._weights: list[Any] = []

    def see(self, epoch: int, metrics: Mapping[str, float], network: "Network") -> None:
        """Take an epoch in; of two equally good ones the earlier counts."""
        value, loss = metrics[self._goal.metric], metrics["val_loss"]
        if epoch == 0 or self.epoch < 0 or self._goal.better(value, self._value):
            self.epoch, self._value, self._weights = epoch, value, network.get_weights()
        improved = not loss >= self._loss
        self._loss = loss if improved else self._loss
        self.epochs_without_improvement = 0 if improved else self.epochs_without_improvement + 1

    def restore(self, network: "Network") -> None:
        """Put the best epoch's weights back."""
        network.set_weights(self._weights)


def run(job: Job) -> Training:
    """Train as the job says, yielding messages; the answer to each is whether to go on."""
    try:
        yield from _train(job)
    except Infeasible as error:
        yield Rejected(str(error))
    except Diverged as error:
        yield Failed(str(error))
    except Unavailable as error:
        yield Blocked(str(error))
    # Whatever a family's code raises belongs to its trial, and must not end the worker or the search.
    except Exception as error:  # noqa: BLE001  # see above
        yield Failed(f"{type(error).__name__}: {error}", traceback.format_exc())


def _train(job: Job) -> Training:
    from models import runtime

    runtime.release()
    family = models.family(job.family).suggest(Given(job.parameters))
    images = open_shared(job.images)
    prepared = family.prepare(images, job.resources)
    network = family.build(images.shape, job.seed)
    yield Built(network.count_params())
    best = Best(family.goal)
    stopped: Literal["early", "pruned"] | None = None
    for epoch, metrics in enumerate(family.fit(network, prepared, epochs=job.epochs, seed=job.seed)):
        best.see(epoch, metrics, network)
        go_on = yield EpochDone(epoch, metrics)
        if not go_on:
            stopped = "pruned"
        elif job.patience is not None and best.epochs_without_improvement >= job.patience:
            stopped = "early"
        if stopped:
            break
    best.restore(network)
    yield Trained(
        best_epoch=best.epoch,
        stopped=stopped,
        validation=family.evaluate(network, prepared, "validation"),
        test=family.evaluate(network, prepared, "test"),
        model=_save(job, family, network, images),
    )


def _save(job: Job, family: Family, network: "Network", images: Images) -> ModelFile:
    job.folder.mkdir(parents=True, exist_ok=True)
    exported = family.export(network, images.shape, job.resources)
    file = job.folder / "model.keras"
    exported.save(file)
    shape = tuple(images.train.images.shape[1:])
    return ModelFile(file, exported.count_params(), shape, tuple(exported.output.shape[1:]))
