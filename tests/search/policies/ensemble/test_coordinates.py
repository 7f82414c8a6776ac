"""Spaces as arrays, whichever family has them."""

import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import BaseDistribution

import models
from models import space as shared
from models.belief import Around, Belief, Mostly
from models.family import Choice
from search.policies.ensemble.coordinates import Coordinates
from search.policies.ensemble.sources import Sources, Traits
from search.problem import baselines, beginnings, space

FAMILIES = ("mlp", "lenet5", "cnn", "siamese", "resnet50")


def asked_for(family: str, parameters: Mapping[str, Choice]) -> dict[str, BaseDistribution]:
    """Return what a family asks for when it is answered so."""
    asked: dict[str, BaseDistribution] = {}

    def decide(name: str, distribution: BaseDistribution) -> Choice:
        asked[name] = distribution
        return parameters[name]

    space.ask(models.family(family).suggest, decide)
    return asked


def coordinates(family: str, **fixed: object) -> Coordinates:
    pinned = {name: value for name, value in fixed.items() if isinstance(value, int)}
    return Coordinates(models.family(family).suggest, shared.belief, pinned)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_published_configuration_is_the_same_after_it_was_a_row(family: str) -> None:
    place = coordinates(family)
    for parameters in [one.parameters for one in (*beginnings.of(family), *baselines.of(family))]:
        again = place.parameters(place.point(parameters))
        assert again.keys() == parameters.keys()
        for name, value in parameters.items():
            # A number has been through a logarithm.
            same = math.isclose(again[name], value, rel_tol=1e-12) if isinstance(value, float) else again[name] == value
            assert same, name


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_what_is_drawn_is_a_configuration_that_the_family_takes(family: str, seed: int) -> None:
    place, rng = coordinates(family), np.random.default_rng(seed)
    sources = Sources(place, Traits())
    drawn = np.concatenate([sources.uniform(4, rng), sources.believed(4, rng)])
    drawn = np.concatenate([drawn, sources.children(drawn, True, 8, rng), sources.shared(drawn[:4], drawn[4:], 4, rng)])
    assert place.active(drawn).tolist() == (~np.isnan(drawn)).tolist()
    for point in drawn:
        parameters = place.parameters(point)
        asked = asked_for(family, parameters)
        assert asked.keys() == parameters.keys()
        assert all(space.contains(distribution, parameters[name]) for name, distribution in asked.items())
        assert place.point(parameters) == pytest.approx(point, nan_ok=True)


def test_what_hangs_on_another_goes_with_it() -> None:
    """A child whose optimiser changes has the rate that is as usual for the new one as its parent's was for the old."""
    place, rng = coordinates("mlp"), np.random.default_rng(0)
    start = beginnings.of("mlp")[0]
    parent = place.point(start.parameters)[None]
    only_one_changes = Traits(changes=(0.0,), crossed=0.0)
    children = Sources(place, only_one_changes).children(parent, False, 400, rng)
    found = [place.parameters(child) for child in children]
    rates = {child["optimizer"]: child["learning_rate"] for child in found if child["optimizer"] != "adam"}
    assert len(rates) > 3
    for optimizer, rate in rates.items():
        assert rate == pytest.approx(min(shared.USUAL_RATES[optimizer], 1.0))


def test_a_mutation_of_a_number_goes_anywhere_now_and_then() -> None:
    """Where a belief is wrong, all leaders are far from what is good."""
    place, column = coordinates("mlp"), coordinates("mlp").columns["learning_rate"]
    parent = place.point({**beginnings.of("mlp")[0].parameters, "learning_rate": 1e-5})[None]
    narrow = Traits(narrow=0.03, wide=0.0301, changes=(0.0,), crossed=0.0)
    children = Sources(place, narrow).children(parent, False, 2000, np.random.default_rng(0))
    same = children[children[:, place.columns["optimizer"]] == parent[0, place.columns["optimizer"]]]
    assert (same[:, column] > 0.9).any()
    assert (same[:, column] > 0.5).mean() < 0.05


def test_beliefs_name_what_there_is_and_lie_within_its_range() -> None:
    for family in FAMILIES:
        place = coordinates(family)
        for name, scale in zip(place.names, place.scales, strict=True):
            belief = shared.belief(name)
            if isinstance(belief, Mostly):
                assert belief.weights.keys() <= set(scale.choices)
            elif isinstance(belief, Around):
                assert not scale.choices
                assert not belief.of or belief.of in place.columns


def test_what_is_believed_is_drawn_more_often_and_nothing_is_left_out() -> None:
    place, rng = coordinates("mlp"), np.random.default_rng(0)
    drawn = [place.parameters(point) for point in Sources(place, Traits()).believed(4000, rng)]
    penalties = [point["l1"] for point in drawn]
    assert penalties.count(0.0) > 5 * penalties.count(1e-3) > 0
    assert penalties.count(1e-2) > 0
    wrong = [point for point in drawn if abs(math.log10(float(point["learning_rate"]) / usual(point))) > 1.5]
    assert 0 < len(wrong) < 0.2 * len(drawn)


def usual(point: dict[str, str | int | float | bool]) -> float:
    return float(shared.USUAL_RATES[point["optimizer"]])


def test_a_belief_that_hangs_on_what_is_asked_for_later_is_left_alone() -> None:
    def later(name: str) -> Belief | None:
        return Around(0.5, spread=0.1, of="units_1") if name == "depth" else None

    place = Coordinates(models.family("mlp").suggest, later)
    assert place.beliefs == [None] * len(place.names)


def test_what_is_pinned_stays_whatever_its_parents_had() -> None:
    place, rng = coordinates("mlp", depth=2), np.random.default_rng(0)
    deep = coordinates("mlp").parameters(coordinates("mlp").point({"depth": 4}))
    assert deep == {"depth": 4}
    drawn = Sources(place, Traits()).believed(20, rng)
    assert {place.parameters(point)["depth"] for point in drawn} == {2}
    assert {name for point in drawn for name in place.parameters(point)}.isdisjoint({"units_3", "units_4"})
