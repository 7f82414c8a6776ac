"""Asking a network that is kept: from its file, and images as they come, to its answers. Every command asks here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from models import unloadable
from models.data.files import UNREADABLE
from models.data.images import listed
from models.data.pictures import MODES, Frame

if TYPE_CHECKING:
    from keras import Model as Network

TOP: Final = 3
# What rounding takes from the sum of 10,000 probabilities in float32, and more.
ROUNDING: Final = 1e-3


class Unusable(ValueError):
    """A model that cannot be asked. The message says why, and what could be."""


@dataclass(frozen=True, eq=False)
class Ranking:
    """For each image its likeliest classes by number, likeliest first, (n, k), and their probabilities, (n, k)."""

    classes: NDArray[np.int64]
    probabilities: NDArray[np.float32]

    def named(self, class_names: Sequence[str]) -> Iterator[list[tuple[str, float]]]:
        """Yield the classes of each image by name, with their probabilities."""
        for numbers, shares in zip(self.classes.tolist(), self.probabilities.tolist(), strict=True):
            yield [(class_names[number], share) for number, share in zip(numbers, shares, strict=True)]


@dataclass(frozen=True, eq=False)
class Predictor:
    """A network, and what its images are fitted into."""

    network: "Network"
    frame: Frame

    @classmethod
    def load(cls, file: Path, *, background: int | None = None, trim: bool = False) -> "Predictor":
        """Return the network in a `.keras` file; how its training images looked goes to its frame. Raises `Unusable`.

        The file is read in Keras's safe mode, which runs no code that it holds.
        """
        import keras

        # Registers the layers of ours that may be in it.
        import_module("models.layers")

        try:
            network = keras.saving.load_model(file, compile=False, safe_mode=True)
        # Layers of another backend import it.
        except (*UNREADABLE, ImportError) as error:
            raise Unusable(f"{file} cannot be loaded as a network of Keras: {unloadable.why(file, error)}") from error
        return cls(network, Frame(*_image_shape(network), background=background, trim=trim))

    @property
    def takes_bytes(self) -> bool:
        """Whether it takes whole numbers from 0 to 255, as images come; another may have learned from fractions."""
        return bool(self.network.input.dtype == "uint8")

    @property
    def outputs(self) -> int:
        """How many numbers it gives for an image."""
        return int(self.network.output.shape[1])

    def numbers(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return what the network gives for each image, (n, outputs). Raises `Unusable` where it is not finite."""
        from models import training

        try:
            return training.predict(self.network, images)
        except FloatingPointError as error:
            raise Unusable(f"{error}; train it again, or choose another") from error

    def rank(self, images: NDArray[np.uint8]) -> Ranking:
        """Return the likeliest classes of each image, the first of equally likely ones. Raises `Unusable`."""
        probabilities = self.numbers(images)
        if probabilities.min() < 0 or np.abs(probabilities.sum(axis=1) - 1).max() > ROUNDING:
            raise Unusable("what the network gives are no probabilities; end it with a softmax over the classes")
        classes = np.argsort(-probabilities, axis=1, kind="stable")[:, :TOP]
        return Ranking(classes, np.take_along_axis(probabilities, classes, axis=1))


def names(given: Sequence[str], outputs: int) -> tuple[str, ...]:
    """Return the names of a network's classes, their numbers where nobody knows any. Raises `Unusable`."""
    if given and len(given) != outputs:
        raise Unusable(f"the network gives {outputs} numbers for {len(given)} classes: {listed(given)}")
    return tuple(given) or tuple(map(str, range(outputs)))


def _image_shape(network: "Network") -> tuple[int, int, int]:
    """Return height, width and channels of the images that a network takes. Raises `Unusable`."""
    inputs, outputs = network.inputs, network.outputs
    taken = [tuple(tensor.shape[1:]) for tensor in inputs]
    if len(taken) != 1 or len(taken[0]) != 3 or None in taken[0] or taken[0][2] not in MODES:
        raise Unusable(f"the network takes {taken}; it has to take one image, (height, width, 1 or 3)")
    given = [tuple(tensor.shape[1:]) for tensor in outputs]
    if len(given) != 1 or len(given[0]) != 1 or given[0][0] is None:
        raise Unusable(f"the network gives {given}; it has to give one vector for an image")
    return taken[0]
