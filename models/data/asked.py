"""What a network is asked about: pictures, folders of them, and arrays in `.npz` files, read a batch at a time."""

import math
import os
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby, islice
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from models.batches import evaluation_batch
from models.data import npz, pictures
from models.data.files import at_home
from models.data.images import DataError
from models.data.pictures import Frame

# The arrays that are looked for, the first one first, and where the classes of their images would stand.
ARRAYS: Final = {"x_test": "y_test", "test_images": "test_labels", "images": "labels", "x": "y"}
# What is said of labels that are no numbers of classes.
RENUMBER: Final = "number them as the model's classes are, from 0, or leave them out of the file"


@dataclass(frozen=True, eq=False)
class Batch:
    """Images as a network takes them, (n, height, width, channels), what each is called, and its class if known.

    `inverted` says how many were negated, `unreadable` which pictures are not among them, and why.
    """

    names: Sequence[str]
    images: NDArray[np.uint8]
    labels: NDArray[np.int64] | None = None
    inverted: int = 0
    unreadable: Sequence[str] = field(default=())


class Source(Protocol):
    """Something with images in it."""

    @property
    def count(self) -> int:
        """How many there are, readable or not."""

    @property
    def labels(self) -> NDArray[np.int64] | None:
        """The classes of all of them, (count,), where they are known."""

    def batches(self, frame: Frame) -> Iterator[Batch]:
        """Yield them, fitted into the frame. Raises `DataError` where the source itself cannot be read."""


def sources(paths: Sequence[str]) -> list[Source]:
    """Return what there is at these paths, in order. Raises `DataError` where there is nothing to be asked about."""
    places = [at_home(path) for path in paths]
    if missing := [place for place in places if not place.exists()]:
        raise DataError(f"{missing[0]}: no such file or folder; give pictures, folders of pictures, or .npz files")
    found: list[Source] = []
    for of_arrays, group in groupby(places, lambda place: place.suffix.lower() == npz.SUFFIX and place.is_file()):
        together = tuple(group)
        # Pictures one after the other fill the same batches.
        found += map(Arrays.of, together) if of_arrays else [Pictures(together)]
    return found


@dataclass(frozen=True)
class Pictures:
    """Files, and folders with files at any depth."""

    places: tuple[Path, ...]
    labels: None = None

    @cached_property
    def count(self) -> int:
        """How many there are; folders are looked through once more."""
        return sum(1 for _ in self.files())

    def files(self) -> Iterator[Path]:
        """Yield every picture, those of a folder by name. Raises `DataError` for a folder without any."""
        for place in self.places:
            if not place.is_dir():
                yield place
                continue
            inside = _inside(place)
            first = next(inside, None)
            if first is None:
                raise DataError(f"{place} has no pictures in it ({', '.join(pictures.SUFFIXES)}); give another folder")
            yield first
            yield from inside

    def batches(self, frame: Frame) -> Iterator[Batch]:
        """As in the contract."""
        waiting = self.files()
        while together := list(islice(waiting, evaluation_batch(frame.shape))):
            yield _read(together, frame)


@dataclass(frozen=True, eq=False)
class Arrays:
    """One array in an `.npz` file, which is read from front to back; only one stored by columns is held as a whole."""

    file: Path
    name: str
    shape: tuple[int, ...]
    labels: NDArray[np.int64] | None

    @classmethod
    def of(cls, file: Path) -> "Arrays":
        """Return the array of images of a file: `x_test`, `images`, `x`, or the only one that looks like images."""
        headers = npz.headers(file)
        shapes = {name: header.shape for name, header in headers.items()}
        pictured = [name for name, shape in shapes.items() if len(shape) in (3, 4)]
        known = [name for name in ARRAYS if name in pictured]
        if not known and len(pictured) != 1:
            there = ", ".join(f"{name} {shape}" for name, shape in shapes.items()) or "nothing"
            raise DataError(
                f"{file}: which array has the images? There is {there}; call it {' or '.join(ARRAYS)}, of the shape "
                "(n, height, width) or (n, height, width, 1 or 3)"
            )
        name = (known or pictured)[0]
        if not all(shapes[name]):
            raise DataError(f"{file}: {name} has the shape {shapes[name]}, and nothing in it; give another file")
        npz.require_values(file, name, headers[name])
        beside, labels = ARRAYS.get(name, ""), None
        if beside in headers:
            npz.require_values(file, beside, headers[beside])
            labels = npz.as_labels(file, beside, npz.one(file, beside), RENUMBER)
        if labels is not None and len(labels) != shapes[name][0]:
            raise DataError(f"{file}: {beside} has {len(labels)} labels for the {shapes[name][0]} images of {name}")
        return cls(file, name, shapes[name], labels)

    @property
    def count(self) -> int:
        """As in the contract."""
        return self.shape[0]

    def batches(self, frame: Frame) -> Iterator[Batch]:
        """As in the contract."""
        start = 0
        for values in self._portions(min(evaluation_batch(frame.shape), evaluation_batch((*self.shape[1:], 1)))):
            end = start + len(values)
            labels = None if self.labels is None else ARRAYS[self.name]
            fitted = frame.array(npz.as_images(self.file, self.name, values, labels))
            yield Batch(
                names=[f"{self.file}:{position}" for position in range(start, end)],
                images=fitted.images,
                labels=None if self.labels is None else self.labels[start:end],
                inverted=fitted.inverted,
            )
            start = end

    def _portions(self, size: int) -> Iterator[NDArray[Any]]:
        """Yield the values of so many images at a time, as they are stored."""
        with (
            npz.reading(self.file),
            zipfile.ZipFile(self.file) as archive,
            archive.open(f"{self.name}{npz.NPY}") as stream,
        ):
            _, by_columns, dtype = npz.header(stream)
            if by_columns:
                whole = npz.one(self.file, self.name)
                yield from (whole[start : start + size] for start in range(0, self.count, size))
                return
            for start in range(0, self.count, size):
                count = min(size, self.count - start)
                content = stream.read(count * dtype.itemsize * math.prod(self.shape[1:]))
                yield np.frombuffer(content, dtype).reshape(count, *self.shape[1:])
            # At its end, the archive compares its checksum.
            stream.read(1)


def _inside(folder: Path) -> Iterator[Path]:
    """Yield the pictures in a folder, by name, and then those of the folders in it; nothing that is hidden."""

    def refuse(error: OSError) -> None:
        raise DataError(f"{error.filename} cannot be read ({error.strerror}); make it readable, or leave it out")

    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.lower().endswith(pictures.SUFFIXES) and not name.startswith("."):
                yield Path(place, name)


def _read(together: Sequence[Path], frame: Frame) -> Batch:
    """Read pictures; one that cannot be read is told of, and the others are there."""
    images = np.empty((len(together), *frame.shape), np.uint8)
    names: list[str] = []
    unreadable: list[str] = []
    inverted = 0
    for file in together:
        try:
            fitted = frame.picture(pictures.decoded(file.read_bytes()))
        except pictures.UNREADABLE as error:
            unreadable.append(f"{file} cannot be read as a picture ({error})")
            continue
        images[len(names)] = fitted.images[0]
        inverted += fitted.inverted
        names.append(str(file))
    return Batch(names, images[: len(names)], inverted=inverted, unreadable=unreadable)
