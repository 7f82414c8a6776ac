"""From what a person typed to images in three splits."""

from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from models.data import fashion_mnist, finding, folder, npz, splits
from models.data.files import at_home
from models.data.images import Collection, DataError, Images
from models.data.ways import EARLIER, EARLIER_WORDS, NOW, Way

ACCEPTED = (
    f"{fashion_mnist.NAME}, a FILE.npz (x_train, y_train, x_test, y_test and, where wanted, x_val, y_val, "
    "class_names; or x and y alone), or a FOLDER (train/<class>/*.png, test/<class>/*.png and, where wanted, "
    "val/<class>/*.png; or <class>/*.png alone)"
)


def load(
    source: str = fashion_mnist.NAME,
    *,
    cache: Path,
    images: int | None = None,
    seed: int = 0,
    digest: str | None = None,
    test_share: float | None = None,
) -> Images:
    """Return the images of `source`; where it has none to validate on, a tenth of the training images is set aside.

    Where it has none to test on, `test_share` of each class are set aside first: always the same ones. `images` takes
    only so many training images, before validation is set aside; the test split stays whole. What has to be downloaded
    is kept under `cache`. `digest` is that of a study that goes on: where an earlier way of reading gives what it was
    begun on, it is read so. Raises `DataError`.
    """
    if seed < 0:
        raise DataError(f"a seed is 0 or more, not {seed}")
    read = partial(_read, source, cache, images, seed, test_share)
    if digest is None or source == fashion_mnist.NAME:
        return read(NOW)
    with suppress(DataError):
        if (now := read(NOW)).digest == digest:
            return now
    with suppress(DataError):
        if (before := read(EARLIER)).digest == digest:
            return replace(before, notes=(EARLIER_WORDS,))
    # Neither way they are what the study was begun on: what is wrong is said of how they are read now.
    return read(NOW)


def _read(source: str, cache: Path, images: int | None, seed: int, share: float | None, way: Way) -> Images:
    collection = _with_test(_collection(source, cache, way), share)
    train, test = collection.train, collection.test
    assert test is not None
    if images is not None:
        train = train.at(splits.subset(train.labels, images, seed))
    validation = collection.validation
    if validation is None:
        fit, aside = splits.validation(train.labels, seed)
        train, validation = train.at(fit), train.at(aside)
    return Images(
        name=collection.name,
        source=collection.source,
        class_names=collection.class_names,
        train=train,
        validation=validation,
        test=test,
        notes=collection.notes,
    )


def _with_test(collection: Collection, share: float | None) -> Collection:
    """Return the same with test images: its own, or a share of each class. Raises `DataError`."""
    if collection.test is not None:
        if share is not None:
            raise DataError(
                f"{collection.source} has test images of its own, of which {share:g} cannot be the share; leave "
                "--test-share out"
            )
        return collection
    share = splits.TEST_SHARE if share is None else share
    kept, aside = splits.test(collection.train.labels, share)
    taken = f"{len(aside):,} images, about {100 * share:.3g} % of each class"
    note = f"{taken}, are set aside as test images: always the same ones"
    return replace(
        collection,
        train=collection.train.at(kept),
        test=collection.train.at(aside),
        notes=(*collection.notes, note),
    )


def _collection(source: str, cache: Path, way: Way) -> Collection:
    if source == fashion_mnist.NAME:
        return finding.find(cache)
    path = at_home(source)
    try:
        if source and path.is_dir():
            return folder.read(path, way)
        if path.suffix.lower() == npz.SUFFIX and path.is_file():
            return npz.read(path, way)
        found = "neither a folder nor an .npz file" if source and path.exists() else "which does not exist"
    except OSError as error:
        raise DataError(f"{source!r} cannot be read: {error}") from error
    raise DataError(f"no images at {source!r}, {found}; give {ACCEPTED}")
