"""What is said to matter does, by studies of which the truth is known, and chance is not given a name."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, create_trial

from search.analysis import importance
from search.analysis.importance import MOST_TRIALS

SPACE: Mapping[str, BaseDistribution] = {
    **{f"x{number}": FloatDistribution(0, 1) for number in range(8)},
    "switch": CategoricalDistribution((False, True)),
    "depth": IntDistribution(1, 3),
    "units_2": IntDistribution(1, 100),
    "units_3": IntDistribution(1, 100),
}
# From what was drawn, and noise, to a value.
Truth = Callable[[dict[str, Any], float], float]
SEEDS = range(6)


def trials(count: int, truth: Truth, seed: int) -> list[FrozenTrial]:
    """Return trials at random, of which those of a greater depth have more hyperparameters."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(count):
        drawn: dict[str, Any] = {f"x{number}": rng.random() for number in range(8)}
        drawn |= {"switch": bool(rng.integers(2)), "depth": int(rng.integers(1, 4))}
        drawn |= {f"units_{layer}": int(rng.integers(1, 101)) for layer in range(2, drawn["depth"] + 1)}
        distributions = {name: SPACE[name] for name in drawn}
        found.append(create_trial(params=drawn, distributions=distributions, value=truth(drawn, rng.normal())))
    return found


def shares(count: int, truth: Truth, seed: int) -> dict[str, float]:
    return {one.name: one.share for one in importance.of_trials(trials(count, truth, seed))}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_switch_that_decides_between_nothing_and_all_is_given_nearly_all(seed: int) -> None:
    found = shares(20, lambda drawn, noise: 100.0 * drawn["switch"] + noise, seed)
    assert next(iter(found)) == "switch"
    assert found["switch"] > 0.85


@pytest.mark.parametrize("seed", SEEDS)
def test_of_twenty_trials_the_one_that_decides_leads(seed: int) -> None:
    assert next(iter(shares(20, lambda drawn, noise: drawn["x3"] + 0.05 * noise, seed))) == "x3"


def test_chance_is_not_given_a_name() -> None:
    """In one study of twenty it may be."""
    named = [shares(count, lambda _, noise: noise, seed) for count in (20, 60) for seed in range(8)]
    assert sum(map(bool, named)) <= 2


def test_one_that_only_some_trials_have_is_weighed_among_these_and_what_brings_it_for_itself() -> None:
    by_units = shares(100, lambda drawn, noise: drawn.get("units_2", 50) / 100 + 0.05 * noise, 1)
    by_depth = shares(100, lambda drawn, noise: drawn["depth"] + 0.1 * noise, 1)
    assert (next(iter(by_units)), next(iter(by_depth))) == ("units_2", "depth")
    assert not {"units_2", "units_3"} & set(by_depth)


def test_of_two_that_matter_the_greater_comes_first_and_the_spread_holds_the_share() -> None:
    found = importance.of_trials(trials(100, lambda drawn, noise: drawn["x3"] + 0.6 * drawn["x5"] + 0.05 * noise, 2))
    assert [one.name for one in found[:2]] == ["x3", "x5"]
    assert all(0 < one.low <= one.share <= one.high <= 1 for one in found)


def test_the_same_trials_give_the_same_answer() -> None:
    found = trials(30, lambda drawn, noise: drawn["x1"] + 0.1 * noise, 3)
    assert importance.of_trials(found) == importance.of_trials(found)


def test_where_all_values_are_equal_or_nothing_was_varied_none_is_named() -> None:
    assert importance.of_trials(trials(10, lambda _, __: 0.5, 0)) == []
    assert importance.of_trials([create_trial(value=float(number)) for number in range(10)]) == []
    assert importance.of_trials([]) == []


def test_of_ten_thousand_trials_it_takes_no_longer_than_of_what_is_drawn_of_them() -> None:
    def seconds(count: int) -> float:
        found = trials(count, lambda drawn, noise: drawn["x3"] + noise, 0)
        began = time.process_time()
        importance.of_trials(found)
        return time.process_time() - began

    assert seconds(10_000) < 3 * seconds(MOST_TRIALS)
