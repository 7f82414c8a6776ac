"""Probabilities mean what they say: a temperature is found again, and errors are counted as they are defined."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import softmax

from models.calibration import BINS, expected_calibration_error, fitted_temperature, tempered

logits = arrays(np.float64, st.tuples(st.integers(1, 20), st.integers(2, 5)), elements=st.floats(-8, 8))


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_the_temperature_of_a_network_that_is_too_sure_or_unsure_is_found(temperature: float) -> None:
    random = np.random.default_rng(0)
    true = random.normal(0, 2, (20_000, 10))
    chances = softmax(true, axis=1)
    labels = np.array([random.choice(10, p=chance) for chance in chances])
    said = softmax(true * temperature, axis=1).astype(np.float32)
    found = fitted_temperature(said, labels)
    assert found == pytest.approx(temperature, rel=0.05)
    right = said.argmax(axis=1) == labels
    assert expected_calibration_error(tempered(said, found).max(axis=1), right) < 0.015
    if temperature != 1.0:
        assert expected_calibration_error(said.max(axis=1), right) > 0.05


@given(logits, st.floats(0.1, 10))
def test_a_temperature_changes_no_order_and_probabilities_stay_probabilities(
    given_logits: np.ndarray, temperature: float
) -> None:
    said = softmax(given_logits, axis=1)
    changed = tempered(said, temperature)
    np.testing.assert_allclose(changed.sum(axis=1), 1)
    order = np.argsort(said, axis=1, kind="stable")
    assert (np.diff(np.take_along_axis(changed, order, axis=1), axis=1) >= -1e-12).all()


@given(logits)
def test_no_temperature_leaves_probabilities_as_they_are(given_logits: np.ndarray) -> None:
    said = softmax(given_logits, axis=1)
    np.testing.assert_allclose(tempered(said, 1.0), said, atol=1e-6)


@given(
    st.integers(1, 60).flatmap(
        lambda count: st.tuples(
            arrays(np.float64, count, elements=st.floats(0, 1)), arrays(np.bool_, count, elements=st.booleans())
        )
    )
)
def test_the_error_is_that_of_its_definition(judged: tuple[np.ndarray, np.ndarray]) -> None:
    confidence, right = judged
    expected = 0.0
    for number in range(BINS):
        top = number == BINS - 1
        inside = ((confidence * BINS).astype(int) == number) | (top & (confidence == 1.0))
        if inside.any():
            expected += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    assert expected_calibration_error(confidence, right) == pytest.approx(expected, abs=1e-12)
