"""A small stand-in for Fashion-MNIST, and a machine on which none of the usual places has the real one."""

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.data import Images, Split, downloads, fashion_mnist, finding

CLASSES = 10


def idx(array: NDArray[np.uint8]) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape) + array.tobytes()


@pytest.fixture(autouse=True)
def nowhere(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.get_closest_marker("real"):
        return
    monkeypatch.delenv("SEARCH_DATA_DIR", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(finding, "DEBIAN", tmp_path / "debian")
    monkeypatch.setattr(downloads, "WAYS", {})


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The four files of a Fashion-MNIST of 40 and 20 images, whose digests are the pinned ones for now."""
    random = np.random.default_rng(0)
    contents = []
    for size in (40, 20):
        contents += [random.integers(0, 256, (size, 28, 28), np.uint8), np.arange(size, dtype=np.uint8) % CLASSES]
    files = dict(zip(fashion_mnist.DIGESTS, map(idx, contents), strict=True))
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    monkeypatch.setattr(fashion_mnist, "DIGESTS", digests)
    return files


@pytest.fixture
def put(small: dict[str, bytes]) -> Callable[[Path], Path]:
    """Write the four files into a folder, as .gz."""

    def write(folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in small.items():
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        return folder

    return write


@pytest.fixture(scope="session")
def images() -> Images:
    """A few images of three classes, for tests that leave them as they are."""
    random = np.random.default_rng(0)
    splits = [
        Split(random.integers(0, 256, (size, 5, 4, 1), np.uint8), np.arange(size, dtype=np.int64) % 3)
        for size in (12, 6, 3)
    ]
    return Images("some", "made up", ("a", "b", "жакет"), *splits)
