"""Images as files: `train/<class>/*.png`, `test/<class>/*.png` and `val/<class>/*.png`, or `<class>/*.png` alone."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.data import names
from models.data.images import Collection, DataError, Split
from models.data.pictures import MODES, SUFFIXES, UNREADABLE
from models.data.ways import NOW, Way

LEFT_BY_SYSTEMS = ("thumbs.db", "desktop.ini")
VALIDATION: Final = ("val", "valid", "validation")
LAYOUTS: Final = "images lie in train/<class>/*.png and test/<class>/*.png, or in <class>/*.png alone"
CHANNELS: Final = {mode: channels for channels, mode in MODES.items()}
# So many of what is not used are named; of the others there is their number.
NAMED: Final = 5


def read(folder: Path, way: Way = NOW) -> Collection:
    """Return the images under `folder`; classes are the folders of `train`, by name. Raises `DataError`.

    All images are of one size, and all grey or all RGB. A class may be absent from the test and validation images. In a
    folder that has classes and no parts, all images are to train on, and so are those of `train` where it is alone.
    """
    parts = _parts(folder, way)
    train = _classes(parts["train"], way)
    if len(train) < 2:
        found = f"{parts['train']} has {len(train)} class folders"
        raise DataError(f"{found}; there must be two to tell apart: {LAYOUTS}")
    splits, done = {}, Counter[str]()
    example = None
    for name, part in parts.items():
        files, labels = _files(_known(_classes(part, way), train), list(train))
        _require(files, part, train if name == "train" else {}, labels)
        example = example or files[0]
        splits[name] = _split(files, labels, example, way, done)
    return Collection(
        name=folder.resolve().name,
        source=str(folder.resolve()),
        class_names=tuple(train),
        train=splits.pop("train"),
        test=splits.get("test"),
        validation=splits.get("validation"),
        notes=tuple(_notes(folder, train, parts, done)) if way is NOW else (),
    )


def _parts(folder: Path, way: Way) -> dict[str, Path]:
    """Return the folders of classes by what their images are for; the folder itself where it has no parts.

    A class may be called `train`: a part is where folders lie within, or where there is nothing but parts.
    """
    folders = [entry for entry in _entries(folder) if entry.is_dir()]
    known = [entry for entry in folders if entry.name in ("train", "test", *VALIDATION)]
    if folders and len(known) < len(folders) and not any(_has_folders(entry) for entry in known):
        return {"train": folder}
    alone = not (folder / "test").exists() and _has_folders(folder / "train")
    return (
        {"train": folder / "train"}
        | ({} if alone else {"test": folder / "test"})
        | (_validation(folder) if way.validation else {})
    )


def _has_folders(folder: Path) -> bool:
    return folder.is_dir() and any(entry.is_dir() for entry in _entries(folder))


def _entries(folder: Path) -> list[Path]:
    """What people put into `folder`, by name: no hidden files, nothing that their system left there."""
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"{folder} cannot be read ({error.strerror}); {LAYOUTS}") from error
    return [entry for entry in entries if not entry.name.startswith(".") and entry.name.lower() not in LEFT_BY_SYSTEMS]


def _validation(folder: Path) -> dict[str, Path]:
    found = [entry for entry in _entries(folder) if entry.name in VALIDATION and entry.is_dir()]
    if len(found) > 1:
        raise DataError(f"{found[0]} and {found[1]}: which are to validate on? Keep one of them here")
    return {"validation": found[0]} if found else {}


def _classes(part: Path, way: Way) -> dict[str, Path]:
    """Return the class folders by what the classes are called, in the order of these names."""
    entries = _entries(part)
    if lost := [entry for entry in entries if entry.suffix.lower() in SUFFIXES and entry.is_file()]:
        raise DataError(f"{lost[0]} is in no class; move it to {part}/<class>/")
    classes: dict[str, Path] = {}
    for entry in filter(Path.is_dir, entries):
        called = way.called(entry.name)
        if called in classes:
            raise DataError(
                f"{part} has two folders called {names.shown(called)}, which differ only in how an accent is stored; "
                "put the images of both into one"
            )
        classes[called] = entry
    return dict(sorted(classes.items()))


def _known(classes: Mapping[str, Path], train: Mapping[str, Path]) -> Mapping[str, Path]:
    """Return these classes if all of them are trained on. Raises `DataError`."""
    for name, entry in classes.items():
        if name not in train:
            twin = names.like(name, train)
            there = f"but {names.shown(twin)} looks like it: rename one of them" if twin else "to learn from"
            wanted = next(iter(train.values())).parent / name
            raise DataError(names.escaped(f"{entry}: there is no folder {wanted} {there}"))
    return classes


def _files(classes: Mapping[str, Path], order: list[str]) -> tuple[list[Path], list[int]]:
    """Every file of every class with its label. Raises `DataError` for what is no image."""
    files: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(order):
        entries = _entries(classes[name]) if name in classes else []
        for file in entries:
            if file.is_dir():
                raise DataError(f"{file} is a folder within a class; move its images to {file.parent}, and remove it")
            if file.suffix.lower() not in SUFFIXES:
                raise DataError(f"{file} is none of {', '.join(SUFFIXES)}; convert it, or move it away")
        files += entries
        labels += [label] * len(entries)
    return files, labels


def _require(files: list[Path], part: Path, each: Mapping[str, Path], labels: list[int]) -> None:
    """Raise `DataError` where there are no images, or none of a class in `each`."""
    for label, entry in enumerate(each.values()):
        if label not in labels:
            raise DataError(f"{entry} has no images; put some there, or remove the class")
    if not files:
        raise DataError(f"{part} has no images; put some there to judge by")


def _split(files: list[Path], labels: list[int], example: Path, way: Way, done: Counter[str]) -> Split:
    """Read every file, into the shape that `example` has; `done` counts what was done to them."""
    shape = _pixels(example, way)[0].shape
    images = np.empty((len(files), *shape), np.uint8)
    for position, file in enumerate(files):
        pixels, changes = _pixels(file, way)
        if pixels.shape != shape:
            turned = "; of a camera held upright, width and height change places" if any(changes) else ""
            raise DataError(
                f"{file} is {_size(pixels.shape)}, unlike {example}, which is {_size(shape)}; make them alike{turned}"
            )
        images[position] = pixels
        done.update(changes)
    return Split(images, np.array(labels, np.int64))


def _size(shape: tuple[int, ...]) -> str:
    height, width, channels = shape
    return f"{width}x{height} {'grey' if channels == 1 else 'RGB'}"


def _pixels(file: Path, way: Way) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Return height, width, channels, and what was done for it."""
    try:
        shown, changes = way.show(file.read_bytes())
    except UNREADABLE as error:
        raise DataError(f"{file} cannot be read as an image ({error}); replace it, or move it away") from error
    return np.asarray(shown, np.uint8).reshape(shown.height, shown.width, CHANNELS[shown.mode]), changes


def _notes(folder: Path, train: Mapping[str, Path], parts: Mapping[str, Path], done: Counter[str]) -> Iterator[str]:
    """Yield in sentences what was done to the images, and what lies in `folder` and is not used."""
    for words, count in done.items():
        yield f"{count:,} image(s) are {words}"
    if used := parts.get("validation"):
        yield f"validation images are those of {used.name}/; none are drawn from those to train on"
    if spelt := [name for name, entry in train.items() if name != entry.name]:
        yield f"{len(spelt)} class folder(s) store accents apart from their letters, and are called as if they did not"
    used_here = {*parts.values(), *train.values()}
    unused = [entry for entry in _entries(folder) if entry not in used_here]
    within = sorted(part for part in parts.values() if part != folder)
    unused += [entry for part in within for entry in _entries(part) if not entry.is_dir()]
    if unused:
        named = ", ".join(str(entry.relative_to(folder)) for entry in unused[:NAMED])
        more = f" and {len(unused) - NAMED:,} more" if len(unused) > NAMED else ""
        yield f"not used: {named}{more}"
