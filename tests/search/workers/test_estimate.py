"""What a search will roughly take, said before it begins."""

from collections.abc import Callable

import pytest

import models
from models.data import Images
from search.problem.settings import Settings
from search.workers.estimate import estimate, least_megabytes
from tests.support import PLAN, make_images

Settle = Callable[..., Settings]


@pytest.mark.parametrize("name", models.names())
def test_twice_the_trials_take_about_twice_as_long(name: str, settle: Settle, bars: Images) -> None:
    settings = settle(name, trials=100)
    once, twice = (estimate(settings, PLAN, bars, trials).seconds for trials in (50, 100))
    assert 1.3 * once < twice < 2.1 * once


def test_a_timeout_bounds_the_time(settle: Settle, bars: Images) -> None:
    assert estimate(settle(trials=100, timeout=30.0), PLAN, bars, 100).seconds == 30


def test_a_search_for_a_time_takes_that_time_and_writes_more_the_longer_it_is(settle: Settle, bars: Images) -> None:
    short, long = (estimate(settle(trials=None, timeout=60.0 * n), PLAN, bars, None) for n in (10, 100))
    assert (short.seconds, long.seconds) == (600, 6000)
    assert 5 * short.megabytes < long.megabytes < 15 * short.megabytes
    assert 5 * short.epochs < long.epochs < 15 * short.epochs


def test_baselines_count_with_the_reports_own_epochs(settle: Settle, bars: Images) -> None:
    settings = settle(trials=21, baselines="all", epochs=1)
    assert estimate(settings, PLAN, bars, 21).epochs == 21 * 20


def test_models_that_are_removed_take_no_room(settle: Settle, bars: Images) -> None:
    everything, best = (estimate(settle(trials=50, keep=keep), PLAN, bars, 50).megabytes for keep in (0, 3))
    assert best + 40 * models.family("mlp").cost.model_megabytes < everything


def test_larger_images_and_more_of_them_take_longer(settle: Settle, bars: Images) -> None:
    settings = settle("cnn", trials=10)
    larger, more = make_images(height=56, width=56), make_images(train=3200)
    assert (
        estimate(settings, PLAN, larger, 10).first_epoch_seconds
        > estimate(settings, PLAN, bars, 10).first_epoch_seconds
    )
    assert (
        estimate(settings, PLAN, more, 10).first_epoch_seconds > estimate(settings, PLAN, bars, 10).first_epoch_seconds
    )


@pytest.mark.parametrize("name", models.names())
def test_what_must_be_free_is_less_than_what_a_long_search_takes_and_more_than_a_model(
    name: str, settle: Settle, bars: Images
) -> None:
    settings = settle(name, trials=200)
    assert (
        models.family(name).cost.model_megabytes
        < least_megabytes(settings, PLAN)
        < estimate(settings, PLAN, bars, 200).megabytes
    )
