"""Which configurations are to begin with."""

import tomllib

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import portfolio
from models.family import Choice
from search.problem import beginnings
from search.system import library_output


@pytest.fixture(autouse=True)
def quiet() -> None:
    """Optuna tells of every study."""
    library_output.libraries()


def test_next_to_the_best_on_average_comes_what_helps_where_that_does_badly() -> None:
    everywhere, second, specialist = [0.9, 0.9, 0.1], [0.8, 0.8, 0.2], [0.1, 0.1, 0.9]
    assert portfolio.portfolio(np.array([second, specialist, everywhere]), 2) == [2, 1]


@given(st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=1, max_size=8), st.integers(1, 9))
def test_none_is_chosen_twice_and_no_more_than_there_are(values: list[list[float]], count: int) -> None:
    found = portfolio.portfolio(np.array(values), count)
    assert len(found) == len(set(found)) == min(count, len(values))


def test_what_one_study_found_is_tried_in_the_others_once() -> None:
    first, other = (optuna.create_study(direction="maximize") for _ in range(2))
    for study, at in ((first, 0.2), (other, 0.7)):
        study.enqueue_trial({"x": at})
        study.optimize(lambda trial, at=at: 1 - abs(trial.suggest_float("x", 0, 1) - at), n_trials=3)
    for _ in range(2):
        portfolio.exchange([first, other], best=1)
    for study in (first, other):
        assert len(study.trials) == 4
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    found = portfolio.together([first, other])
    assert sorted(dict(one)["x"] for one in found) == [0.2, 0.7]
    assert all(len(values) == 2 for values in found.values())


def test_what_is_written_is_read_again() -> None:
    parameters: dict[str, Choice] = dict(beginnings.of("cnn")[0].parameters)
    read = tomllib.loads(portfolio.written("cnn", parameters))["cnn"][0]["parameters"]
    assert read == parameters
    assert [type(value) for value in read.values()] == [type(value) for value in parameters.values()]
