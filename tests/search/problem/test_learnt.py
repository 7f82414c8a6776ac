"""What a study is told of by others."""

import json

import numpy as np
import pytest

import models
from models import space as shared
from models.belief import Around, Mostly
from models.family import Choice
from search.policies.ensemble.coordinates import Coordinates
from search.policies.ensemble.sources import Sources, Traits
from search.policies.samplers.ensemble import coordinates
from search.problem import beginnings, space
from search.problem.learnt import MOST_STARTS, Known, Learnt
from search.problem.resolving import resolve
from search.problem.settings import Place

MLP = beginnings.of("mlp")[0].parameters
FAMILIES = models.names()


def learnt(*several: dict[str, Choice], study: str = "other") -> Learnt:
    return Learnt({study: [Known(f"{study}/{place}", 0.9, {**MLP, **one}) for place, one in enumerate(several)]})


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("other", FAMILIES)
def test_what_is_learnt_of_any_family_is_a_configuration_of_every_other(family: str, other: str) -> None:
    known = Learnt({"other": [Known("other/1", 0.9, beginnings.of(other)[0].parameters)]})
    (start,) = known.starts(family, beginnings.of(family))
    distributions = space.of(models.family(family).suggest)
    assert all(space.contains(distributions[name], value) for name, value in start.parameters.items())
    names = beginnings.of(other)[0].parameters.keys() & start.parameters.keys()
    same = [name for name in names if start.parameters[name] == beginnings.of(other)[0].parameters[name]]
    assert {"optimizer", "learning_rate", "schedule", "batch_norm"} <= set(same)


def test_of_several_studies_the_best_of_each_come_first_and_none_twice() -> None:
    one, other = learnt({}, {"depth": 1}, study="one"), learnt({}, {"dropout": 0.5}, study="other")
    both = Learnt({**one.studies, **other.studies})
    labels = [start.label for start in both.starts("mlp", ())]
    assert [label.split(",")[0] for label in labels] == ["as one/0", "as one/1", "as other/1"]
    many = learnt(*[{"dropout": round(0.02 * step, 2)} for step in range(12)])
    assert len(many.starts("mlp", ())) == MOST_STARTS


def test_it_is_the_same_after_it_was_kept_as_text() -> None:
    known = learnt({}, {"batch_norm": False})
    assert Learnt.of(json.loads(json.dumps(known.data()))) == known


def test_where_good_values_lie_is_where_they_lay_and_nothing_is_ruled_out() -> None:
    rates = [{"optimizer": "sgd", "learning_rate": rate, "dropout": 0.6} for rate in (0.4, 0.5, 0.5, 0.6)]
    belief = learnt(*rates).beliefs("mlp")
    optimizer, rate, dropout = belief("optimizer"), belief("learning_rate"), belief("dropout")
    assert isinstance(optimizer, Mostly)
    assert max(optimizer.weights, key=lambda name: optimizer.weights[name]) == "sgd"
    assert min(optimizer.weights.values()) > 0
    assert isinstance(rate, Around)
    # Ten times what is usual for SGD, and so for Adam.
    assert isinstance(rate.center, dict)
    assert rate.center["adam"] == pytest.approx(10 * shared.USUAL_RATES["adam"], rel=0.01)
    assert isinstance(dropout, Around)
    assert dropout.center == pytest.approx(0.6)


def test_too_few_say_nothing() -> None:
    belief = learnt({"dropout": 0.6}, {"dropout": 0.6}).beliefs("mlp")
    assert belief("dropout") == shared.belief("dropout")


@pytest.mark.parametrize("family", FAMILIES)
def test_what_was_learnt_is_drawn_from(family: str) -> None:
    known = learnt(*[{"activation": "tanh", "dropout": 0.6}] * 8)
    settings = resolve("one", Place.at(None, None, None), {"family": family, "sampler": "ensemble"}, {})
    drawn = _drawn(coordinates(settings, known), "dropout")
    usual = _drawn(coordinates(settings, Learnt()), "dropout")
    assert np.median(drawn) > np.median(usual) + 0.2


def _drawn(place: Coordinates, name: str) -> list[float]:
    points = Sources(place, Traits()).believed(200, np.random.default_rng(0))
    return [float(found[name]) for found in map(place.parameters, points) if name in found]
