"""What predictions are worth, against scikit-learn and against brute force."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss, precision_recall_fscore_support

from models import metrics, pairs, retrieval

CLASSES = 4
labelled = st.integers(1, 60).flatmap(
    lambda count: st.tuples(
        arrays(np.int64, count, elements=st.integers(0, CLASSES - 1)),
        arrays(np.int64, count, elements=st.integers(0, CLASSES - 1)),
    )
)


@given(labelled)
def test_figures_from_counts_are_those_of_scikit_learn(pair: tuple[np.ndarray, np.ndarray]) -> None:
    labels, predictions = pair
    counts = metrics.confusion_counts(labels, predictions, CLASSES)
    np.testing.assert_array_equal(counts, confusion_matrix(labels, predictions, labels=range(CLASSES)))
    assert metrics.accuracy(counts) == accuracy_score(labels, predictions)
    expected = precision_recall_fscore_support(labels, predictions, labels=range(CLASSES), zero_division=0)
    for ours, theirs in zip(metrics.per_class(counts).values(), expected[:3], strict=True):
        np.testing.assert_allclose(ours, theirs)


def test_cross_entropy_is_that_of_scikit_learn() -> None:
    probabilities = np.random.default_rng(0).dirichlet(np.ones(CLASSES), 50).astype(np.float32)
    labels = np.arange(50) % CLASSES
    exact = probabilities.astype(np.float64)
    expected = log_loss(labels, exact / exact.sum(axis=1, keepdims=True))
    assert metrics.cross_entropy(probabilities, labels) == pytest.approx(expected, rel=1e-6)


def test_a_probability_that_is_no_number_makes_a_loss_that_is_none() -> None:
    assert np.isnan(metrics.cross_entropy(np.full((2, 2), np.nan, np.float32), np.array([0, 1])))


@given(
    labels=arrays(np.int64, st.integers(2, 60), elements=st.integers(0, 3)),
    share=st.floats(0, 1),
    seed=st.integers(0, 1000),
)
def test_every_image_begins_one_pair_and_none_is_paired_with_itself(
    labels: np.ndarray, share: float, seed: int
) -> None:
    drawn = pairs.draw_pairs(labels, share, seed)
    assert sorted(drawn.first) == list(range(len(labels)))
    assert (drawn.first != drawn.second).all()
    np.testing.assert_array_equal(drawn.same, labels[drawn.first] == labels[drawn.second])


@given(share=st.floats(0, 1), seed=st.integers(0, 1000))
def test_at_least_the_share_asked_for_is_equal(share: float, seed: int) -> None:
    labels = np.arange(200) % 4
    assert pairs.draw_pairs(labels, share, seed).same.sum() >= round(share * 200)


def test_pairs_are_drawn_anew_in_each_epoch() -> None:
    labels = np.arange(100) % 4
    one, other = (pairs.draw_pairs(labels, 0.5, (1, epoch)) for epoch in (0, 1))
    assert (one.second[np.argsort(one.first)] != other.second[np.argsort(other.first)]).any()


def test_which_images_get_an_equal_partner_does_not_depend_on_their_order_in_the_file() -> None:
    labels = np.zeros(1000, np.int64)
    labels[1::2] = 1
    drawn = pairs.draw_pairs(labels, 0.5, 0)
    early = drawn.same[drawn.first < 500].mean()
    late = drawn.same[drawn.first >= 500].mean()
    assert abs(early - late) < 0.1


judged = st.integers(2, 40).flatmap(
    lambda count: st.tuples(arrays(np.float64, count, elements=st.integers(0, 20).map(float)), arrays(np.bool_, count))
)


@given(judged)
def test_no_other_threshold_tells_more_pairs_right(pair: tuple[np.ndarray, np.ndarray]) -> None:
    distance, same = pair
    best = pairs.judge(distance, same, pairs.best_threshold(distance, same))["accuracy"]
    candidates = [0.0, *(distance + 0.5), *(distance - 0.5), distance.max() + 1]
    assert best == max(pairs.judge(distance, same, threshold)["accuracy"] for threshold in candidates)


def test_nearest_neighbours_are_those_of_brute_force() -> None:
    rng = np.random.default_rng(0)
    gallery, queries = rng.normal(size=(80, 5)).astype(np.float32), rng.normal(size=(20, 5)).astype(np.float32)
    distance = np.linalg.norm(queries[:, None] - gallery[None], axis=2)
    np.testing.assert_array_equal(retrieval.nearest(queries, gallery, 5), np.argsort(distance, axis=1)[:, :5])


def test_a_small_gallery_gives_as_many_neighbours_as_it_has() -> None:
    assert retrieval.nearest(np.zeros((2, 3), np.float32), np.eye(3, dtype=np.float32), 5).shape == (2, 3)


def test_the_nearer_class_wins_a_tied_vote() -> None:
    winner, share = retrieval.vote(np.array([[2, 1, 1, 2, 0], [0, 1, 1, 1, 0]]), 3)
    assert winner.tolist() == [2, 1]
    assert share.tolist() == [0.4, 0.6]


def test_recall_counts_queries_with_a_neighbour_of_their_class() -> None:
    assert retrieval.recall_at_k(np.array([0, 1, 2, 3]), np.array([[0, 1], [0, 0], [1, 2], [3, 3]])) == 0.75
