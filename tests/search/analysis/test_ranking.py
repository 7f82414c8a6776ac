"""Who wins among finalists, how sure that is, and who has clearly lost."""

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.analysis.ranking import Scored, Standings

IMAGES = 10_000
# What seeds do to a network of these families: a fifth of a point.
OF_SEEDS = 0.002


def drawn(random: np.random.Generator, chances: Mapping[str, tuple[float, int]]) -> Standings:
    """Return configurations by how much better each is than the first, and its number of seeds."""
    difficulty = random.beta(8, 0.8, IMAGES)
    return Standings(
        [
            Scored(name, np.stack([random.random(IMAGES) < difficulty + more + luck for luck in lucks]))
            for name, (more, seeds) in chances.items()
            for lucks in [random.normal(0, OF_SEEDS, seeds)]
        ]
    )


def test_of_equal_configurations_hardly_one_is_given_up() -> None:
    random = np.random.default_rng(0)
    wrong = sum(bool(drawn(random, dict.fromkeys("abcde", (0.0, 3))).lost()) for _ in range(100))
    assert wrong <= 12


def test_what_is_two_points_worse_is_given_up_after_two_seeds_and_the_best_is_not() -> None:
    random = np.random.default_rng(0)
    chances = {"best": (0.0, 2), "near": (-0.001, 2), "worse": (-0.02, 2), "worst": (-0.05, 2)}
    found = [drawn(random, chances).lost() for _ in range(50)]
    assert sum({"worse", "worst"} <= lost.keys() for lost in found) >= 45
    assert sum("best" in lost for lost in found) <= 1


def test_nobody_is_given_up_after_one_seed() -> None:
    chances = {"best": (0.0, 1), "worst": (-0.2, 1)}
    assert drawn(np.random.default_rng(0), chances).lost() == {}


def test_the_interval_holds_the_mean_nineteen_times_of_twenty() -> None:
    random = np.random.default_rng(0)
    held = 0
    # The expected share of what `drawn` makes, by the same formula on many more images.
    difficulty = random.beta(8, 0.8, 1_000_000)
    expected = np.clip(difficulty, 0, 1).mean()
    for _ in range(100):
        standings = drawn(random, {"one": (0.0, 5), "other": (0.0, 5)})
        held += abs(standings.first.mean - expected) <= standings.margin(standings.first)
    assert held >= 88


def test_those_with_every_seed_stand_before_those_that_were_given_up() -> None:
    right = np.ones((3, 10), dtype=bool)
    standings = Standings([Scored("given up", right[:2]), Scored("left", ~right), Scored("best", right)])
    assert [one.name for one in standings.ranked] == ["best", "left", "given up"]


@given(st.integers(0, 1000), st.integers(1, 4), st.integers(1, 4))
def test_a_lead_is_the_same_seen_from_the_other_side(seed: int, first: int, second: int) -> None:
    random = np.random.default_rng(seed)
    one, other = (Scored(name, random.random((seeds, 50)) < 0.7) for name, seeds in (("a", first), ("b", second)))
    standings = Standings([one, other])
    there, back = standings.lead(one, other), standings.lead(other, one)
    assert there.difference == pytest.approx(-back.difference)
    assert there.margin == pytest.approx(back.margin)
    assert there.p_value == pytest.approx(back.p_value)
    assert there.clear == back.clear
    assert there.sentence == back.sentence or there.difference == 0


def test_equals_are_within_noise_of_each_other() -> None:
    same = Scored("a", np.eye(4, 10, dtype=bool)), Scored("b", np.eye(4, 10, dtype=bool))
    lead = Standings(same).lead(*same)
    assert not lead.clear
    assert "within noise" in lead.sentence
