"""Short trainings on this very machine: how fast a network trains, and which precision suits the machine."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from models import precision
from models.data.images import Images, Split
from models.family import Choice, Diverged, Family
from models.precision import Precision

if TYPE_CHECKING:
    from keras import Model as Network

PRECISIONS: Final[tuple[Precision, ...]] = ("float32", "bfloat16")
# The first epoch compiles; the best of the others counts.
EPOCHS: Final = 4
IMAGES: Final = 1_000
# These 125 steps teach a network enough to tell a precision that does harm from chance. LeNet-5 by its report's own
# settings, 32 steps at a tenth of the rate, was right about 39 to 58 of 100 images, by the seed alone.
STEPS: Final[Mapping[str, Choice]] = MappingProxyType({"learning_rate": 1e-3, "batch_size": 32})


@dataclass(frozen=True)
class Pace:
    """Seconds of an epoch, and the value of the goal on validation images after the last."""

    seconds: float
    value: float


def some_of(images: Images) -> Images:
    """Return at most `IMAGES` images of each split, spread over all of them."""

    def some(split: Split) -> Split:
        return split.at(np.unique(np.linspace(0, len(split) - 1, IMAGES).astype(np.int64)))

    return replace(images, train=some(images.train), validation=some(images.validation), test=some(images.test))


def race(configuration: Family, images: Images, seed: int = 0) -> Mapping[Precision, Pace]:
    """Train the same network in each precision, epoch by epoch in turns, so that what else goes on is shared."""
    trainings = {}
    for name in PRECISIONS:
        with precision.computing(name):
            network = configuration.build(images.shape, seed)
        trainings[name] = configuration.fit(network, images, epochs=EPOCHS, seed=seed)
    epochs = [{name: next(training) for name, training in trainings.items()} for _ in range(EPOCHS)]
    return {
        name: Pace(min(epoch[name]["seconds"] for epoch in epochs[1:]), epochs[-1][name][configuration.goal.metric])
        for name in PRECISIONS
    }


def epoch_seconds(configuration: Family, network: "Network", images: Images) -> float | None:
    """Estimate what an epoch on these images takes from short ones on some of them; the network is spent on that.

    None where it diverges before anything can be told.
    """
    some = some_of(images)
    seconds: list[float] = []
    with suppress(Diverged):
        seconds.extend(epoch["seconds"] for epoch in configuration.fit(network, some, epochs=EPOCHS, seed=0))
    return min(seconds[1:]) * len(images.train) / len(some.train) if len(seconds) > 1 else None
