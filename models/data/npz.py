"""Images in one file of NumPy arrays: `x_train, y_train, x_test, y_test`, optionally `x_val, y_val, class_names`.

`train_images, train_labels` and so on are taken as well, as MedMNIST has them, and `images, labels` or `x, y` alone.
"""

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

ALONE_ACCEPTED: Final = "or x and y, or images and labels, alone"
VALIDATION: Final = ("val", "valid", "validation")
NAMES: Final = "class_names"
SUFFIX: Final = ".npz"
NPY: Final = ".npy"
# Where the header is of another version, fields of the array have names, and it holds no images.
HEADERS: Final = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


class Pair(NamedTuple):
    """What images and their labels are called."""

    images: str
    labels: str


# With the name of a part between the braces.
SPELLINGS: Final = (Pair("x_{}", "y_{}"), Pair("{}_images", "{}_labels"))
# Of images that come in no parts.
ALONE: Final = (Pair("x", "y"), Pair("images", "labels"))


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
    pairs = _pairs(file, found, way)
    used = [*(name for pair in pairs.values() for name in pair), *([NAMES] if NAMES in found else [])]
    arrays = _arrays(file, used, found)
    renumber = labels.renumbered((pair.labels for pair in pairs.values()), named=False)
    splits = {
        part: Split(
            as_images(file, pair.images, arrays[pair.images], pair.labels),
            as_labels(file, pair.labels, arrays[pair.labels], renumber),
        )
        for part, pair in pairs.items()
    }
    _check_fit(file, splits, pairs)
    unused = [name for name in found if name not in used]
    return Collection(
        name=file.stem,
        source=str(file.resolve()),
        class_names=_class_names(file, arrays, splits, pairs, way),
        train=splits["train"],
        test=splits.get("test"),
        validation=splits.get("validation"),
        notes=tuple(_notes(arrays, unused, pairs)) if way is NOW else (),
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


def _pairs(file: Path, found: dict[str, Header], way: Way) -> dict[str, Pair]:
    """Return what the arrays of each part are called, `train` first. Raises `DataError`."""
    spelt = [one for one in SPELLINGS if {*_pair(one, "train"), *_pair(one, "test")} & found.keys()]
    alone = [one for one in ALONE if one.images in found and one.labels in found]
    both = [_pair(one, "train") for one in spelt] or alone
    if len(both) > 1:
        names = " and ".join(pair.images for pair in both)
        raise DataError(f"{file} has {names}: which are to train on? Leave the others out of the file")
    if not spelt and alone:
        return {"train": alone[0]}
    (spelling,) = spelt or SPELLINGS[:1]
    train, test = _pair(spelling, "train"), _pair(spelling, "test")
    # Without any test images, some are set aside; one array of two is an oversight.
    without = {*train} <= found.keys() and not {*test} & found.keys()
    needed = train if without else (*train, *test)
    if missing := [name for name in needed if name not in found]:
        wanted = ", ".join((*train, *test))
        raise DataError(f"{file} has no array {', '.join(missing)}; it needs {wanted}, {ALONE_ACCEPTED}")
    validation = _validation(file, found, spelling) if way.validation else None
    others = {} if without else {"test": test}
    return {"train": train, **others, **({"validation": validation} if validation else {})}


def _pair(spelling: Pair, part: str) -> Pair:
    return Pair(*(name.format(part) for name in spelling))


def _validation(file: Path, found: dict[str, Header], spelling: Pair) -> Pair | None:
    """Return what images to validate on are called, and their labels, if the file has any."""
    there = [pair for pair in (_pair(spelling, part) for part in VALIDATION) if {*pair} & found.keys()]
    if not there:
        return None
    both = [name for pair in there for name in pair]
    if len(there) > 1 or not all(name in found for name in both):
        named, wanted = ", ".join(name for name in both if name in found), " and ".join(_pair(spelling, VALIDATION[0]))
        raise DataError(f"{file} has {named}: to validate on, images and labels are needed once, as {wanted}")
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


def _check_fit(file: Path, splits: dict[str, Split], pairs: dict[str, Pair]) -> None:
    size = splits["train"].images.shape[1:]
    for part, split in splits.items():
        if len(split.images) != len(split.labels):
            found = f"has {len(split.labels)} labels for {len(split.images)} images"
            raise _refused(file, pairs[part].labels, found, "store one label per image")
        if split.images.shape[1:] != size:
            found = f"holds images of {split.images.shape[1:]}, {pairs['train'].images} of {size}"
            raise _refused(file, pairs[part].images, found, "make all images the same size")


def _class_names(
    file: Path, arrays: Arrays, splits: dict[str, Split], pairs: dict[str, Pair], way: Way
) -> tuple[str, ...]:
    """Names from the file or, without any, the labels themselves; every class must be there to be learnt."""
    present, learnt = np.unique(splits["train"].labels), pairs["train"].labels
    for part, split in splits.items():
        if unknown := sorted(set(np.unique(split.labels).tolist()) - set(present.tolist())):
            x, y = pairs[part]
            raise _refused(
                file,
                y,
                f"has images of class {unknown[0]}, and {learnt} has none to learn from",
                f"leave them out: `known = numpy.isin({y}, {learnt}); {x}, {y} = {x}[known], {y}[known]`",
            )
    stored = _stored_names(file, arrays[NAMES], way) if NAMES in arrays else None
    highest = int(present[-1])
    classes = len(stored) if stored else highest + 1
    if highest >= classes:
        way_out = _one_less(splits, pairs, classes)
        raise _refused(file, NAMES, f"has {classes} names for labels up to {highest}", way_out)
    if len(present) < classes:
        gap = next(label for label in range(classes) if label >= len(present) or present[label] != label)
        title = f" ({stored[gap]!r})" if stored else ""
        found = f"has no image of class {gap}{title}, of classes 0 to {classes - 1}"
        anew = labels.renumbered((pair.labels for pair in pairs.values()), named=stored is not None)
        raise _refused(file, learnt, found, f"put some there, or {anew}")
    if classes == 1:
        raise _refused(file, learnt, "has one class only", "there must be two to tell apart")
    return stored or tuple(str(label) for label in range(classes))


def _one_less(splits: dict[str, Split], pairs: dict[str, Pair], classes: int) -> str:
    """Return the way out where there are labels beyond the names: they may count from 1."""
    lowest = min(int(split.labels.min()) for split in splits.values())
    highest = max(int(split.labels.max()) for split in splits.values())
    if lowest == 1 and highest == classes:
        return "if labels count from 1: `" + "; ".join(f"{y} = {y} - 1" for _, y in pairs.values()) + "`"
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


def _notes(arrays: Arrays, unused: list[str], pairs: dict[str, Pair]) -> Iterator[str]:
    """Yield in sentences what was done to the arrays, and which are not used."""
    if unused:
        yield f"not used: {', '.join(unused)}"
    if validation := pairs.get("validation"):
        yield f"validation images are those of {validation.images}; none are drawn from those to train on"
    if white := [x for x, _ in pairs.values() if arrays[x].dtype == bool]:
        yield f"{', '.join(white)}: of true and false, true is taken for white"
    for _, y in pairs.values():
        if arrays[y].ndim > 1 and arrays[y].shape[1] > 1:
            yield f"{y}: of each row, the place of the 1 is taken for the label"


def _refused(file: Path, array: str, found: str, way_out: str) -> DataError:
    return DataError(f"{file}: {array} {found}; {way_out}")
