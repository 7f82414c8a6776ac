"""Labelled images in three splits, and what identifies them."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

SPLITS = ("train", "validation", "test")
BRIGHTEST: Final = 255
# Of the 70,000 images of Fashion-MNIST two lie on a ground that looks light, as garments fill them.
ODD: Final = 0.001


class DataError(ValueError):
    """Images that cannot be used. The message names the place, what was found, and the way out."""


@dataclass(frozen=True)
class Shape:
    """What a network has to take and to tell apart."""

    height: int
    width: int
    channels: int
    classes: int


@dataclass(frozen=True, eq=False)
class Split:
    """`images` (n, height, width, channels) as uint8, or what a family made of them; `labels` (n,) from 0."""

    images: NDArray[Any]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        """How many images there are."""
        return len(self.labels)

    def at(self, positions: NDArray[np.intp]) -> "Split":
        """Return a copy of the images at these positions, with their labels."""
        return Split(self.images[positions], self.labels[positions])


def edges(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the outermost pixels of images (n, height, width, channels) as (n, pixels, channels)."""
    return np.concatenate((images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]), axis=1)


@dataclass(frozen=True, eq=False)
class Collection:
    """Labelled images as their source gives them; without `test` or `validation`, these are still to be set aside.

    `notes` say in sentences what was done to them, and what lies there and is not used.
    """

    name: str
    source: str
    class_names: tuple[str, ...]
    train: Split
    test: Split | None = None
    validation: Split | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Images:
    """Validation steers a search; the test split is looked at once, at the end of a trial.

    `notes` say in sentences what was done to the images when they were read.
    """

    name: str
    source: str
    class_names: tuple[str, ...]
    train: Split
    validation: Split
    test: Split
    notes: tuple[str, ...] = ()

    @property
    def shape(self) -> Shape:
        """Height, width, channels and number of classes."""
        height, width, channels = self.train.images.shape[1:]
        return Shape(height, width, channels, len(self.class_names))

    @cached_property
    def digest(self) -> str:
        """The first 32 hexadecimal digits of a SHA-256 over every byte of every split, and the class names."""
        state = hashlib.sha256(json.dumps(self.class_names).encode())
        for name, array in self.arrays():
            state.update(f"{name}{array.dtype.str}{array.shape}".encode())
            state.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
        return state.hexdigest()[:32]

    @cached_property
    def background(self) -> int | None:
        """How bright the edge of a training image usually is, from 0 to 255: garments lie light on dark at 0.

        None where more than one in a thousand is on the other side of the middle: a network knows both then.
        """
        ground = edges(self.train.images).reshape(len(self.train), -1)
        usual = np.median(ground)
        odd = (np.median(ground, axis=1) < BRIGHTEST / 2) != (usual < BRIGHTEST / 2)
        return None if odd.mean() > ODD else int(usual)

    def all_to_train(self) -> "Images":
        """Return the same with the validation images among those to train on.

        A network trained on these has seen what it is validated on: only the test images can judge it.
        """
        parts = (self.train, self.validation)
        return replace(
            self,
            train=Split(
                np.concatenate([part.images for part in parts]), np.concatenate([part.labels for part in parts])
            ),
        )

    def splits(self) -> Iterator[tuple[str, Split]]:
        """Each split by its name."""
        for name in SPLITS:
            yield name, getattr(self, name)

    def arrays(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """Each array by its name, such as `train_images`."""
        for name, split in self.splits():
            yield f"{name}_images", split.images
            yield f"{name}_labels", split.labels


# Names that a sentence can hold.
LISTED: Final = 12


@dataclass(frozen=True)
class Summary:
    """What there is, in plain values. `counts` are the images of each class, in the order of `class_names`."""

    name: str
    source: str
    digest: str
    shape: Shape
    class_names: tuple[str, ...]
    counts: dict[str, tuple[int, ...]]


def summary(images: Images) -> Summary:
    """Describe the images for people: `counts` holds one row of numbers for each split."""
    classes = len(images.class_names)
    counts = {name: np.bincount(split.labels, minlength=classes) for name, split in images.splits()}
    rows = {name: tuple(int(number) for number in row) for name, row in counts.items()}
    return Summary(images.name, images.source, images.digest, images.shape, images.class_names, rows)


def listed(names: Sequence[str]) -> str:
    """Return names in a line: all of a few, of many the first ones and how many more there are."""
    more = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f" and {more:,} more" if more > 0 else "")
