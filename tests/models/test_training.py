"""The one loop that trains, against Keras's own."""

import numpy as np
import pytest

from models.data.images import Images
from models.family import Diverged
from models.space import OPTIMIZERS
from tests.support import configuration

pytestmark = pytest.mark.usefixtures("tensorflow")


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_an_epoch_gives_the_losses_and_weights_of_keras_fit(bars: Images, optimizer: str) -> None:
    family = configuration("mlp", dropout=0.0, optimizer=optimizer, l1=1e-4, l2=0.001, batch_norm=True)
    ours, theirs = (family.build(bars.shape, seed=1) for _ in range(2))
    (epoch,) = family.fit(ours, bars, epochs=1, seed=5)
    order = np.random.default_rng((5, 0)).permutation(len(bars.train))
    theirs.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    theirs.optimizer.learning_rate = family.learning_rate
    images, labels = bars.train.images[order], bars.train.labels[order]
    history = theirs.fit(images, labels, batch_size=family.batch_size, shuffle=False, verbose=0).history
    assert epoch["loss"] == pytest.approx(history["loss"][0], rel=1e-5)
    assert epoch["accuracy"] == pytest.approx(history["accuracy"][0], rel=1e-6)
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_the_validation_loss_is_that_of_keras_evaluate_penalties_included(bars: Images) -> None:
    family = configuration("mlp", l1=0.01, l2=0.01)
    network = family.build(bars.shape, seed=1)
    (epoch,) = family.fit(network, bars, epochs=1, seed=5)
    network.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    expected = network.evaluate(bars.validation.images, bars.validation.labels, verbose=0, return_dict=True)
    assert epoch["val_loss"] == pytest.approx(expected["loss"], rel=1e-5)
    assert epoch["val_accuracy"] == pytest.approx(expected["accuracy"], rel=1e-6)


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_the_learning_rate_is_a_function_of_the_epoch_alone(schedule: str, bars: Images) -> None:
    family = configuration("mlp", schedule=schedule)

    def rates(start: int) -> list[float]:
        network = family.build(bars.shape, seed=1)
        return [epoch["learning_rate"] for epoch in family.fit(network, bars, epochs=4, seed=5, start=start)]

    assert rates(0)[2:] == rates(2)
    assert rates(0)[0] == family.learning_rate
    assert (rates(0)[3] < 0.2 * family.learning_rate) == (schedule == "cosine")


def test_weights_spoilt_by_the_last_step_of_an_epoch_end_training_in_that_epoch(bars: Images) -> None:
    # All images in one step: the losses before it are finite, the weights after it are not.
    family = configuration("siamese", batch_size=512, optimizer="sgd", learning_rate=1e38, activation="elu")
    network = family.build(bars.shape, seed=1)
    with pytest.raises(Diverged, match="diverged at epoch 1"):
        list(family.fit(network, bars, epochs=2, seed=5))
