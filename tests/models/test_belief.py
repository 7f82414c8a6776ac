"""What is believed of hyperparameters, in words."""

import pytest

from models import space
from models.belief import Around, Belief, Mostly, described


@pytest.mark.parametrize(
    ("belief", "words"),
    [
        (None, ""),
        (Around(0.25, spread=0.2), "near 0.25"),
        (Around(0.5, spread=0.1, of="units_1"), "near 0.5 times units_1"),
        (Around({"adam": 1e-3}, spread=0.1, of="optimizer"), "near what is usual for the optimizer"),
        (Mostly({"relu": 3, "tanh": 2, "sigmoid": 1}), "mostly relu, tanh"),
    ],
)
def test_a_belief_is_told_in_a_few_words(belief: Belief | None, words: str) -> None:
    assert described(belief) == words


def test_layers_follow_each_other_and_what_nobody_knows_anything_of_has_no_belief() -> None:
    assert space.belief("units_3") == Around(0.5, spread=0.12, of="units_2")
    assert space.belief("filters_2") == Around(2.0, spread=0.12, of="filters_1")
    assert space.belief("batch_size") is None
