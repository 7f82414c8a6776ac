"""Parts that networks of several families are put together from."""

from typing import Any

import keras
from keras import layers

from models.data.images import Shape
from models.family import Infeasible

# Keras carries no types of its own.
Tensor = Any


def network(inputs: Tensor, outputs: Tensor, name: str | None = None) -> keras.Model:
    """Return the network from `inputs` to `outputs`, not compiled."""
    return keras.Model(inputs, outputs, name=name)


def images(shape: Shape, augmentation: str = "none") -> tuple[Tensor, Tensor]:
    """Return the input, uint8 images as they come, and the same scaled to [0, 1] and varied in training.

    In float32 whatever the layers behind compute in: bfloat16 has fewer shades than a byte, and some variations of an
    image are not there in it.
    """
    source = keras.Input((shape.height, shape.width, shape.channels), dtype="uint8", name="images")
    scaled = layers.Rescaling(1 / 255, dtype="float32")(source)
    for layer in _augmentations(augmentation):
        scaled = layer(scaled)
    return source, scaled


def _augmentations(name: str) -> list[layers.Layer]:
    """Report B, proposals: flips, shifts, rotation and scaling, of the amounts usual for garments."""
    known = {
        "flip": lambda: layers.RandomFlip("horizontal", dtype="float32"),
        "shift": lambda: layers.RandomTranslation(0.1, 0.1, fill_mode="constant", dtype="float32"),
        "rotation": lambda: layers.RandomRotation(0.03, fill_mode="constant", dtype="float32"),
        "zoom": lambda: layers.RandomZoom(0.1, fill_mode="constant", dtype="float32"),
    }
    chosen = {"none": [], "all": list(known)}.get(name, name.split("+"))
    return [known[part]() for part in chosen]


def _penalty(l1: float, l2: float) -> keras.regularizers.Regularizer | None:
    """Return the regulariser of these factors. None where both are zero: it would cost time all the same."""
    return keras.regularizers.L1L2(l1, l2) if l1 or l2 else None


def dense_layers(
    x: Tensor,
    units: tuple[int, ...],
    activation: str,
    *,
    l1: float,
    l2: float,
    batch_norm: bool,
    dropout: float,
) -> Tensor:
    """Return hidden layers: dense, activation, then (where asked for) batch normalisation and dropout."""
    for width in units:
        x = layers.Dense(width, activation=activation, kernel_regularizer=_penalty(l1, l2))(x)
        x = layers.BatchNormalization()(x) if batch_norm else x
        x = drop(x, dropout)
    return x


def convolution(
    x: Tensor,
    filters: int,
    kernel_size: int,
    activation: str,
    *,
    l1: float = 0.0,
    l2: float = 0.0,
    batch_norm: bool = False,
    padding: str = "valid",
) -> Tensor:
    """Return a convolution, its activation and (where asked for) batch normalisation; `valid` padding is none."""
    if padding == "valid":
        _require(x, kernel_size, "convolution")
    penalty = _penalty(l1, l2)
    x = layers.Conv2D(filters, kernel_size, padding=padding, activation=activation, kernel_regularizer=penalty)(x)
    return layers.BatchNormalization()(x) if batch_norm else x


def pooling(x: Tensor, stride: int = 2) -> Tensor:
    """Return the maxima over windows of 2x2, without padding."""
    _require(x, 2, "pooling")
    return layers.MaxPooling2D(2, strides=stride)(x)


def classes(x: Tensor, shape: Shape) -> Tensor:
    """Return the probability of each class. In float32 whatever the layers before compute in."""
    return layers.Dense(shape.classes, activation="softmax", dtype="float32", name="classes")(x)


def temper(network: keras.Model, temperature: float) -> None:
    """Divide what `classes` takes the softmax of by the temperature: the network itself gives calibrated answers."""
    last = network.get_layer("classes")
    last.set_weights([weights / temperature for weights in last.get_weights()])


def flatten(x: Tensor) -> Tensor:
    """Return one vector an image."""
    return layers.Flatten()(x)


def drop(x: Tensor, share: float) -> Tensor:
    """Return `x` with dropout. None where the share is zero: it would cost time all the same."""
    return layers.Dropout(share)(x) if share else x


def _require(x: Tensor, window: int, name: str) -> None:
    height, width = x.shape[1:3]
    if min(height, width) < window:
        raise Infeasible(f"a {name} of {window}x{window} does not fit on what is left of the image, {height}x{width}")


@keras.saving.register_keras_serializable(package="garment-search")
class EuclideanDistance(layers.Layer):
    """Distance of two batches of vectors, (n, d) and (n, d), as (n,)."""

    def call(self, pair: tuple[Tensor, Tensor]) -> Tensor:
        """Return the root of the summed squares; its slope at zero is kept finite."""
        first, second = pair
        squares = keras.ops.sum(keras.ops.square(first - second), axis=1)
        return keras.ops.sqrt(keras.ops.maximum(squares, keras.config.epsilon()))


def embedding(x: Tensor, size: int, activation: str) -> Tensor:
    """Return the vector that stands for an image. In float32: distances are differences of much larger numbers."""
    return layers.Dense(size, activation=activation, dtype="float32", name="embedding")(x)


def twins(branch: keras.Model) -> keras.Model:
    """Return the network of two images and the distance of what `branch` makes of them."""
    first, second = (keras.Input(branch.input.shape[1:], dtype="uint8", name=name) for name in ("first", "second"))
    return keras.Model([first, second], EuclideanDistance(dtype="float32")((branch(first), branch(second))))


def vectors(size: int) -> Tensor:
    """Return the input of a network on features of images."""
    return keras.Input((size,), name="features")
