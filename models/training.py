"""The one loop that trains: an epoch is one compiled call, so that small networks do not wait for Python."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.family import Diverged

EVALUATION_BATCH = 1000


@dataclass(frozen=True, eq=False)
class Draw:
    """The examples of one epoch, in order: for each input of the network positions of images, (n,); targets (n,)."""

    inputs: tuple[NDArray[np.int64], ...]
    targets: NDArray[Any]


def compile_network(network: keras.Model, optimizer: str, loss: Any, metrics: list[Any]) -> keras.Model:
    """Return the network, ready to be trained. The learning rate is set epoch by epoch.

    XLA is off: on CPUs it made convolutions two to four times and dropout nine times slower.
    """
    network.compile(optimizer=optimizer, loss=loss, metrics=metrics, jit_compile=False)
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
    rate: Callable[[int], float],
    epochs: range,
    validate: Callable[[], dict[str, float]],
) -> Iterator[dict[str, float]]:
    """Train on `images` for these epochs, yielding each one's mean metrics, learning rate, seconds and validation.

    Raises `Diverged` where a metric or an output is not a finite number. The seconds are those of training alone.
    """
    run_epoch = _epoch_function(network, images, batch_size)
    for epoch in epochs:
        began = time.perf_counter()
        network.optimizer.learning_rate.assign(rate(epoch))
        drawn = draw(epoch)
        network.reset_metrics()
        run_epoch(tuple(tf.constant(rows) for rows in drawn.inputs), tf.constant(drawn.targets))
        metrics = {name: float(value) for name, value in network.get_metrics_result().items()}
        metrics |= {"learning_rate": rate(epoch), "seconds": time.perf_counter() - began}
        if not _finite(metrics):
            raise Diverged(epoch + 1)
        try:
            validation = validate()
        except FloatingPointError as error:
            # The last step spoilt the weights, of which the losses before it say nothing.
            raise Diverged(epoch + 1) from error
        if not _finite(validation):
            raise Diverged(epoch + 1)
        yield metrics | validation


def _finite(metrics: Mapping[str, float]) -> bool:
    return all(math.isfinite(value) for value in metrics.values())


def predict(network: keras.Model, images: NDArray[Any]) -> NDArray[np.float32]:
    """Return the network's output for each image, (n, ...). Raises `FloatingPointError` where it is not finite."""
    output: NDArray[np.float32] = network.predict(images, batch_size=EVALUATION_BATCH, verbose=0)
    if not np.isfinite(output).all():
        raise FloatingPointError(f"the network {network.name} gives outputs that are not finite numbers")
    return output


def _epoch_function(network: keras.Model, images: NDArray[Any], batch_size: int) -> Callable[..., None]:
    """Compile the loop over an epoch's batches, on images that stay where they are.

    Against `fit` on two cores, a fully connected network at batch 32: 1.7 s an epoch instead of 3.3 s.
    """
    resident = tf.constant(images)

    @tf.function(reduce_retracing=True)
    def run_epoch(inputs: tuple[tf.Tensor, ...], targets: tf.Tensor) -> None:
        for start in tf.range(0, tf.shape(targets)[0], batch_size):
            stop = start + batch_size
            batch = tuple(tf.gather(resident, rows[start:stop]) for rows in inputs)
            network.train_step((batch if len(batch) > 1 else batch[0], targets[start:stop]))

    return run_epoch
