"""What a family of networks is: the contract between one file in `models/families` and the search."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from models.data.images import Images, Shape

if TYPE_CHECKING:
    from keras import Model as Network

Choice = str | int | float | bool
# What a network that is kept gives for an image: how likely each class is, or a point near those of similar images.
Answer = Literal["probabilities", "embedding"]


class Suggest(Protocol):
    """Where hyperparameters come from: Optuna's trials fit, and so does a mapping of stored values."""

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Return a number from [low, high]."""

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Return a whole number from [low, high]."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Return one of `choices`."""


@dataclass(frozen=True)
class Goal:
    """The metric of an epoch that steers the search, and where it should go."""

    metric: str
    direction: Literal["maximize", "minimize"]

    def better(self, value: float, than: float) -> bool:
        """Whether `value` is strictly better."""
        return value > than if self.direction == "maximize" else value < than

    def best(self, values: Sequence[float]) -> int:
        """Return the position of the best value; of equal ones the first."""
        return values.index(max(values) if self.direction == "maximize" else min(values))


@dataclass(frozen=True)
class Cost:
    """What a network of a usual size takes: the ground for estimates, and for how a machine is used.

    `epoch_seconds` is for 54,000 images of 28x28 on one core, in float32; a network bound by `dispatch` waits for the
    software around its small operations, one bound by `arithmetic` for multiplications, which bfloat16 may make faster.
    `preparation_seconds` go by before the first epoch, once for a data set of 70,000 images.
    """

    epoch_seconds: float
    model_megabytes: float
    bound_by: Literal["dispatch", "arithmetic"]
    preparation_seconds: float = 0.0


@dataclass(frozen=True)
class Resources:
    """What a family may use beside the images: a folder for what is computed once, and pretrained weights.

    `weights` is `imagenet`, `none` (random weights: no transfer learning) or a file.
    """

    cache: Path
    weights: str = "imagenet"


@dataclass(frozen=True, eq=False)
class Neighbours:
    """For some test images (`queries`, (q,)) their nearest training images (`nearest`, (q, k)), as positions."""

    queries: NDArray[np.int64]
    nearest: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How a network does on one split. `confidence` (n,) is the share it gives to each prediction (n,)."""

    metrics: Mapping[str, float]
    labels: NDArray[np.int64]
    predictions: NDArray[np.int64]
    confidence: NDArray[np.float64]
    neighbours: Neighbours | None = None


class Infeasible(ValueError):
    """A configuration of which no network can be built for these images. The message says why."""


class Diverged(ArithmeticError):
    """Training left the finite numbers."""

    def __init__(self, epoch: int) -> None:
        """`epoch` counts from 1, as people do."""
        super().__init__(f"diverged at epoch {epoch}")
        self.epoch = epoch


class Unavailable(RuntimeError):
    """Something that every trial of the study needs is not there, such as a file of pretrained weights."""


class Family(Protocol):
    """A frozen dataclass whose fields are hyperparameters; an instance is one configuration."""

    goal: ClassVar[Goal]
    cost: ClassVar[Cost]
    answer: ClassVar[Answer]

    @classmethod
    def suggest(cls, trial: Suggest) -> Self:
        """Return a configuration, asking `trial` for every field."""

    def prepare(self, images: Images, resources: Resources) -> Images:
        """Return what `fit` and `evaluate` are given: the images themselves, or features made of them."""

    def build(self, shape: Shape, seed: int) -> "Network":
        """Return the network to train, compiled. Raises `Infeasible`."""

    def fit(
        self, network: "Network", images: Images, *, epochs: int, seed: int, start: int = 0
    ) -> Iterator[Mapping[str, float]]:
        """Train for the epochs `start` to `epochs`, yielding the metrics of each. Raises `Diverged`."""

    def temperature(self, network: "Network", images: Images) -> float | None:
        """Return at what temperature its probabilities fit the validation images; None where it gives none."""

    def evaluate(
        self, network: "Network", images: Images, split: Literal["validation", "test"], temperature: float | None = None
    ) -> Evaluation:
        """Return how the network does on a split, and how sure it is: at that temperature, where one is given."""

    def export(
        self, network: "Network", shape: Shape, resources: Resources, temperature: float | None = None
    ) -> "Network":
        """Return the network to keep: from images as they come (uint8, 0 to 255) to the answer, not compiled.

        Its probabilities are those at the temperature, if there is one, and `network` is not to be used any more. Its
        answers are the same however it is called: nothing in it acts as in training by itself (`models.kept`).
        """
