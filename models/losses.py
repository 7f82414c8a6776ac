"""Losses that Keras does not have."""

from collections.abc import Callable

import keras


def contrastive(margin: float) -> Callable[[keras.KerasTensor, keras.KerasTensor], keras.KerasTensor]:
    """Return the loss of distances (n,) and whether each pair is of one class (n,), 1 or 0.

    Hadsell, Chopra and LeCun 2006, eq. 4, without its factor 1/2: equal pairs are drawn together, others are pushed
    apart until their distance is `margin`.
    """

    def loss(same: keras.KerasTensor, distance: keras.KerasTensor) -> keras.KerasTensor:
        same = keras.ops.cast(same, distance.dtype)
        apart = keras.ops.square(keras.ops.maximum(margin - distance, 0.0))
        return keras.ops.mean(same * keras.ops.square(distance) + (1 - same) * apart)

    return loss


def pair_accuracy(threshold: float) -> Callable[[keras.KerasTensor, keras.KerasTensor], keras.KerasTensor]:
    """Return the metric: share of pairs whose distance is below `threshold` just when they are of one class."""

    def accuracy(same: keras.KerasTensor, distance: keras.KerasTensor) -> keras.KerasTensor:
        judged = keras.ops.cast(distance < threshold, distance.dtype)
        return keras.ops.cast(keras.ops.equal(judged, keras.ops.cast(same, distance.dtype)), distance.dtype)

    return accuracy
