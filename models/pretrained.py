"""A frozen ResNet50 and what it makes of images, computed once and kept by content."""

import fcntl
import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from models import precision, runtime, training
from models.data.images import Images, Shape, Split
from models.family import Resources, Unavailable

log = logging.getLogger(__name__)

FILE_NAME = "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"


@dataclass(frozen=True)
class Extractor:
    """What turns images of a shape into ResNet50's 2,048 features: size in pixels, and how colours are scaled."""

    image_size: int
    preprocessing: str

    def network(self, shape: Shape, weights: str) -> keras.Model:
        """Return the frozen network from uint8 images to features, in float32. Raises `Unavailable`."""
        with precision.computing("float32"):
            return self._network(shape, weights)

    def _network(self, shape: Shape, weights: str) -> keras.Model:
        source = keras.Input((shape.height, shape.width, shape.channels), dtype="uint8", name="images")
        x = layers.Resizing(self.image_size, self.image_size)(source)
        x = layers.Concatenate()([x, x, x]) if shape.channels == 1 else x
        if self.preprocessing == "imagenet":
            x = keras.applications.resnet50.preprocess_input(x)
        else:
            x = layers.Rescaling(1 / 255)(x)
        return keras.Model(source, _base(weights, self.image_size)(x), name="features")

    def features(self, images: Images, resources: Resources) -> Images:
        """Return the images with features, (n, 2048) float32, in place of pixels."""
        folder = resources.cache / "features" / self._key(images, resources.weights)
        with _only_one(folder):
            missing = [name for name, _ in images.splits() if not _holds(folder / f"{name}.npy")]
            if missing:
                network = self.network(images.shape, resources.weights)
                for name in missing:
                    _write(folder / f"{name}.npy", training.predict(network, getattr(images, name).images))

        def opened(name: str, split: Split) -> Split:
            return replace(split, images=np.load(folder / f"{name}.npy", mmap_mode="c", allow_pickle=False))

        return replace(
            images,
            train=opened("train", images.train),
            validation=opened("validation", images.validation),
            test=opened("test", images.test),
        )

    def _key(self, images: Images, weights: str) -> str:
        parts = (
            images.digest,
            weights_digest(weights),
            self.preprocessing,
            str(self.image_size),
            keras.__version__,
        )
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def weights_digest(weights: str) -> str:
    """Return what identifies the weights: SHA-256 of the file they are read from, or `random`."""
    file = _weights_file(weights)
    if file is None:
        return "random"
    return _sha256(file)


def _base(weights: str, size: int) -> keras.Model:
    """Return ResNet50 without its classifier, globally pooled, frozen."""
    if weights == "none":
        runtime.seed(0)
    file = _weights_file(weights)
    try:
        base = keras.applications.ResNet50(
            include_top=False,
            weights=str(file) if file else None,
            input_shape=(size, size, 3),
            pooling="avg",
            name="resnet50",
        )
    except (ValueError, OSError) as error:
        raise Unavailable(
            f"--weights {weights}: no weights of Keras's ResNet50 without its top: {str(error).splitlines()[0]}; "
            f"give the file that Keras calls {FILE_NAME}"
        ) from error
    base.trainable = False
    return base


def _weights_file(weights: str) -> Path | None:
    return {"imagenet": _imagenet_file, "none": lambda: None}.get(weights, lambda: Path(weights))()


def _imagenet_file() -> Path:
    """Return the file of ImageNet weights, fetched through Keras where its cache does not hold it."""
    from keras.src.applications import resnet

    try:
        file = keras.utils.get_file(
            FILE_NAME,
            resnet.BASE_WEIGHTS_PATH + FILE_NAME,
            cache_subdir="models",
            file_hash=resnet.WEIGHTS_HASHES["resnet50"][1],
        )
    # Keras raises a plain Exception for every address that cannot be reached.
    except Exception as error:
        raise Unavailable(
            "ResNet50's ImageNet weights are not in Keras's cache and cannot be fetched "
            f"({str(error).splitlines()[0]}); copy {FILE_NAME} from a machine that has it to ~/.keras/models, or give "
            "it with --weights FILE (--weights none trains on random features, for tests only)"
        ) from error
    return Path(file)


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Let one process at a time compute what belongs into `folder`; the others find it there."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(file: Path, array: NDArray[np.float32]) -> None:
    """Write an array and its digest, so that a file with its name is always whole."""
    partial = file.with_suffix(f".{os.getpid()}.partial")
    with partial.open("wb") as stream:
        np.save(stream, array, allow_pickle=False)
    _digest_of(file).write_text(_sha256(partial))
    partial.replace(file)


def _holds(file: Path) -> bool:
    """Whether the features are there, and are what was computed."""
    if not file.exists():
        return False
    stat = file.stat()
    whole = _is_whole(file, stat.st_mtime_ns, stat.st_size)
    if not whole:
        log.warning("%s: these features are damaged; computing them again", file)
    return whole


@cache
def _is_whole(file: Path, changed: int, size: int) -> bool:  # noqa: ARG001  # these say whether to ask again
    """Whether a file has the digest beside it: asked once a process, since it takes half a second for 70,000 images."""
    try:
        return _digest_of(file).read_text() == _sha256(file)
    except (OSError, ValueError):
        return False


def _digest_of(file: Path) -> Path:
    return file.with_suffix(".sha256")


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
