"""What people should know of their images before they search on them: said once, and gone on."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from models.data import names
from models.data.images import BRIGHTEST, Images
from models.data.leakage import Leakage

# So many classes are named; of the others there is their number.
NAMED: Final = 3


def remarks(images: Images, leaked: Leakage) -> tuple[str, ...]:
    """Return in sentences what was done to the images, and what is odd about them; mostly nothing."""
    found = [*images.notes, *names.remarks(images.class_names), *_absent(images), *_values(images)]
    if leaked.twofold:
        found.append(f"{leaked.twofold:,} training and validation images are there under more than one class")
    return (*found, *([leaked.text] if leaked.found else ()))


def _absent(images: Images) -> Iterator[str]:
    for split, labels in (("validation", images.validation.labels), ("test", images.test.labels)):
        counts = np.bincount(labels, minlength=len(images.class_names))
        if lacking := [images.class_names[label] for label in np.flatnonzero(counts == 0)]:
            yield f"there is no {split} image of {_listed(lacking)}: how it is told is not judged there"


def _values(images: Images) -> Iterator[str]:
    """Yield what is odd about the values of the training images."""
    pixels = images.train.images.reshape(len(images.train), -1)
    low, high = pixels.min(axis=1), pixels.max(axis=1)
    if flat := int((low == high).sum()):
        yield f"{flat:,} of the {len(pixels):,} training images show nothing: all their pixels have one value"
    if 0 < high.max() <= 1:
        yield (
            f"all pixels of the training images are 0 or 1, where {BRIGHTEST} is white: if 1 is meant to be, multiply "
            f"all images by {BRIGHTEST}"
        )
    labels = images.train.labels
    alike = [
        name
        for label, name in enumerate(images.class_names)
        if len(same := pixels[labels == label]) > 1 and (same == same[0]).all()
    ]
    if alike and flat < len(pixels):
        yield f"all training images of {_listed(alike)} are equal"


def _listed(classes: Sequence[str]) -> str:
    named = ", ".join(map(names.shown, classes[:NAMED]))
    more = f" and {len(classes) - NAMED:,} more" if len(classes) > NAMED else ""
    return f"class {named}{more}"
