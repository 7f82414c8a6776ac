"""What the driver gives to a worker, and what a worker tells: plain values that travel between processes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from models.family import Choice, Evaluation, Resources
from models.precision import Precision
from models.probe import Pace
from search.problem.limits import Limits


@dataclass(frozen=True)
class Job:
    """One training, wherever it is done. `key` tells it from all others of the same number.

    It ends `until` so many epochs of a schedule that is made for `epochs`; None: when they are over. What is judged and
    kept is the `best` epoch on validation, or the `last` one, where validation has been trained on and cannot choose;
    nor can it then tell the `temperature` of the probabilities, which is given. What is over the `limits` is not
    trained; with `timed`, the trained network's latency is measured.
    """

    number: int
    key: str
    family: str
    parameters: Mapping[str, Choice]
    images: Path
    resources: Resources
    epochs: int
    patience: int | None
    seed: int
    folder: Path
    precision: Precision = "float32"
    until: int | None = None
    kept: Literal["best", "last"] = "best"
    temperature: float | None = None
    limits: Limits = field(default_factory=Limits)
    timed: bool = False

    @property
    def last(self) -> int:
        """The number of epochs after which it ends, unless something ends it before."""
        return self.until or self.epochs


@dataclass(frozen=True)
class Probe:
    """A race between the precisions, with this configuration and on some of the images. No trial has its number."""

    family: str
    parameters: Mapping[str, Choice]
    images: Path
    resources: Resources
    number: int = -1


@dataclass(frozen=True)
class Probed:
    """What came of a race."""

    paces: Mapping[Precision, Pace]


@dataclass(frozen=True)
class Built:
    """The network stands, with so many parameters."""

    parameters: int


@dataclass(frozen=True)
class EpochDone:
    """An epoch, counted from 0. The answer is an `Answer`. A training that is gone on with tells all again."""

    epoch: int
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class ModelFile:
    """The network of the best epoch, as a `.keras` file from uint8 images to `output` values each."""

    file: Path
    parameters: int
    input: tuple[int, ...]
    output: tuple[int, ...]
    latency_ms: float | None = None


@dataclass(frozen=True, eq=False)
class Trained:
    """Training is over, and the network of the epoch that is kept, counted from 0, was judged on both splits."""

    best_epoch: int
    stopped: Literal["early", "pruned"] | None
    validation: Evaluation
    test: Evaluation
    model: ModelFile
    temperature: float | None = None


@dataclass(frozen=True)
class Rejected:
    """No network can be built of this configuration, or one that costs too much: what was `measured` of it says so."""

    reason: str
    measured: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Failed:
    """Training ended without a result."""

    reason: str
    traceback: str = ""


@dataclass(frozen=True)
class Blocked:
    """Something is missing that every trial needs."""

    reason: str


@dataclass(frozen=True)
class Paused:
    """Training has stopped for now; its checkpoint has all it takes to go on."""


@dataclass(frozen=True)
class Died:
    """The worker is gone, or about to end for want of memory; a new one stands in its place."""

    reason: str


Ending = Trained | Paused | Probed | Rejected | Failed | Blocked | Died
Message = Built | EpochDone | Ending
