"""How files become images: as they do now, and as they did when studies were begun that go on.

A study's digest decides: `load` falls back on the earlier way only where that gives the images of this digest.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from PIL import Image

from models.data import earlier, names, pictures


@dataclass(frozen=True)
class Way:
    """How a file's content becomes a picture, what a class is called, and what else is read.

    `show` returns a picture of mode L or RGB, and in words what was done to it; it raises what is `UNREADABLE`.
    `validation`: whether images that were set aside for validation by hand are used for it.
    """

    show: Callable[[bytes], tuple[Image.Image, tuple[str, ...]]]
    called: Callable[[str], str]
    validation: bool


def _shown(data: bytes) -> tuple[Image.Image, tuple[str, ...]]:
    image = pictures.decoded(data)
    return pictures.plain(image), tuple(pictures.changes(image))


NOW: Final = Way(_shown, names.settled, validation=True)
EARLIER: Final = Way(lambda data: (earlier.shown(data), ()), str, validation=False)
EARLIER_WORDS: Final = (
    "these images are read as when the study was begun: pictures as they are stored, whatever their EXIF orientation "
    "says, and validation images drawn from those to train on, whatever was set aside by hand; a new study "
    "reads them as is done now"
)
