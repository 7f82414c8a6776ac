"""From what a person typed to images in three splits."""

from pathlib import Path

from models.data import fashion_mnist, finding, folder, npz, splits
from models.data.files import at_home
from models.data.images import Collection, DataError, Images

ACCEPTED = (
    f"{fashion_mnist.NAME}, a FILE.npz (x_train, y_train, x_test, y_test and, where wanted, class_names), "
    "or a FOLDER (train/<class>/*.png, test/<class>/*.png)"
)


def load(source: str = fashion_mnist.NAME, *, cache: Path, images: int | None = None, seed: int = 0) -> Images:
    """Return the images of `source`, a tenth of the training images set aside for validation.

    `images` takes only so many training images, before validation is set aside; the test split stays whole. What has
    to be downloaded is kept under `cache`. Raises `DataError`.
    """
    if seed < 0:
        raise DataError(f"a seed is 0 or more, not {seed}")
    collection = _collection(source, cache)
    train = collection.train
    if images is not None:
        train = train.at(splits.subset(train.labels, images, seed))
    fit, aside = splits.validation(train.labels, seed)
    return Images(
        name=collection.name,
        source=collection.source,
        class_names=collection.class_names,
        train=train.at(fit),
        validation=train.at(aside),
        test=collection.test,
    )


def _collection(source: str, cache: Path) -> Collection:
    if source == fashion_mnist.NAME:
        return finding.find(cache)
    path = at_home(source)
    try:
        if source and path.is_dir():
            return folder.read(path)
        if path.suffix == ".npz" and path.is_file():
            return npz.read(path)
        found = "neither a folder nor an .npz file" if source and path.exists() else "which does not exist"
    except OSError as error:
        raise DataError(f"{source!r} cannot be read: {error}") from error
    raise DataError(f"no images at {source!r}, {found}; give {ACCEPTED}")
