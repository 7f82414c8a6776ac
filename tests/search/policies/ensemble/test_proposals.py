"""What is tried next, by what is known."""

import warnings

import numpy as np
import pytest
from threadpoolctl import threadpool_info

import models
from models import space as shared
from search.policies.ensemble.coordinates import Coordinates
from search.policies.ensemble.history import History
from search.policies.ensemble.model import Judgement, Model, observations, usual
from search.policies.ensemble.proposals import SOURCES, Method, Proposals
from search.policies.ensemble.sources import Sources, Traits
from search.problem.scale import Array

RUNGS = (1, 3, 10)
NONE = np.nan


@pytest.fixture(scope="module")
def place() -> Coordinates:
    return Coordinates(models.family("mlp").suggest, shared.belief)


def history(place: Coordinates, values: list[list[float]], sources: list[int] | None = None, given: int = 0) -> History:
    points = Sources(place, Traits()).believed(max(len(values), 1), np.random.default_rng(0))[: len(values)]
    return History(
        points,
        np.array(values).reshape(-1, len(RUNGS)),
        np.array(sources or [0] * len(values), np.int64),
        np.arange(len(values)) < given,
        RUNGS,
    )


def test_of_leaders_those_of_the_highest_rung_come_first_and_those_of_the_first_not_at_all(place: Coordinates) -> None:
    known = history(place, [[0.9, NONE, NONE], [0.5, 0.6, NONE], [0.4, 0.5, 0.55], [0.5, 0.7, NONE], [0.6, 0.6, 0.7]])
    assert known.reached().tolist() == [0, 1, 2, 1, 2]
    assert known.leaders(3).tolist() == [4, 2, 3]
    assert known.leaders(9).tolist() == [4, 2, 3, 1]


def test_what_was_given_leads_by_its_merits_and_not_for_being_trained_to_the_end(place: Coordinates) -> None:
    others = [[0.5, 0.6, NONE], [0.6, 0.7, NONE], [0.55, NONE, NONE]]
    assert history(place, [[0.3, 0.4, 0.5], *others], given=1).leaders(9).tolist() == [2, 1]
    assert history(place, [[0.6, 0.5, 0.5], *others], given=1).leaders(9).tolist() == [2, 1, 0]
    assert history(place, [[0.7, 0.8, 0.9], *others], given=1).leaders(9).tolist() == [0, 2, 1]


def test_nothing_is_drawn_near_a_beginning_that_does_badly(place: Coordinates) -> None:
    others, near = [[0.5, 0.6, NONE], [0.6, 0.7, NONE], [0.55, NONE, NONE]], SOURCES.index("beginnings")
    for first, expected in (([0.3, 0.4, 0.5], False), ([0.7, 0.8, 0.9], True)):
        known = history(place, [first, *others], given=1)
        _, sources = Proposals(place).candidates(known, 100, np.random.default_rng(0))
        assert (near in sources) == expected


def test_success_is_worth_more_the_higher_the_rung(place: Coordinates) -> None:
    known = history(place, [[0.5, 0.9, 0.9], [0.5, 0.8, NONE], [0.5, 0.7, 0.8], [0.9, NONE, NONE]])
    assert known.successes().tolist() == [1.5, 0.0, 0.0, 0.0]


def test_a_source_whose_draws_pay_is_drawn_from_more_often_and_none_is_forgotten(place: Coordinates) -> None:
    leaders = SOURCES.index("leaders")
    good = [[0.5, 0.9 + step / 1000, 0.9] for step in range(20)]
    bad = [[0.5, 0.3, NONE] for _ in range(20)]
    known = history(place, good + bad, [leaders] * 20 + [0] * 20, given=1)
    before = Proposals(place).weights(history(place, []), [True] * 4)
    weights = Proposals(place).weights(known, [True] * 4)
    assert weights.sum() == pytest.approx(1.0)
    assert weights[leaders] > before[leaders]
    assert weights[0] < before[0]
    assert weights.min() >= 0.05


def test_what_is_not_there_yet_is_not_drawn_from(place: Coordinates) -> None:
    weights = Proposals(place).weights(history(place, []), [True, False, False, False])
    assert weights.tolist() == [1.0, 0.0, 0.0, 0.0]


def test_the_model_finds_what_is_good(place: Coordinates) -> None:
    """Accuracy is told to hang on the depth alone, and on the epochs."""
    rng = np.random.default_rng(0)
    points = Sources(place, Traits()).uniform(120, rng)
    depth = place.columns["depth"]

    def values(points: Array) -> Array:
        return np.stack([0.3 + 0.5 * points[:, depth] + 0.05 * rung for rung in range(3)], axis=1)

    known = History(points, values(points), np.zeros(120, np.int64), np.zeros(120, bool), RUNGS)
    model = Model(place, known, Judgement())
    asked = Sources(place, Traits()).uniform(200, rng)
    gain = model.improvement(asked)
    assert gain[asked[:, depth] == 1.0].mean() > 3 * gain[asked[:, depth] < 0.5].mean()


@pytest.mark.parametrize("value", [0.0, 0.7])
def test_where_all_values_are_equal_others_are_proposed_all_the_same(place: Coordinates, value: float) -> None:
    known = history(place, [[value, value, value]] * 20)
    point, _ = Proposals(place).propose(known, np.random.default_rng(0))
    assert not np.isnan(point[place.columns["depth"]])


def test_a_hyperparameter_that_makes_a_difference_is_told_from_those_that_make_none(place: Coordinates) -> None:
    points = Sources(place, Traits()).uniform(100, np.random.default_rng(0))
    values = np.repeat(0.5 + 0.4 * (points[:, [place.columns["batch_norm"]]] == 1), 3, axis=1)
    known = History(points, values, np.zeros(100, np.int64), np.zeros(100, bool), RUNGS)
    one = points[:1].copy()
    one[0, place.columns["batch_norm"]] = 0.0
    better, other = one.copy(), one.copy()
    better[0, place.columns["batch_norm"]] = 1.0
    other[0, place.columns["schedule"]] = 1.0 - other[0, place.columns["schedule"]]
    gain = Model(place, known, Judgement(curiosity=0.1)).improvement(np.concatenate([one, other, better]))
    assert gain[2] > 10 * max(gain[0], gain[1])


def test_how_near_is_near_the_best_goes_by_what_came_first(place: Coordinates) -> None:
    """Later trials lie ever nearer to the best; by their middle, chance would come to count for more."""
    first = [[0.1, NONE, NONE]] * 30
    assert usual(history(place, first + [[0.9, NONE, NONE]] * 90)) == usual(history(place, first)) == 0.1


def test_the_model_judges_on_one_thread(place: Coordinates, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []

    def told(self: Model, points: Array) -> Array:
        threads.extend(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
        return np.zeros(len(points))

    monkeypatch.setattr(Model, "improvement", told)
    known = history(place, [[0.5 + step / 50, NONE, NONE] for step in range(20)])
    Proposals(place).propose(known, np.random.default_rng(0))
    assert set(threads) == {1}


def test_what_is_under_way_is_known_to_be_tried(place: Coordinates) -> None:
    """With many workers, what one trains is not as promising to the next."""
    known = history(place, [[0.5 + step / 50, NONE, NONE] for step in range(20)])
    (other,) = Sources(place, Traits()).believed(1, np.random.default_rng(9))
    waiting = History(
        np.vstack([known.points, other]),
        np.vstack([known.values, [NONE] * 3]),
        np.append(known.sources, 0),
        np.append(known.given, False),
        RUNGS,
    )
    before, after = (Model(place, one, Judgement()).improvement(other[None])[0] for one in (known, waiting))
    assert after < before


def test_a_configuration_of_which_nothing_came_is_as_bad_as_the_worst(place: Coordinates) -> None:
    """Trials that fail or break a limit have no values, and teach all the same."""
    hopeless = [[-np.inf, NONE, NONE]] * 15
    known = history(place, [*hopeless, *[[0.5 + step / 100, 0.6, NONE] for step in range(15)]])
    rows, rungs, values = observations(known, most=500)
    assert len(rows) == len(values) == 45
    assert values[:15].tolist() == [0.5] * 15
    assert rungs[:15].tolist() == [0] * 15


def test_of_a_long_history_the_best_and_the_latest_are_looked_at(place: Coordinates) -> None:
    known = history(place, [[step / 100, NONE, NONE] for step in range(50, 0, -1)])
    *_, values = observations(known, most=20)
    assert sorted(values) == [step / 100 for step in (*range(1, 11), *range(41, 51))]


@pytest.mark.parametrize("without", [(), ("model",), ("leaders",), ("shared",), ("beginnings",)])
def test_what_is_proposed_follows_from_what_is_known(place: Coordinates, without: tuple[str, ...]) -> None:
    known = history(place, [[0.5 + step / 50, 0.6 + step / 50, NONE] for step in range(20)], given=1)
    proposals = Proposals(place, Method(without=without))
    found = [proposals.propose(known, np.random.default_rng(seed)) for seed in (3, 3, *range(30))]
    assert found[0][0].tobytes() == found[1][0].tobytes()
    assert {SOURCES[source] for _, source in found}.isdisjoint(without)
    rows = {tuple(np.nan_to_num(point, nan=-1.0)) for point, _ in found}
    assert len(rows) > len(found) / 2
    assert rows.isdisjoint({tuple(np.nan_to_num(point, nan=-1.0)) for point in known.points})


def test_where_nothing_has_come_of_any_trial_others_are_drawn_without_a_warning(place: Coordinates) -> None:
    known = history(place, [[-np.inf, NONE, NONE]] * 40)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = [SOURCES[Proposals(place).propose(known, np.random.default_rng(seed))[1]] for seed in range(9)]
    assert set(found) == {"random"}
