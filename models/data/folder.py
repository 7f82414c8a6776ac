"""Images as files: `train/<class>/*.png` and `test/<class>/*.png`, JPEG as well."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.data.images import Collection, DataError, Split
from models.data.pictures import UNREADABLE, decoded

SUFFIXES = (".jpeg", ".jpg", ".png")
LEFT_BY_SYSTEMS = ("thumbs.db", "desktop.ini")
CHANNELS = {"L": 1, "RGB": 3}
PNG = b"\x89PNG\r\n\x1a\n"
DEPTH = 24  # where a PNG tells its bits per channel


def read(folder: Path) -> Collection:
    """Return the images under `folder`; classes are the folders of `train`, by name. Raises `DataError`.

    All images are of one size, and all grey or all RGB. Palettes, black and white, and an alpha channel that hides
    nothing are converted, since nothing is lost; anything else (transparency, 16 bits, CMYK) is refused.
    """
    names = _classes(folder / "train")
    if len(names) < 2:
        raise DataError(f"{folder / 'train'} has {len(names)} class folders; there must be two to tell apart")
    if unknown := [name for name in _classes(folder / "test") if name not in names]:
        raise DataError(
            f"{folder / 'test' / unknown[0]}: there is no folder {folder / 'train' / unknown[0]} to learn from"
        )
    train, test = (_files(folder / part, names) for part in ("train", "test"))
    for label, name in enumerate(names):
        if label not in train[1]:
            raise DataError(f"{folder / 'train' / name} has no images; put some there, or remove the class")
    if not test[0]:
        raise DataError(f"{folder / 'test'} has no images; put some there to judge by")
    return Collection(
        name=folder.resolve().name,
        source=str(folder.resolve()),
        class_names=names,
        train=_split(*train, example=train[0][0]),
        test=_split(*test, example=train[0][0]),
    )


def _entries(folder: Path) -> list[Path]:
    """What people put into `folder`, by name: no hidden files, nothing that their system left there."""
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(
            f"{folder} cannot be read ({error.strerror}); images lie in train/<class>/*.png and test/<class>/*.png"
        ) from error
    return [entry for entry in entries if not entry.name.startswith(".") and entry.name.lower() not in LEFT_BY_SYSTEMS]


def _classes(folder: Path) -> tuple[str, ...]:
    entries = _entries(folder)
    if lost := [entry for entry in entries if entry.suffix.lower() in SUFFIXES and entry.is_file()]:
        raise DataError(f"{lost[0]} is in no class; move it to {folder}/<class>/")
    return tuple(entry.name for entry in entries if entry.is_dir())


def _files(part: Path, names: tuple[str, ...]) -> tuple[list[Path], list[int]]:
    """Every file of every class with its label. A class may be absent here: a test split need not have them all."""
    files: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(names):
        entries = _entries(part / name) if (part / name).exists() else []
        for file in entries:
            if file.suffix.lower() not in SUFFIXES:
                raise DataError(f"{file} is none of {', '.join(SUFFIXES)}; convert it, or move it away")
        files += entries
        labels += [label] * len(entries)
    return files, labels


def _split(files: list[Path], labels: list[int], example: Path) -> Split:
    """Read every file, into the shape that `example` has."""
    shape = _pixels(example).shape
    images = np.empty((len(files), *shape), np.uint8)
    for position, file in enumerate(files):
        pixels = _pixels(file)
        if pixels.shape != shape:
            raise DataError(
                f"{file} is {_size(pixels.shape)}, unlike {example}, which is {_size(shape)}; make them alike"
            )
        images[position] = pixels
    return Split(images, np.array(labels, np.int64))


def _size(shape: tuple[int, ...]) -> str:
    height, width, channels = shape
    return f"{width}x{height} {'grey' if channels == 1 else 'RGB'}"


def _pixels(file: Path) -> NDArray[np.uint8]:
    """Height, width, channels."""
    try:
        data = file.read_bytes()
        plain = _plain(decoded(data))
    except UNREADABLE as error:
        raise DataError(f"{file} cannot be read as an image ({error}); replace it, or move it away") from error
    # Pillow reads 16 bits of grey as such, but cuts 16 bits of RGB to 8 without a word.
    if plain.mode not in CHANNELS or (data.startswith(PNG) and data[DEPTH] > 8):
        raise DataError(
            f"{file} is neither grey nor RGB of 8 bits without transparency (mode {plain.mode}); convert it"
        )
    return np.asarray(plain, np.uint8).reshape(plain.height, plain.width, CHANNELS[plain.mode])


def _plain(image: Image.Image) -> Image.Image:
    """Return grey or RGB where that loses nothing, else the image as it is."""
    if image.mode == "1":
        return image.convert("L")
    if image.mode in ("P", "PA") or "transparency" in image.info:
        image = image.convert("LA" if image.mode == "L" else "RGBA")
    if image.mode in ("LA", "RGBA") and image.getchannel("A").getextrema() == (255, 255):
        return image.convert(image.mode.removesuffix("A"))
    return image
