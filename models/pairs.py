"""Pairs of images for contrastive learning, and how well distances tell equal pairs from others.

Report A draws its pairs once (`create_pairs`): the first images get a partner of their own class until a number is
reached, all later ones a partner from anywhere. That has four flaws, mended here: which images get an equal partner
depends on the order of the file (here: on a permutation); the pairs are the same in all epochs (here: drawn anew in
each); an image may be paired with itself (here: never); and validation takes the first 2,000 images, of whatever
classes they are (here: the stratified split, with pairs that are the same for every trial).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score


@dataclass(frozen=True, eq=False)
class Pairs:
    """Positions of images, (n,) and (n,), and whether the two are of one class, (n,)."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    same: NDArray[np.bool_]


def draw_pairs(labels: NDArray[np.int64], equal_share: float, seed: int | tuple[int, ...]) -> Pairs:
    """Return one pair for each image, in random order: `equal_share` of them get a partner of their own class.

    The others get any other image, which is of the same class as often as chance has it. An image that is alone in
    its class gets any other, too.
    """
    rng = np.random.default_rng(seed)
    count = len(labels)
    first = rng.permutation(count)
    second = (first + rng.integers(1, count, count)) % count
    equal = np.arange(count) < round(equal_share * count)
    second[equal] = _partners(labels, first[equal], second[equal], rng)
    order = rng.permutation(count)
    first, second = first[order], second[order]
    return Pairs(first, second, labels[first] == labels[second])


def _partners(
    labels: NDArray[np.int64],
    images: NDArray[np.int64],
    otherwise: NDArray[np.int64],
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Return for each of `images` another one of its class, or what stands in `otherwise` where there is none."""
    by_class = np.argsort(labels, kind="stable")
    sizes = np.bincount(labels)
    starts = np.cumsum(sizes) - sizes
    rank = np.empty_like(by_class)
    rank[by_class] = np.arange(len(labels)) - np.repeat(starts, sizes)
    size, start = sizes[labels[images]], starts[labels[images]]
    # A step of 1 to size - 1 around the circle of the class never ends where it began.
    step = 1 + (rng.random(len(images)) * (size - 1)).astype(np.int64)
    found: NDArray[np.int64] = by_class[start + (rank[images] + step) % size]
    return np.where(size > 1, found, otherwise)


def distances(embeddings: NDArray[np.float32], pairs: Pairs) -> NDArray[np.float64]:
    """Return the Euclidean distance of each pair, (n,)."""
    difference = embeddings[pairs.first].astype(np.float64) - embeddings[pairs.second]
    root: NDArray[np.float64] = np.sqrt((difference**2).sum(axis=1))
    return root


def best_threshold(distance: NDArray[np.float64], same: NDArray[np.bool_]) -> float:
    """Return the threshold with the highest accuracy: halfway between two neighbouring distances."""
    order = np.argsort(distance, kind="stable")
    # Right when the k nearest pairs are called equal: equal ones among them, and others beyond.
    right = np.concatenate([[0], np.cumsum(np.where(same[order], 1, -1))]) + np.count_nonzero(~same)
    ends = np.concatenate([[0.0], distance[order], [distance.max() + 1.0]])
    # No threshold parts pairs of the same distance; the lowest possible one calls none equal.
    possible = ends[:-1] < ends[1:]
    possible[0] = True
    k = int(np.where(possible, right, -1).argmax())
    return float((ends[k] + ends[k + 1]) / 2)


def judge(distance: NDArray[np.float64], same: NDArray[np.bool_], threshold: float) -> dict[str, float]:
    """Return accuracy, precision, recall and F1 of "below the threshold means equal"."""
    equal = distance < threshold
    hits, called, there = int((equal & same).sum()), int(equal.sum()), int(same.sum())
    return {
        "accuracy": int((equal == same).sum()) / len(same),
        "precision": hits / max(called, 1),
        "recall": hits / max(there, 1),
        "f1": 2 * hits / max(called + there, 1),
    }


def area_under_curve(distance: NDArray[np.float64], same: NDArray[np.bool_]) -> dict[str, float]:
    """Return the area under the ROC curve as `roc_auc`; nothing where all pairs are of one kind."""
    return {"roc_auc": float(roc_auc_score(same, -distance))} if same.any() and not same.all() else {}
