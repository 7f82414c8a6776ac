"""What a picture shows, for training and for all that asks a network; then its size, its colours, its ground.

`plain` alone decides what a file shows: how it is held, its depth, what is transparent. Images to train on are that,
and nothing else; what a network is asked about is fitted into the frame of these.

Fashion-MNIST was made of photographs (Xiao, Rasul and Vollgraf 2017, section 2): 1. edges trimmed that have the colour
of the corners, 2. the longer side scaled to 28 pixels, 3. sharpened, 4. the shorter side extended to 28, the garment in
the middle, 5. negated, 6. made grey. All of it is done here but 3: where they skipped rows and columns, Lanczos's
filter is used, which leaves less to be sharpened.
"""

import io
import struct
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageChops, ImageOps, ImageStat, UnidentifiedImageError

from models.data import files
from models.data.images import BRIGHTEST, edges

# Those that people have photographs in, and browsers read: fewer decoders are fewer faults.
FORMATS: Final = ("BMP", "GIF", "JPEG", "PNG", "WEBP")
SUFFIXES: Final = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")
# What Pillow raises for files that are no image, cut short, damaged, or far too large: a SyntaxError is its word for a
# broken PNG, other errors get out of its parsers as they are, and its warning is an error where warnings are.
UNREADABLE: Final = (
    *files.UNREADABLE,
    IndexError,
    ZeroDivisionError,
    struct.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
MODES: Final = {1: "L", 3: "RGB"}
# So near to black or white the ground of training images is plain: it is one thing on nothing that they show.
PLAIN: Final = 32
# Xiao et al.: what differs by no more than 5% of the full intensity has the colour of the corners.
CLOSE: Final = 12


def decoded(data: bytes, formats: tuple[str, ...] | None = FORMATS) -> Image.Image:
    """Return the picture in a file's content, read whole, if it is in one of Pillow's `formats`; None: in any.

    The checksums of a PNG are verified: Pillow passes over them when it only loads. Raises what is `UNREADABLE`.
    """
    with _taciturn():
        try:
            with Image.open(io.BytesIO(data), formats=formats) as image:
                image.verify()
        except UnidentifiedImageError as error:
            # Pillow names the object in memory.
            raise ValueError(f"it is in none of the formats {', '.join(formats or FORMATS)}") from error
        image = Image.open(io.BytesIO(data), formats=formats)
        image.load()
    return image


@contextmanager
def _taciturn() -> Iterator[None]:
    """Let Pillow say nothing of damaged EXIF data: the picture is there all the same."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def plain(image: Image.Image) -> Image.Image:
    """Return what a picture shows, in mode L or RGB: held upright, of 8 bits, and opaque."""
    grey = Image.getmodebase(image.mode) == "L"
    return _opaque(_of_eight_bits(_upright(image))).convert("L" if grey else "RGB")


def changes(image: Image.Image) -> Iterator[str]:
    """Yield in words what `plain` does to a picture beyond what its pixels say by themselves."""
    return (words for words, done in CHANGES.items() if done(image))


@dataclass(frozen=True, eq=False)
class Fitted:
    """Images as a network takes them, (n, height, width, channels), and how many of them were negated for it."""

    images: NDArray[np.uint8]
    inverted: int


@dataclass(frozen=True)
class Frame:
    """What pictures are fitted into: images of this size, with 1 or 3 channels.

    `background` is how bright the edges of training images were, from 0 to 255; None where nobody knows, or where they
    were of both kinds, and nothing is negated then. `trim`: whether training images had been cut to what they show, as
    those of Fashion-MNIST.
    """

    height: int
    width: int
    channels: int
    background: int | None = None
    trim: bool = False

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of an image."""
        return self.height, self.width, self.channels

    @property
    def dark(self) -> bool:
        """Whether the edges of training images were rather dark than light."""
        return self.background is not None and self.background < BRIGHTEST / 2

    def picture(self, image: Image.Image) -> Fitted:
        """Return a picture as one image, (1, height, width, channels). Raises what is `UNREADABLE`.

        It is negated where the ground at its edges is light and that of training images was dark, or the other way
        round. A picture that has the size already is neither trimmed nor scaled.
        """
        shown = plain(image).convert(MODES[self.channels])
        ground = edges(np.asarray(shown).reshape(1, shown.height, shown.width, self.channels))
        if shown.size != (self.width, self.height):
            colour = tuple(int(value) for value in np.median(ground, axis=(0, 1)))
            shown = self._scaled(_trimmed(shown) if self.trim else shown, colour)
        pixels = np.asarray(shown).reshape(1, *self.shape)
        return self._turned(pixels, self._unlike(ground))

    def array(self, images: NDArray[np.uint8]) -> Fitted:
        """Return images of an array, (n, any height, any width, 1 or 3), all of one kind.

        Those that have the shape already are taken as they are, or all of them negated.
        """
        if images.shape[1:] == self.shape:
            return self._turned(images, self._unlike(edges(images)))
        mode = MODES[images.shape[3]]
        fitted = [self.picture(Image.fromarray(image.squeeze(2) if mode == "L" else image)) for image in images]
        return Fitted(np.concatenate([one.images for one in fitted]), sum(one.inverted for one in fitted))

    def _unlike(self, ground: NDArray[np.uint8]) -> bool:
        """Whether pixels of a ground lie on the other side than those of training images, if these were plain.

        Asked one by one, this is wrong about 2 of the 70,000 images of Fashion-MNIST, and 2 of their negatives.
        """
        if self.background is None or PLAIN < self.background < BRIGHTEST - PLAIN:
            return False
        return bool(np.median(ground) < BRIGHTEST / 2) != self.dark

    def _turned(self, images: NDArray[np.uint8], negate: bool) -> Fitted:
        return Fitted(BRIGHTEST - images, len(images)) if negate else Fitted(images, 0)

    def _scaled(self, image: Image.Image, ground: tuple[int, ...]) -> Image.Image:
        """Return the image as large as it can be in the frame, in the middle, on its own ground."""
        share = min(self.width / image.width, self.height / image.height)
        width, height = (max(1, round(side * share)) for side in image.size)
        small = image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
        paper = Image.new(image.mode, (self.width, self.height), ground)
        paper.paste(small, ((self.width - width) // 2, (self.height - height) // 2))
        return paper


def _orientation(image: Image.Image) -> int:
    """Return how a picture was held when it was taken, from 1 (upright) to 8; 1 where its EXIF data are damaged."""
    with _taciturn():
        found = image.getexif().get(ExifTags.Base.Orientation, 1)
    return found if found in range(1, 9) else 1


def _upright(image: Image.Image) -> Image.Image:
    return ImageOps.exif_transpose(image) if _orientation(image) > 1 else image


def _hides(image: Image.Image) -> bool:
    """Whether something of a picture is transparent."""
    if not image.has_transparency_data:
        return False
    return image.convert("RGBA").getchannel("A").getextrema() != (BRIGHTEST, BRIGHTEST)


def _of_eight_bits(image: Image.Image) -> Image.Image:
    """Return 16 bits of grey, which Pillow would cut off at 255, in 8; it reads those of colours in 8 itself."""
    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image)
    scaled = values / 257 if image.mode != "I" or values.max() > BRIGHTEST else values
    return Image.fromarray(np.clip(np.rint(scaled), 0, BRIGHTEST).astype(np.uint8))


def _opaque(image: Image.Image) -> Image.Image:
    """Lay what is transparent over black or white, whichever it stands out from."""
    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    seen = image.getchannel("A").point(lambda value: BRIGHTEST * (value > BRIGHTEST // 2))
    bright = seen.getbbox() is not None and ImageStat.Stat(image.convert("L"), mask=seen).mean[0] > BRIGHTEST / 2
    ground = Image.new("RGBA", image.size, "black" if bright else "white")
    return Image.alpha_composite(ground, image).convert("RGB")


CHANGES: Final[Mapping[str, Callable[[Image.Image], bool]]] = {
    "turned upright, as their EXIF orientation says": lambda image: _orientation(image) > 1,
    "brought from 16 bits to 8": lambda image: image.mode.startswith("I"),
    "laid over black or white where they are transparent, whichever they stand out from": _hides,
    "converted from CMYK": lambda image: image.mode == "CMYK",
}


def _trimmed(image: Image.Image) -> Image.Image:
    """Return the image without the edges that have the colour of its corners; whole where it has that all over."""
    corners = np.asarray(image)[[0, 0, -1, -1], [0, -1, 0, -1]].reshape(4, -1)
    colour = tuple(int(value) for value in np.median(corners, axis=0))
    apart = ImageChops.difference(image, Image.new(image.mode, image.size, colour))
    box = apart.point(lambda value: BRIGHTEST * (value > CLOSE)).getbbox()
    return image.crop(box) if box else image
