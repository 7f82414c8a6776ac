"""Optimisers that do a step in few operations do what Keras's do."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from models import optimizers

SHAPES = ((20, 30), (30,))


def after_steps(optimizer: Any, steps: int) -> list[np.ndarray[Any, Any]]:
    """Return weights and state after gradients of very different sizes."""
    dice = np.random.default_rng(0)
    weights = [keras.Variable(dice.normal(size=shape).astype(np.float32)) for shape in SHAPES]
    optimizer.build(weights)
    apply = tf.function(lambda gradients: optimizer.apply_gradients(zip(gradients, weights, strict=True)))
    for _ in range(steps):
        scale = 10 ** dice.uniform(-6, 0)
        apply([tf.constant((scale * dice.normal(size=shape)).astype(np.float32)) for shape in SHAPES])
    return [variable.numpy() for variable in (*weights, *optimizer.variables)]


@pytest.mark.parametrize("kind", optimizers.IN_FEW_OPERATIONS, ids=lambda kind: kind.__name__)
def test_steps_in_few_operations_are_those_of_keras(kind: type[Any], tensorflow: None) -> None:
    mine = after_steps(kind(), steps=100)
    theirs = after_steps(getattr(keras.optimizers, kind.__name__)(), steps=100)
    # The same state, too: else a checkpoint of the one would not go on as the other.
    assert [value.shape for value in mine] == [value.shape for value in theirs]
    for own, usual in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(own, usual, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("kind", optimizers.IN_FEW_OPERATIONS, ids=lambda kind: kind.__name__)
def test_an_optimiser_is_had_by_its_name(kind: type[Any], tensorflow: None) -> None:
    assert isinstance(optimizers.named(kind.__name__.lower()), kind)
    assert isinstance(optimizers.named("sgd"), keras.optimizers.SGD)
