"""What predictions are worth: pure functions of arrays."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
# Of more classes nobody reads figures one by one, and a store of runs takes seconds for them.
MOST_CLASSES = 50


def confusion_counts(labels: NDArray[np.int64], predictions: NDArray[np.int64], classes: int) -> Counts:
    """Images by true class (row) and predicted class (column), (classes, classes)."""
    return np.bincount(labels * classes + predictions, minlength=classes * classes).reshape(classes, classes)


def accuracy(counts: Counts) -> float:
    """Share of images whose class was predicted."""
    return int(np.trace(counts)) / int(counts.sum())


def per_class(counts: Counts) -> dict[str, NDArray[np.float64]]:
    """Precision, recall and F1 of each class, (classes,). Zero where a class was never predicted or never there."""
    hits = np.diag(counts).astype(np.float64)
    precision = hits / np.maximum(counts.sum(axis=0), 1)
    recall = hits / np.maximum(counts.sum(axis=1), 1)
    f1 = 2 * hits / np.maximum(counts.sum(axis=0) + counts.sum(axis=1), 1)
    return {"precision": precision, "recall": recall, "f1": f1}


def classification(counts: Counts, class_names: Sequence[str]) -> dict[str, float]:
    """Accuracy, and precision, recall and F1: macro, and by class as `f1.Shirt` where there are not too many.

    A class without images in the split has no figures, and no part in the macro averages.
    """
    there = counts.sum(axis=1) > 0
    named = np.flatnonzero(there).tolist() if len(counts) <= MOST_CLASSES else []
    metrics = {"accuracy": accuracy(counts)}
    for name, values in per_class(counts).items():
        metrics[f"{name}_macro"] = float(values[there].mean())
        metrics |= {f"{name}.{class_names[c]}": float(values[c]) for c in named}
    return metrics


def cross_entropy(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Mean of -log of the probability given to the true class, clipped at 1e-7 as Keras does."""
    given = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    # Two comparisons keep a NaN a NaN, which np.clip would as well; said so because divergence is judged by it.
    return float(-np.log(np.clip(given, 1e-7, 1.0)).mean())
