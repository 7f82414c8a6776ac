"""Losses that Keras does not have."""

from collections.abc import Callable

import keras


def contrastive(margin: float) -> Callable[[keras.KerasTensor, keras.KerasTensor], keras.KerasTensor]:
    """Return the loss of distances (n,) and whether each pair is of one class (n,), 1 or 0.

    Hadsell, Chopra and LeCun 2006, eq. 4, without its factor 1/2: equal pairs are drawn together, others are pushed
    apart until their distance is `margin`.
    """

    def loss(same: keras.KerasTensor, distance: keras.KerasTensor) -> keras.KerasTensor:
        return keras.ops.mean(_of_each_pair(keras.ops.cast(same, distance.dtype), distance, margin))

    return loss


def _of_each_pair(same: keras.KerasTensor, distance: keras.KerasTensor, margin: float) -> keras.KerasTensor:
    apart = keras.ops.square(keras.ops.maximum(margin - distance, 0.0))
    return same * keras.ops.square(distance) + (1 - same) * apart


def pair_accuracy(threshold: float) -> Callable[[keras.KerasTensor, keras.KerasTensor], keras.KerasTensor]:
    """Return the metric: share of pairs whose distance is below `threshold` just when they are of one class."""

    def accuracy(same: keras.KerasTensor, distance: keras.KerasTensor) -> keras.KerasTensor:
        judged = keras.ops.cast(distance < threshold, distance.dtype)
        return keras.ops.cast(keras.ops.equal(judged, keras.ops.cast(same, distance.dtype)), distance.dtype)

    return accuracy


def in_batch_contrastive(
    margin: float, equal_share: float
) -> Callable[[keras.KerasTensor, keras.KerasTensor], keras.KerasTensor]:
    """Return the contrastive loss of all pairs that the embeddings (n, d) of a batch with labels (n,) make.

    It is `equal_share` times the mean over equal pairs and the rest times the mean over others, as if so many pairs had
    been drawn equal: as they come, one in ten is where there are ten classes. Pairs of a kind that the batch has none
    of add nothing.
    """

    def loss(labels: keras.KerasTensor, embeddings: keras.KerasTensor) -> keras.KerasTensor:
        same, weights = _all_pairs(labels, equal_share)
        return keras.ops.sum(weights * _of_each_pair(same, _all_distances(embeddings), margin))

    return loss


def in_batch_pair_accuracy(
    threshold: float, equal_share: float
) -> Callable[[keras.KerasTensor, keras.KerasTensor], keras.KerasTensor]:
    """Return the accuracy of all pairs of a batch, which count as they do in the loss; 0 where there are none."""

    def accuracy(labels: keras.KerasTensor, embeddings: keras.KerasTensor) -> keras.KerasTensor:
        same, weights = _all_pairs(labels, equal_share)
        judged = keras.ops.cast(_all_distances(embeddings) < threshold, same.dtype)
        right = weights * keras.ops.cast(keras.ops.equal(judged, same), same.dtype)
        return keras.ops.sum(right) / keras.ops.maximum(keras.ops.sum(weights), keras.config.epsilon())

    return accuracy


def _all_pairs(labels: keras.KerasTensor, equal_share: float) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Return which pairs are of one class, 1 or 0, and what each counts, (n, n); an image and itself are no pair."""
    pair = 1 - keras.ops.eye(keras.ops.shape(labels)[0], dtype="float32")
    same = pair * keras.ops.cast(labels[:, None] == labels[None, :], "float32")
    other = pair - same
    equal, different = (kind / keras.ops.maximum(keras.ops.sum(kind), 1.0) for kind in (same, other))
    return same, equal_share * equal + (1 - equal_share) * different


def _all_distances(embeddings: keras.KerasTensor) -> keras.KerasTensor:
    """Return the distance of each embedding (n, d) to each, (n, n); its slope at zero is kept finite.

    |x - y|^2 = |x|^2 + |y|^2 - 2xy needs no memory for n * n differences, and loses digits where vectors are long and
    close together: hence in float32 whatever the network computes in, and from the middle of the batch.
    """
    vectors = keras.ops.cast(embeddings, "float32")
    # No distance depends on where the middle is.
    vectors = vectors - keras.ops.stop_gradient(keras.ops.mean(vectors, axis=0))
    lengths = keras.ops.sum(keras.ops.square(vectors), axis=1)
    squares = lengths[:, None] + lengths[None, :] - 2 * keras.ops.matmul(vectors, keras.ops.transpose(vectors))
    return keras.ops.sqrt(keras.ops.maximum(squares, keras.config.epsilon()))
