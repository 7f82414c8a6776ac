"""Images between processes: written once under their digest, then mapped into memory by whoever needs them."""

import json
import logging
from pathlib import Path

import numpy as np

from models.data.files import UNREADABLE, locked, workplace
from models.data.images import SPLITS, DataError, Images, Split

ABOUT = "about.json"

log = logging.getLogger(__name__)


def shared_place(digest: str, cache: Path) -> Path:
    """Return the folder in which images of this digest are shared, if they are."""
    return cache / "data" / digest


def share(images: Images, cache: Path) -> Path:
    """Return the folder from which `open_shared` reads these images.

    Images that are there already are compared by their digest, and written anew where a file was damaged. Raises
    `DataError` where nothing can be written.
    """
    place = shared_place(images.digest, cache)
    shelf = place.parent
    try:
        with locked(shelf):
            if not _holds(place, images):
                with workplace(shelf) as fresh:
                    _write(images, fresh)
                    _put(fresh, place)
    except OSError as error:
        raise DataError(f"{place} cannot be written: {error}; make room there, or choose another place") from error
    return place


def open_shared(place: Path) -> Images:
    """Return the images of a folder that `share` made. They are mapped, not read: this costs milliseconds.

    All who open them share their memory; what one of them writes into it is its own. Nothing is verified here: that is
    what `share` did. Raises `DataError` where the folder cannot be read.
    """
    try:
        about = json.loads((place / ABOUT).read_bytes())
        train, validation, test = (_open(place, name) for name in SPLITS)
        return Images(about["name"], about["source"], tuple(about["class_names"]), train, validation, test)
    except UNREADABLE as error:
        raise DataError(f"{place}: these shared images cannot be read ({error}); share them again") from error


def _open(place: Path, name: str) -> Split:
    arrays = [np.load(place / f"{name}_{part}.npy", mmap_mode="c", allow_pickle=False) for part in ("images", "labels")]
    return Split(*(array.view(np.ndarray) for array in arrays))


def _holds(place: Path, images: Images) -> bool:
    """Whether these very images can be read from `place`, byte for byte."""
    if not place.exists():
        return False
    try:
        found = open_shared(place)
    except DataError as error:
        log.warning("%s", error)
        return False
    if found.digest != images.digest:
        log.warning("%s: these shared images are damaged (digest %s); writing them again", place, found.digest)
        return False
    return (found.name, found.source) == (images.name, images.source)


def _write(images: Images, folder: Path) -> None:
    about = {"name": images.name, "source": images.source, "class_names": images.class_names}
    (folder / ABOUT).write_text(json.dumps(about))
    for name, array in images.arrays():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)


def _put(fresh: Path, place: Path) -> None:
    """Move a whole folder to its place, or its files one by one where somebody may be reading the old ones."""
    if not place.exists():
        fresh.rename(place)
        return
    for file in fresh.iterdir():
        file.replace(place / file.name)
