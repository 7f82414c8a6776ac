"""Two trials judged on the same images."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from search.analysis.paired import Judged, Paired, pair
from search.system.errors import UsageError

NAMES = ("coat", "shirt", "сапог")


def judged(name: str, labels: list[int], predictions: list[int]) -> Judged:
    return Judged(name, NAMES, np.array(labels), np.array(predictions), np.ones(len(labels)))


@st.composite
def judgements(draw: st.DrawFn) -> tuple[Judged, Judged]:
    count = draw(st.integers(1, 60))
    labels, first, second = (draw(st.lists(st.integers(0, 2), min_size=count, max_size=count)) for _ in range(3))
    return judged("mlp/1", labels, first), judged("cnn/2", labels, second)


@given(judgements())
def test_the_difference_is_that_of_the_accuracies_and_classes_make_up_the_whole(
    both: tuple[Judged, Judged],
) -> None:
    first, second = both
    found = pair(first, second)
    assert found.overall.difference == pytest.approx(second.right.mean() - first.right.mean())
    for kind in ("both", "first_only", "second_only", "neither"):
        assert sum(getattr(counts, kind) for counts in found.classes.values()) == getattr(found.overall, kind)
    assert 0 < found.overall.p_value <= 1
    assert set(found.clear) <= set(found.classes)
    assert found.sentences()


@given(judgements())
def test_the_standard_error_is_that_of_a_mean_of_differences_image_by_image(both: tuple[Judged, Judged]) -> None:
    first, second = both
    each = second.right.astype(float) - first.right
    assert pair(first, second).overall.standard_error == pytest.approx(each.std() / np.sqrt(len(each)), abs=1e-9)


@given(st.integers(0, 40), st.integers(0, 40))
def test_the_chance_is_that_of_as_uneven_a_toss_of_coins(first_only: int, second_only: int) -> None:
    found = Paired(both=100, first_only=first_only, second_only=second_only, neither=7)
    tosses = first_only + second_only
    assert found.p_value == pytest.approx(binomtest(first_only, tosses).pvalue if tosses else 1.0)
    assert found.p_value == Paired(100, second_only, first_only, 7).p_value


def test_a_lead_within_noise_is_called_that() -> None:
    labels = [0] * 50 + [1] * 50
    found = pair(judged("mlp/1", labels, labels), judged("cnn/2", labels, [*labels[:-3], 0, 0, 0]))
    assert "mlp/1 and cnn/2 are within noise of each other: 3.00 ± 1.71 points on 100 images" in found.sentences()
    assert "In no single class is the difference more than noise." in found.sentences()


def test_a_clear_lead_is_said_with_the_classes_that_were_gained_and_lost() -> None:
    labels = [0] * 100 + [1] * 100 + [2] * 100
    first = [1] * 60 + [0] * 40 + [1] * 100 + [2] * 100
    second = [0] * 100 + [0] * 20 + [1] * 80 + [2] * 99 + [0]
    found = pair(judged("mlp/1", labels, first), judged("cnn/2", labels, second))
    assert "cnn/2 is better than mlp/1 by 13.00 ± " in found.sentences()
    assert (
        "cnn/2 gains 60.0 points of recall on coat, and loses 20.0 points of recall on shirt; the" in found.sentences()
    )
    # One image of a hundred is no sign of anything.
    assert "сапог" not in found.sentences()


def test_trials_that_judged_other_images_are_not_compared() -> None:
    with pytest.raises(UsageError, match="were not judged on the same images"):
        pair(judged("mlp/1", [0, 1, 2], [0, 1, 2]), judged("cnn/2", [0, 1, 1], [0, 1, 1]))


def test_of_many_classes_an_error_names_a_few() -> None:
    many = tuple(f"class {label}" for label in range(1000))
    one, other = (Judged("mlp/1", many[:length], *[np.zeros(1, np.int64)] * 2, np.ones(1)) for length in (1000, 999))
    with pytest.raises(UsageError, match="class 11 and 988 more, and 1 of class 0, .* and 987 more;") as refused:
        pair(one, other)
    assert len(str(refused.value)) < 500
