"""A family that takes no TensorFlow: everything about its search is real but for what is learned.

What it computes depends on all that a checkpoint has to hold, so that a training that goes on wrongly shows it.
"""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from models import metrics
from models.data.images import Images, Shape
from models.family import Answer, Cost, Diverged, Evaluation, Family, Goal, Infeasible, Resources, Suggest

SECONDS = float(os.environ.get("STEPS_SECONDS", "0.1"))
# A file that gets a line for each epoch that is begun, and one for each wait between two of them.
LOG = os.environ.get("STEPS_LOG")
# As many as make a grid that no test comes to the end of.
WIDTHS = tuple(range(1, 201))
MOODS = ("well", "fine", "good", "diverges", "infeasible")


class Variable:
    """As Keras has them."""

    def __init__(self, value: NDArray[Any]) -> None:
        self.value = value

    def numpy(self) -> NDArray[Any]:
        return self.value.copy()

    def assign(self, value: NDArray[Any]) -> None:
        self.value = value.copy()


class Network:
    """Two variables of its own and one of its optimiser."""

    def __init__(self, width: int, seed: int) -> None:
        weights = np.random.default_rng(seed).normal(size=width)
        self.variables = [Variable(weights), Variable(np.array([seed], np.int64))]
        self.optimizer = SimpleNamespace(built=True, variables=[Variable(np.zeros(width))])
        self.output = SimpleNamespace(shape=(None, 3))

    def get_weights(self) -> list[NDArray[Any]]:
        return [variable.numpy() for variable in self.variables]

    def set_weights(self, values: Sequence[NDArray[Any]]) -> None:
        for variable, value in zip(self.variables, values, strict=True):
            variable.assign(value)

    def count_params(self) -> int:
        return sum(variable.value.size for variable in self.variables)

    def save(self, file: Path) -> None:
        with file.open("wb") as stream:
            np.savez(stream, *self.get_weights())


@dataclass(frozen=True, kw_only=True)
class Steps:
    """A random walk that is judged after every step."""

    goal: ClassVar[Goal] = Goal("val_accuracy", "maximize")
    answer: ClassVar[Answer] = "probabilities"
    cost: ClassVar[Cost] = Cost(epoch_seconds=0.1, model_megabytes=0.1, bound_by="dispatch")

    width: int
    mood: str
    fault: str

    @classmethod
    def suggest(cls, trial: Suggest) -> Self:
        return cls(
            width=trial.suggest_categorical("width", WIDTHS),
            mood=trial.suggest_categorical("mood", MOODS),
            fault=trial.suggest_categorical("fault", ("none", "bug", "memory", "hangs")),
        )

    def prepare(self, images: Images, resources: Resources) -> Images:
        return images

    def build(self, shape: Shape, seed: int) -> Any:
        if self.mood == "infeasible":
            raise Infeasible("it is in no mood for it")
        return Network(self.width, seed)

    def fit(
        self, network: Any, images: Images, *, epochs: int, seed: int, start: int = 0
    ) -> Iterator[Mapping[str, float]]:
        for epoch in range(start, epochs):
            _log("epoch", seed, epoch)
            began = time.monotonic()
            time.sleep(SECONDS)
            self._fail(epoch)
            weights, state = network.variables
            (momentum,) = network.optimizer.variables
            step = np.random.default_rng((int(state.value[0]), epoch)).normal(size=self.width)
            momentum.assign(0.9 * momentum.value + step)
            weights.assign(weights.value + 0.1 * momentum.value)
            state.assign(state.value + 1)
            validation = self.evaluate(network, images, "validation").metrics
            numbers = {f"val_{name}": validation[name] for name in ("loss", "accuracy")}
            norm = float(np.abs(weights.value).sum())
            yield numbers | {"loss": norm, "accuracy": 1 / (1 + norm), "seconds": time.monotonic() - began}
            _log("waited", seed, time.monotonic() - began)

    def temperature(self, network: Any, images: Images) -> float:
        return 1.5

    def evaluate(
        self, network: Any, images: Images, split: Literal["validation", "test"], temperature: float | None = None
    ) -> Evaluation:
        labels = np.asarray(getattr(images, split).labels)
        digest = int.from_bytes(network.variables[0].value.tobytes()[:8], "little")
        dice = np.random.default_rng((digest, len(labels)))
        right = dice.random(len(labels)) < 0.7
        predictions = np.where(right, labels, (labels + 1) % len(images.class_names))
        counts = metrics.confusion_counts(labels, predictions, len(images.class_names))
        loss = float(np.abs(network.variables[0].value).mean())
        figures = metrics.classification(counts, images.class_names)
        return Evaluation({"loss": loss} | figures, labels, predictions, dice.random(len(labels)))

    def export(self, network: Any, shape: Shape, resources: Resources, temperature: float | None = None) -> Any:
        return network

    def _fail(self, epoch: int) -> None:
        if self.mood == "diverges" and epoch == 1:
            raise Diverged(2)
        if self.fault == "bug":
            raise KeyError("a bug of the family's own")
        if self.fault == "memory":
            raise MemoryError
        if self.fault == "hangs" and epoch == 1:
            time.sleep(3600)


def _log(*words: object) -> None:
    if LOG:
        with Path(LOG).open("a") as file:
            file.write(" ".join(map(str, (*words, os.getpid(), time.time()))) + "\n")


FAMILY: type[Family] = Steps
