"""How everybody but us trains: the family's own network, by Keras's `fit` as it comes."""

from collections.abc import Callable
from typing import Any, cast

import keras

from models import training
from models.classifier import Classifier
from models.data.images import Images, Shape
from models.family import Family


def build(family: Classifier, shape: Shape, seed: int) -> keras.Model:
    """Return the family's network, compiled as everybody would: Keras's optimiser and metric.

    Without XLA, which is Keras's own default where there are only CPUs.
    """
    # Every family that is a classifier builds; what they share does not say so.
    network = cast(Family, family).build(shape, seed)
    network.compile(family.optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    return network


class ToJournal(keras.callbacks.Callback):
    """Hands each epoch's number from 1 and validation accuracy on, with what saves the network."""

    def __init__(self, add: Callable[[int, float, Callable[..., None]], None]) -> None:
        super().__init__()
        self._add = add

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Add the epoch."""
        self._add(epoch + 1, float((logs or {})["val_accuracy"]), self.model.save)


def fit(
    network: keras.Model,
    family: Classifier,
    images: Images,
    *,
    epochs: int,
    start: int = 0,
    stop: int | None = None,
    callbacks: list[Any] | None = None,
) -> dict[str, list[float]]:
    """Train for the epochs `start` to `stop` of a training of `epochs`, and return their metrics.

    The learning rate is the family's, which a schedule may lower over `epochs`; everything else is Keras's default.
    """
    rate = keras.callbacks.LearningRateScheduler(
        lambda epoch: training.learning_rate(family.schedule, family.learning_rate, epoch, epochs)
    )
    history = network.fit(
        images.train.images,
        images.train.labels,
        batch_size=family.batch_size,
        initial_epoch=start,
        epochs=epochs if stop is None else stop,
        validation_data=(images.validation.images, images.validation.labels),
        callbacks=[rate, *(callbacks or [])],
        verbose=0,
    )
    return {name: [float(value) for value in values] for name, values in history.history.items()}
