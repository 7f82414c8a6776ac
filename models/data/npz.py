"""Images in one file of NumPy arrays: `x_train, y_train, x_test, y_test`, optionally `x_val, y_val, class_names`."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from models.data import labels, values
from models.data.files import UNREADABLE
from models.data.images import Collection, DataError, Split
from models.data.ways import NOW, Way

Arrays = dict[str, NDArray[Any]]

REQUIRED: Final = ("x_train", "y_train", "x_test", "y_test")
VALIDATION: Final = ("val", "valid", "validation")
NAMES: Final = "class_names"
SUFFIX: Final = ".npz"
NPY: Final = ".npy"
# Where the header is of another version, fields of the array have names, and it holds no images.
HEADERS: Final = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


class Header(NamedTuple):
    """What stands before the values of an array: its shape, whether it is stored by columns, and its type."""

    shape: tuple[int, ...]
    by_columns: bool
    dtype: np.dtype[Any]


def read(file: Path, way: Way = NOW) -> Collection:
    """Return the images of `file`. Whole numbers from 0 to 255 are taken as they are, of whatever type.

    Scaled images would have to be scaled back, and nothing in the file says from what. Raises `DataError`.
    """
    found = headers(file)
    validation = _validation(file, found) if way.validation else None
    parts = ("train", "test", *((validation,) if validation else ()))
    used = [name for name in (*(f"{axis}_{part}" for part in parts for axis in "xy"), NAMES) if name in found]
    if missing := [name for name in REQUIRED if name not in found]:
        raise DataError(f"{file} has no array {', '.join(missing)}; it needs {', '.join(REQUIRED)}")
    arrays = _arrays(file, used, found)
    renumber = labels.renumbered((f"y_{part}" for part in parts), named=False)
    splits = {
        part: Split(
            as_images(file, f"x_{part}", arrays[f"x_{part}"], f"y_{part}"),
            as_labels(file, f"y_{part}", arrays[f"y_{part}"], renumber),
        )
        for part in parts
    }
    _check_fit(file, splits)
    unused = [name for name in found if name not in used]
    return Collection(
        name=file.stem,
        source=str(file.resolve()),
        class_names=_class_names(file, arrays, splits, way),
        train=splits["train"],
        test=splits["test"],
        validation=splits[validation] if validation else None,
        notes=tuple(_notes(arrays, unused, validation)) if way is NOW else (),
    )


def headers(file: Path) -> dict[str, Header]:
    """Return what stands before each array of a file. Raises `DataError`."""
    with reading(file), zipfile.ZipFile(file) as archive:
        found = {}
        for member in filter(lambda name: name.endswith(NPY), archive.namelist()):
            with archive.open(member) as stream:
                found[member.removesuffix(NPY)] = header(stream)
    return found


def header(stream: IO[bytes]) -> Header:
    """Return what stands before an array's values; these are what comes next."""
    reader = HEADERS.get(np.lib.format.read_magic(stream))
    return Header(*reader(stream)) if reader else Header((), by_columns=False, dtype=np.dtype("V"))


def _arrays(file: Path, wanted: list[str], found: dict[str, Header]) -> Arrays:
    for name in wanted:
        require_values(file, name, found[name])
    with reading(file), file.open("rb") as stream, NpzFile(stream, allow_pickle=False) as archive:
        return {name: archive[name] for name in wanted}


def require_values(file: Path, name: str, header: Header) -> None:
    """Raise `DataError` for an array of Python objects, which only code could read."""
    if header.dtype.hasobject:
        way_out = f"if all have one shape: `{name} = numpy.array({name}.tolist())`"
        raise _refused(file, name, "holds Python objects", way_out)


@contextmanager
def reading(file: Path) -> Iterator[None]:
    """Raise as `DataError` what NumPy, and whatever it reads with, find wrong with a file."""
    try:
        yield
    except DataError:
        raise
    except UNREADABLE as error:
        raise DataError(f"{file} cannot be read ({error}); write it anew with numpy.savez and no objects") from error


def one(file: Path, name: str) -> NDArray[Any]:
    """Return one array of a file as it is stored. Raises `DataError`."""
    with reading(file), file.open("rb") as stream, NpzFile(stream, allow_pickle=False) as archive:
        array: NDArray[Any] = archive[name]
        return array


def as_images(file: Path, name: str, array: NDArray[Any], labels: str | None) -> NDArray[np.uint8]:
    """Return an array of `file` as images (n, height, width, 1 or 3) from 0 to 255. Raises `DataError`.

    `labels` is what the array with their labels is called, if there is one.
    """
    shape = array.shape
    if array.ndim == 3:
        array = array[..., np.newaxis]
    if array.ndim != 4 or array.shape[3] not in (1, 3) or not array.size:
        raise _refused(file, name, f"has the shape {shape}", _reshaped(name, shape))
    if wrong := values.unfit(name, array, labels):
        raise _refused(file, name, *wrong)
    return values.as_bytes(array)


def as_labels(file: Path, name: str, array: NDArray[Any], renumber: str) -> NDArray[np.int64]:
    """Return an array of `file` as labels (n,), whole numbers from 0. Raises `DataError`."""
    if wrong := labels.unfit(name, array, renumber):
        raise _refused(file, name, *wrong)
    return labels.taken(array)


def _validation(file: Path, found: dict[str, Header]) -> str | None:
    """Return by which name the file calls images to validate on, if it has any."""
    there = [part for part in VALIDATION if f"x_{part}" in found or f"y_{part}" in found]
    if not there:
        return None
    both = [name for part in there for name in (f"x_{part}", f"y_{part}")]
    if len(there) > 1 or not all(name in found for name in both):
        named = ", ".join(name for name in both if name in found)
        raise DataError(f"{file} has {named}: to validate on, images and labels are needed once, as x_val and y_val")
    return there[0]


def _reshaped(name: str, shape: tuple[int, ...]) -> str:
    """Return what makes images of an array of this shape, and what it takes it for."""
    wanted = "store (n, height, width) or (n, height, width, 1 or 3)"
    if len(shape) == 2 and 0 not in shape:
        for channels, end in ((1, ""), (3, ", 3")):
            side = round((shape[1] / channels) ** 0.5)
            if side * side * channels == shape[1]:
                return f"if they are {side}x{side} pixels: `{name} = {name}.reshape(-1, {side}, {side}{end})`"
    if len(shape) == 4 and shape[1] in (1, 3) and shape[3] not in (1, 3) and shape[0]:
        return f"if the channels come first: `{name} = numpy.moveaxis({name}, 1, -1)`"
    if len(shape) == 4 and shape[3] == 4 and shape[0]:
        return f"if the last of the four says what is transparent, and nothing is: `{name} = {name}[..., :3]`"
    return wanted


def _check_fit(file: Path, splits: dict[str, Split]) -> None:
    size = splits["train"].images.shape[1:]
    for part, split in splits.items():
        if len(split.images) != len(split.labels):
            found = f"has {len(split.labels)} labels for {len(split.images)} images"
            raise _refused(file, f"y_{part}", found, "store one label per image")
        if split.images.shape[1:] != size:
            found = f"holds images of {split.images.shape[1:]}, x_train of {size}"
            raise _refused(file, f"x_{part}", found, "make all images the same size")


def _class_names(file: Path, arrays: Arrays, splits: dict[str, Split], way: Way) -> tuple[str, ...]:
    """Names from the file or, without any, the labels themselves; every class must be there to be learnt."""
    present = np.unique(splits["train"].labels)
    for part, split in splits.items():
        if unknown := sorted(set(np.unique(split.labels).tolist()) - set(present.tolist())):
            raise _refused(
                file,
                f"y_{part}",
                f"has images of class {unknown[0]}, and y_train has none to learn from",
                f"leave them out: `known = numpy.isin(y_{part}, y_train); x_{part}, y_{part} = "
                f"x_{part}[known], y_{part}[known]`",
            )
    stored = _stored_names(file, arrays[NAMES], way) if NAMES in arrays else None
    highest = int(present[-1])
    classes = len(stored) if stored else highest + 1
    if highest >= classes:
        raise _refused(file, NAMES, f"has {classes} names for labels up to {highest}", _one_less(splits, classes))
    if len(present) < classes:
        gap = next(label for label in range(classes) if label >= len(present) or present[label] != label)
        title = f" ({stored[gap]!r})" if stored else ""
        found = f"has no image of class {gap}{title}, of classes 0 to {classes - 1}"
        anew = labels.renumbered((f"y_{part}" for part in splits), named=stored is not None)
        raise _refused(file, "y_train", found, f"put some there, or {anew}")
    if classes == 1:
        raise _refused(file, "y_train", "has one class only", "there must be two to tell apart")
    return stored or tuple(str(label) for label in range(classes))


def _one_less(splits: dict[str, Split], classes: int) -> str:
    """Return the way out where there are labels beyond the names: they may count from 1."""
    lowest = min(int(split.labels.min()) for split in splits.values())
    highest = max(int(split.labels.max()) for split in splits.values())
    if lowest == 1 and highest == classes:
        return "if labels count from 1: `" + "; ".join(f"y_{part} = y_{part} - 1" for part in splits) + "`"
    return "name every label"


def _stored_names(file: Path, array: NDArray[Any], way: Way) -> tuple[str, ...]:
    found = f"holds {array.dtype} of shape {array.shape}"
    if array.ndim == 2 and 1 in array.shape:
        raise _refused(file, NAMES, found, f"`{NAMES} = {NAMES}.reshape(-1)`")
    if array.ndim == 1 and array.size and array.dtype.kind in "iuf":
        raise _refused(file, NAMES, found, f"`{NAMES} = {NAMES}.astype(str)`")
    if array.ndim != 1 or array.dtype.kind not in "US" or not array.size:
        raise _refused(file, NAMES, found, "store a list of strings, one for each label")
    try:
        stored = [item.decode() if isinstance(item, bytes) else str(item) for item in array.tolist()]
    except UnicodeDecodeError as error:
        way_out = f"if they are Latin-1: `{NAMES} = numpy.char.decode({NAMES}, 'latin-1')`"
        raise _refused(file, NAMES, f"is not UTF-8 ({error})", way_out) from error
    called = tuple(map(way.called, stored))
    if len(set(called)) < len(called) or "" in called:
        raise _refused(file, NAMES, "has an empty name or one twice", "name each class differently")
    return called


def _notes(arrays: Arrays, unused: list[str], validation: str | None) -> Iterator[str]:
    """Yield in sentences what was done to the arrays, and which are not used."""
    if unused:
        yield f"not used: {', '.join(unused)}"
    if validation:
        yield f"validation images are those of x_{validation}; none are drawn from those to train on"
    if white := [name for name, array in arrays.items() if name.startswith("x_") and array.dtype == bool]:
        yield f"{', '.join(white)}: of true and false, true is taken for white"
    for name, array in arrays.items():
        if name.startswith("y_") and array.ndim > 1 and array.shape[1] > 1:
            yield f"{name}: of each row, the place of the 1 is taken for the label"


def _refused(file: Path, array: str, found: str, way_out: str) -> DataError:
    return DataError(f"{file}: {array} {found}; {way_out}")
