"""Fashion-MNIST (Xiao, Rasul and Vollgraf 2017, arXiv:1708.07747): what it is, byte for byte."""

import hashlib
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.data.images import Collection, DataError, Split

NAME = "fashion-mnist"
TEST_IMAGES = 10_000

CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

# SHA-256 of what is inside the .gz files: Debian compressed the same bytes anew, so its .gz differ from the authors'.
DIGESTS = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}

LARGEST = 64 * 2**20  # bytes; the largest file holds 47 million. A crafted one is not unpacked for ever.


def missing(folder: Path) -> list[str]:
    """Names of the files that `folder` does not have, neither as .gz nor unpacked. Raises `OSError`."""
    return [f"{name}.gz" for name in DIGESTS if _file(folder, name) is None]


def read(folder: Path, source: str) -> Collection:
    """Return the images of the four files in `folder`. Raises `DataError` unless every byte is as it should be."""
    train_images, train_labels, test_images, test_labels = (_array(folder, name) for name in DIGESTS)
    return Collection(
        name=NAME,
        source=source,
        class_names=CLASS_NAMES,
        train=Split(train_images[..., np.newaxis], train_labels.astype(np.int64)),
        test=Split(test_images[..., np.newaxis], test_labels.astype(np.int64)),
    )


def _file(folder: Path, name: str) -> Path | None:
    return next((file for file in (folder / f"{name}.gz", folder / name) if file.exists()), None)


def _array(folder: Path, name: str) -> NDArray[np.uint8]:
    """Return one IDX file: two zero bytes, type, number of dimensions, each dimension as 4 bytes, then the values."""
    try:
        file = _file(folder, name)
        data = file.read_bytes() if file else b""
    except OSError as error:
        raise DataError(f"{folder / name}.gz cannot be read: {error}") from error
    if file is None:
        raise DataError(f"{folder} has no {name}.gz")
    content = _verified(file, data, name)
    header = 4 + 4 * content[3]
    return np.frombuffer(content, np.uint8, offset=header).reshape(np.frombuffer(content[4:header], ">i4"))


def _verified(file: Path, data: bytes, name: str) -> bytes:
    """Return what `data`, the bytes of `file`, unpack to, if that is what `name` should be."""
    content, flaw = _unpacked(data)
    found = hashlib.sha256(content).hexdigest()
    if found == DIGESTS[name] and not flaw:
        return content
    other = next((f": this is {other}" for other, digest in DIGESTS.items() if digest == found and other != name), "")
    raise DataError(
        f"{file} is not the {name} of Fashion-MNIST{other or flaw}; expected content with SHA-256 {DIGESTS[name]}, "
        f"found {len(content)} bytes with SHA-256 {found}; delete the file, or replace it by the right one"
    )


def _unpacked(data: bytes) -> tuple[bytes, str]:
    """Return as much as can be unpacked, and what is wrong with the rest; bytes that are not gzip come as they are."""
    if not data.startswith(b"\x1f\x8b"):
        return data, ""
    gzip = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        content = gzip.decompress(data, LARGEST)
    except zlib.error as error:
        return data, f": its gzip data are damaged ({error})"
    return content, "" if gzip.eof else ": its gzip data break off before their end"
