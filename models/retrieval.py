"""Finding the images nearest to an image, and how often they are of its class."""

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors


def nearest(queries: NDArray[np.float32], gallery: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Return the positions of the `k` nearest vectors of the gallery, nearest first, (queries, k)."""
    search = NearestNeighbors(n_neighbors=min(k, len(gallery)), algorithm="brute").fit(gallery)
    positions: NDArray[np.int64] = search.kneighbors(queries, return_distance=False)
    return positions


def recall_at_k(labels: NDArray[np.int64], neighbours: NDArray[np.int64]) -> float:
    """Share of queries with an image of their class among their `neighbours`, given by class, (n, k)."""
    return int((neighbours == labels[:, None]).any(axis=1).sum()) / len(labels)


def vote(neighbours: NDArray[np.int64], classes: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the class most frequent among the neighbours' (n, k), and its share. The nearer one decides a tie."""
    count, k = neighbours.shape
    votes = np.zeros((count, classes))
    np.add.at(votes, (np.arange(count)[:, None], neighbours), 1.0)
    nearness = np.zeros_like(votes)
    np.maximum.at(nearness, (np.arange(count)[:, None], neighbours), np.arange(k, 0, -1) / (k + 1))
    winner = (votes + nearness).argmax(axis=1)
    return winner, votes[np.arange(count), winner] / k
