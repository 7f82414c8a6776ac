"""L1 and L2 penalties that are made in fewer passes over the weights than Keras's.

Keras makes them out of elementary operations, and a gradient of a sum is first an array as large as the weights that
holds one number. With small batches the penalties of a layer take longer than its part of the network.
"""

from typing import Any

import keras
import tensorflow as tf


class Penalty(keras.regularizers.L1L2):
    """Keras's sum of absolute and of squared weights, each times its factor."""

    def __call__(self: Any, weights: Any) -> tf.Tensor:
        """Return the penalty of these weights."""
        return _penalty(tf.convert_to_tensor(weights), self.l1, self.l2)


def _penalty(weights: tf.Tensor, l1: float, l2: float) -> tf.Tensor:
    @tf.custom_gradient
    def summed(weights: tf.Tensor) -> tuple[tf.Tensor, Any]:
        value = tf.zeros((), weights.dtype)
        value += l1 * tf.reduce_sum(tf.abs(weights)) if l1 else 0.0
        value += 2 * l2 * tf.nn.l2_loss(weights) if l2 else 0.0
        return value, slope

    def slope(upstream: tf.Tensor) -> tf.Tensor:
        downhill = -upstream * l1 * tf.sign(weights) if l1 else 0.0
        # Taken away, not added: of sums of three TensorFlow makes an accumulator, which is written four times.
        return upstream * 2 * l2 * weights - downhill if l2 else -downhill

    return summed(weights)


def quicken(network: keras.Model) -> None:
    """Let the network's weights have these penalties in place of Keras's, which is what is saved with it."""
    for variable in network.trainable_variables:
        usual = variable.regularizer
        if isinstance(usual, keras.regularizers.L1L2) and (usual.l1 or usual.l2):
            variable.regularizer = Penalty(usual.l1, usual.l2)
