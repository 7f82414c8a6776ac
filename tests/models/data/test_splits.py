import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data import DataError, splits

Counts = st.lists(st.integers(2, 60), min_size=2, max_size=8)
Seed = st.integers(0, 2**64)


def shuffled(counts: list[int]) -> np.ndarray:
    labels = np.repeat(np.arange(len(counts)), counts)
    return np.random.default_rng(0).permutation(labels)


@given(counts=Counts, seed=Seed)
def test_every_image_is_either_trained_on_or_validated_on(counts: list[int], seed: int) -> None:
    train, aside = splits.validation(shuffled(counts), seed)
    assert sorted([*train, *aside]) == list(range(sum(counts)))


@given(counts=st.lists(st.integers(1, 60), min_size=2, max_size=8).filter(lambda counts: max(counts) > 1), seed=Seed)
def test_a_tenth_of_every_class_is_set_aside(counts: list[int], seed: int) -> None:
    labels = shuffled(counts)
    train, aside = splits.validation(labels, seed)
    for label, count in enumerate(counts):
        share = int(np.sum(labels[aside] == label))
        assert abs(share - count / 10) <= 1
        assert share >= 1 or count == 1
        assert np.sum(labels[train] == label) >= 1


@given(counts=st.lists(st.integers(1, 60), min_size=2, max_size=8), share=st.floats(0.01, 0.5))
def test_each_class_gives_its_share_of_test_images_and_keeps_two(counts: list[int], share: float) -> None:
    labels = shuffled(counts)
    if max(counts) < 3:
        with pytest.raises(DataError, match="no class has three images"):
            splits.test(labels, share)
        return
    kept, aside = splits.test(labels, share)
    assert sorted([*kept, *aside]) == list(range(sum(counts)))
    for label, count in enumerate(counts):
        taken = int(np.sum(labels[aside] == label))
        assert taken == 0 if count < 3 else 1 <= taken <= count - 2
        assert abs(taken - count * share) <= 1 or taken == max(count - 2, 0)


@given(counts=Counts, seed=Seed, data=st.data())
def test_a_subset_has_its_size_and_the_proportions_of_all(counts: list[int], seed: int, data: st.DataObject) -> None:
    labels = shuffled(counts)
    size = data.draw(st.integers(2 * len(counts), len(labels)))
    taken = splits.subset(labels, size, seed)
    shares = np.bincount(labels[taken])
    assert len(set(taken.tolist())) == size
    assert shares.min() >= 2
    if size * min(counts) >= 2 * len(labels):  # nobody is raised to two at the cost of others
        assert np.all(np.abs(shares - np.array(counts) * size / len(labels)) <= 1)


@given(classes=st.integers(2, 6), small=st.integers(2, 10), large=st.integers(2, 10), seed=Seed)
def test_a_larger_subset_contains_the_smaller_one(classes: int, small: int, large: int, seed: int) -> None:
    labels = shuffled([10] * classes)
    less, more = (splits.subset(labels, size * classes, seed) for size in sorted((small, large)))
    assert set(less) <= set(more)


@given(seed=Seed)
def test_the_seed_alone_decides(seed: int) -> None:
    labels = shuffled([50] * 4)
    first, again, other = (splits.validation(labels, value)[1].tolist() for value in (seed, seed, seed + 1))
    assert first == again != other


def test_the_split_never_changes_between_versions() -> None:
    labels = np.arange(60) % 3
    assert splits.validation(labels, seed=0)[1].tolist() == [2, 9, 22, 31, 33, 44]


@pytest.mark.parametrize(("size", "way_out"), [(7, "ask for 8 or more"), (41, "there are 40"), (-1, "8 or more")])
def test_an_impossible_subset_is_refused(size: int, way_out: str) -> None:
    with pytest.raises(DataError, match=way_out):
        splits.subset(shuffled([10] * 4), size, seed=0)


def test_classes_of_one_image_leave_nothing_to_validate_on() -> None:
    with pytest.raises(DataError, match="no class has two images"):
        splits.validation(np.arange(5), seed=0)
