"""A frozen ResNet50 and what it makes of images, computed once and kept by content."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from models import arrays, precision, runtime, training, unloadable
from models.data.files import keras_home
from models.data.images import Images, Shape, Split
from models.family import Resources, Unavailable

# What its last pooling leaves of an image.
FEATURES = 2048
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
        # By fractions: of bytes, Keras rounds what it resizes where it is called, and does not in `predict`.
        x = layers.Rescaling(1.0)(source)
        # Keras calls it with `training=True` by itself, and what comes behind would take that for its own.
        x = layers.Resizing(self.image_size, self.image_size)(x, training=False)
        x = layers.Concatenate()([x, x, x]) if shape.channels == 1 else x
        if self.preprocessing == "imagenet":
            x = keras.applications.resnet50.preprocess_input(x)
        else:
            x = layers.Rescaling(1 / 255)(x)
        return keras.Model(source, _base(weights, self.image_size)(x), name="features")

    def features(self, images: Images, resources: Resources) -> Images:
        """Return the images with features, (n, 2048) float32, in place of pixels."""
        folder = resources.cache / "features" / self._key(images, resources.weights)
        network = cache(lambda: self.network(images.shape, resources.weights))

        def featured(name: str, split: Split) -> Split:
            def compute(rows: slice) -> NDArray[np.float32]:
                return training.predict(network(), split.images[rows])

            return replace(split, images=arrays.computed(folder / f"{name}.npy", (len(split), FEATURES), compute))

        return replace(
            images,
            train=featured("train", images.train),
            validation=featured("validation", images.validation),
            test=featured("test", images.test),
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
    return arrays.sha256(file)


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
        wrote = unloadable.written_by(file) if file else ""
        by = f" (Keras {wrote} wrote it, and Keras {keras.__version__} is here)" if wrote else ""
        raise Unavailable(
            f"--weights {weights}{by}: no weights of Keras's ResNet50 without its top: {str(error).splitlines()[0]}; "
            f"give the file that Keras calls {FILE_NAME}"
        ) from error
    base.trainable = False
    return base


def _weights_file(weights: str) -> Path | None:
    return {"imagenet": _imagenet_file, "none": lambda: None}.get(weights, lambda: Path(weights))()


def _imagenet_file() -> Path:
    """Return the file of ImageNet weights, fetched through Keras where its cache does not hold it."""
    from keras.src.applications import resnet

    home = keras_home()
    with suppress(OSError):
        # Where there is none, Keras would take /tmp.
        home.mkdir(parents=True, exist_ok=True)
    try:
        file = keras.utils.get_file(
            FILE_NAME,
            resnet.BASE_WEIGHTS_PATH + FILE_NAME,
            cache_dir=str(home),
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
