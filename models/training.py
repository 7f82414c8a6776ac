"""The one loop that trains: an epoch is one compiled call, so that small networks do not wait for Python."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models import optimizers, penalties
from models.batches import evaluation_batch
from models.family import Diverged

# From targets and outputs, (n, ...) each, to a number for each example, (n,).
Metric = Callable[[Any, Any], Any]
# From all images, the positions of an epoch's for each input, and their targets to the means.
EpochFunction = Callable[[tf.Tensor, tuple[tf.Tensor, ...], tf.Tensor], Sequence[tf.Tensor]]


@dataclass(frozen=True, eq=False)
class Draw:
    """The examples of one epoch, in order: for each input of the network positions of images, (n,); targets (n,)."""

    inputs: tuple[NDArray[np.int64], ...]
    targets: NDArray[Any]


def compile_network(network: keras.Model, optimizer: str, loss: Any) -> keras.Model:
    """Return the network, ready to be trained. The learning rate is set epoch by epoch.

    XLA is off: on CPUs it made convolutions two to four times and dropout nine times slower.
    """
    network.compile(optimizer=optimizers.named(optimizer), loss=loss, jit_compile=False)
    return network


def learning_rate(schedule: str, first: float, epoch: int, epochs: int) -> float:
    """Step size of an epoch counted from 0; `cosine` falls along half a wave (Loshchilov and Hutter 2017, eq. 5)."""
    if schedule == "constant":
        return first
    return first * (1 + math.cos(math.pi * epoch / epochs)) / 2


def shuffled(labels: NDArray[np.int64], seed: int) -> Callable[[int], Draw]:
    """Return what draws every image once an epoch, in an order that only `seed` and the epoch decide."""

    def draw(epoch: int) -> Draw:
        order = np.random.default_rng((seed, epoch)).permutation(len(labels))
        return Draw((order,), labels[order])

    return draw


def train(
    network: keras.Model,
    images: NDArray[Any],
    draw: Callable[[int], Draw],
    *,
    batch_size: int,
    metrics: Mapping[str, Metric],
    rate: Callable[[int], float],
    epochs: range,
    validate: Callable[[], dict[str, float]],
) -> Iterator[dict[str, float]]:
    """Train on `images` for these epochs, yielding each one's means, learning rate, seconds and validation.

    The means over all examples are of the `loss`, penalties included, and of `metrics`. Raises `Diverged` where one of
    them or an output is not a finite number. The seconds are those of training alone.
    """
    run_epoch = _epoch_function(network, batch_size, list(metrics.values()))
    resident = _resident(images)
    for epoch in epochs:
        began = time.perf_counter()
        network.optimizer.learning_rate.assign(rate(epoch))
        drawn = draw(epoch)
        means = run_epoch(resident, tuple(tf.constant(rows) for rows in drawn.inputs), tf.constant(drawn.targets))
        trained = dict(zip(("loss", *metrics), map(float, means), strict=True))
        trained |= {"learning_rate": rate(epoch), "seconds": time.perf_counter() - began}
        if not _finite(trained):
            raise Diverged(epoch + 1)
        try:
            validation = validate()
        except FloatingPointError as error:
            # The last step spoilt the weights, of which the losses before it say nothing.
            raise Diverged(epoch + 1) from error
        if not _finite(validation):
            raise Diverged(epoch + 1)
        yield trained | validation


def _finite(metrics: Mapping[str, float]) -> bool:
    return all(math.isfinite(value) for value in metrics.values())


def predict(network: keras.Model, images: NDArray[Any]) -> NDArray[np.float32]:
    """Return the network's output for each image, (n, ...). Raises `FloatingPointError` where it is not finite."""
    batch_size = evaluation_batch(images.shape[1:])
    starts = range(0, len(images), batch_size)
    # What `predict` puts around it takes a tenth of a second each time, which is once an epoch.
    batches = [network.predict_on_batch(images[start : start + batch_size]) for start in starts]
    output: NDArray[np.float32] = np.concatenate(batches)
    if not np.isfinite(output).all():
        raise FloatingPointError(f"the network {network.name} gives outputs that are not finite numbers")
    return output


# What TensorFlow's CPU kernels want the memory of their tensors to begin at.
ALIGNMENT = 64


def _resident(images: NDArray[Any]) -> tf.Tensor:
    """Return the images as a tensor: the very same memory where that can be, which workers share as the file it is."""
    shareable = images.flags.writeable and images.flags.c_contiguous and images.ctypes.data % ALIGNMENT == 0
    if shareable and not tf.config.list_physical_devices("GPU"):
        return tf.experimental.dlpack.from_dlpack(images.__dlpack__())
    return tf.constant(images)


def _epoch_function(network: keras.Model, batch_size: int, metrics: Sequence[Metric]) -> EpochFunction:
    """Compile the loop over an epoch's batches, on images that stay where they are; it returns the means.

    The images are given anew with each call: what a graph holds itself, TensorFlow keeps for as long as it lives.

    Against `fit` on two cores, a fully connected network at batch 32: 1.7 s an epoch instead of 3.3 s. Against a loop
    around Keras's own `train_step`, the same epochs, but 0.7 s instead of 1.3 s until the first one begins: that makes
    variables as it goes, for which TensorFlow traces it twice.
    """
    network.optimizer.build(network.trainable_variables)
    penalties.quicken(network)

    def step(inputs: tuple[tf.Tensor, ...], targets: tf.Tensor) -> list[tf.Tensor]:
        x = inputs if len(inputs) > 1 else inputs[0]
        with tf.GradientTape() as tape:
            outputs = network(x, training=True)
            loss = network.compute_loss(x, targets, outputs)
        gradients = tape.gradient(loss, network.trainable_weights)
        network.optimizer.apply_gradients(zip(gradients, network.trainable_weights, strict=True))
        values = [loss, *(tf.reduce_mean(metric(targets, outputs)) for metric in metrics)]
        return [tf.cast(value, tf.float32) for value in values]

    @tf.function(autograph=False, reduce_retracing=True)
    def run_epoch(images: tf.Tensor, inputs: tuple[tf.Tensor, ...], targets: tf.Tensor) -> list[tf.Tensor]:
        count = tf.shape(targets)[0]

        def batch(start: tf.Tensor, *sums: tf.Tensor) -> tuple[tf.Tensor, ...]:
            rows = slice(start, start + batch_size)
            size = tf.cast(tf.shape(targets[rows])[0], tf.float32)
            values = step(tuple(tf.gather(images, order[rows]) for order in inputs), targets[rows])
            return start + batch_size, *(total + size * value for total, value in zip(sums, values, strict=True))

        zeros = [tf.constant(0.0) for _ in range(1 + len(metrics))]
        _, *sums = tf.while_loop(lambda start, *_: start < count, batch, [tf.constant(0), *zeros])
        return [total / tf.cast(count, tf.float32) for total in sums]

    return run_epoch
