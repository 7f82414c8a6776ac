"""Whether a probability means what it says: temperature scaling, and what is left to be wished (Guo et al. 2017)."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

Probabilities = NDArray[np.floating]
# Where validation has hardly a mistake, nothing else would keep the temperature from zero, and answers from certainty.
COLDEST, HOTTEST = 0.25, 10.0
BINS = 15
# The least probability that is told from none: of a smaller one the logarithm would weigh more than all others.
LEAST = 1e-7


def tempered(probabilities: Probabilities, temperature: float) -> NDArray[np.float64]:
    """Return softmax(logits / temperature), (n, classes), from the softmax of the logits: above 1, it is less sure."""
    logits = np.log(np.maximum(probabilities.astype(np.float64), LEAST)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def fitted_temperature(probabilities: Probabilities, labels: NDArray[np.int64]) -> float:
    """Return the temperature at which the true classes (n,) are likeliest under the probabilities (n, classes).

    They have to be of images that the network was not trained on.
    """
    rows = np.arange(len(labels))

    def loss(logarithm: float) -> float:
        given = tempered(probabilities, float(np.exp(logarithm)))[rows, labels]
        return float(-np.log(np.maximum(given, LEAST)).mean())

    found = minimize_scalar(loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded")
    return float(np.exp(found.x))


def expected_calibration_error(confidence: NDArray[np.floating], right: NDArray[np.bool_]) -> float:
    """Return by how much the confidence (n,) is off on average, over bins of equal width (eq. 3)."""
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    sure = np.bincount(bins, weights=confidence, minlength=BINS)
    correct = np.bincount(bins, weights=right, minlength=BINS)
    return float(np.abs(sure - correct).sum() / len(confidence))
