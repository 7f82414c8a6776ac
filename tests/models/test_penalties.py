"""Penalties in few passes over the weights are Keras's."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.data.images import Images
from models.penalties import Penalty
from tests.support import configuration


def value_and_gradient(penalty: Any, weights: tf.Variable) -> tuple[Any, Any]:
    """Return the penalty of the weights and its gradient, multiplied as those of a loss are that is a mean."""
    with tf.GradientTape() as tape:
        value = 0.25 * penalty(weights)
    return value.numpy(), tape.gradient(value, weights).numpy()


@pytest.mark.parametrize(("l1", "l2"), [(0.01, 0.0), (0.0, 0.01), (1e-6, 1e-2)])
def test_a_penalty_and_its_gradient_are_those_of_keras(l1: float, l2: float, tensorflow: None) -> None:
    weights = tf.Variable(np.random.default_rng(0).normal(size=(30, 20)).astype(np.float32))
    # Absolute values have no slope at zero: Keras takes it for 0 there.
    weights[0].assign(tf.zeros(20))
    mine, slope = value_and_gradient(Penalty(l1, l2), weights)
    theirs, usual = value_and_gradient(keras.regularizers.L1L2(l1, l2), weights)
    assert mine == pytest.approx(theirs, rel=1e-5)
    np.testing.assert_allclose(slope, usual, rtol=1e-5, atol=1e-12)


def test_a_network_is_trained_with_these_penalties_and_saved_with_those_of_keras(bars: Images, tmp_path: Path) -> None:
    family = configuration("mlp", l1=0.01, l2=0.001)
    network = family.build(bars.shape, seed=1)
    assert type(network.trainable_variables[0].regularizer) is keras.regularizers.L1L2
    list(family.fit(network, bars, epochs=1, seed=5))
    assert isinstance(network.trainable_variables[0].regularizer, Penalty)
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras", compile=False)
    assert type(loaded.trainable_variables[0].regularizer) is keras.regularizers.L1L2
    assert float(sum(loaded.losses)) == pytest.approx(float(sum(network.losses)), rel=1e-5)
