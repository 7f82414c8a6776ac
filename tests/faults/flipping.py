"""Single bits of images, flipped where the images lie, before a search trains on them."""

import os
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from unittest.mock import patch

import numpy as np

from models import data
from models.data import DataError, fashion_mnist, finding
from tests.faults.searches import make_images


def noticed(folder: Path, seed: int, count: int) -> Iterator[tuple[str, int]]:
    """Yield, for each place where images lie, after how many of `count` flips no wrong image can be trained on."""
    dice = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    own = make_images(folder / "images.npz")
    images = data.load(str(own), cache=folder / "cache")
    shared = data.share(images, folder / "cache")

    def trained_on() -> str:
        # What a search does before its workers begin: it writes anew what is not as it should be.
        return data.open_shared(data.share(images, folder / "cache")).digest

    yield "between processes", _noticed(dice, count, sorted(shared.glob("*.npy")), trained_on)
    yield "in a person's .npz", _noticed(dice, count, [own], lambda: data.load(str(own), cache=folder / "cache").digest)
    if not fashion_mnist.missing(finding.DEBIAN):
        yield "in Fashion-MNIST", _noticed_in_fashion_mnist(dice, folder / "fashion-mnist", count)


def _noticed_in_fashion_mnist(dice: random.Random, folder: Path, count: int) -> int:
    folder.mkdir()
    files = [Path(shutil.copy(finding.DEBIAN / f"{name}.gz", folder)) for name in fashion_mnist.DIGESTS]
    with patch.dict(os.environ, {finding.VARIABLE: str(folder)}):
        return _noticed(dice, count, files, lambda: data.load(cache=folder / "cache").digest)


def _noticed(dice: random.Random, count: int, files: Sequence[Path], digest: Callable[[], str]) -> int:
    """Count the flips after which the images are refused, or are the right ones all the same."""
    right, sizes = digest(), [file.stat().st_size for file in files]
    caught = 0
    for _ in range(count):
        file = dice.choices(files, sizes)[0]
        whole = file.read_bytes()
        damaged = np.frombuffer(whole, np.uint8).copy()
        damaged[dice.randrange(len(whole))] ^= 1 << dice.randrange(8)
        file.write_bytes(damaged.tobytes())
        try:
            caught += digest() == right
        except DataError:
            caught += 1
        file.write_bytes(whole)
    return caught
