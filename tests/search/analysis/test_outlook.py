"""What a search may still gain."""

from datetime import datetime, timedelta

import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from models.family import Goal
from search.analysis import outlook

UP, DOWN = Goal("val_accuracy", "maximize"), Goal("val_loss", "minimize")
BEGAN = datetime(2026, 12, 1)


def trials(*values: float, epochs: int = 10, sign: float = 1.0) -> list[FrozenTrial]:
    """Return trials that ended one after the other; what is below 0.5 was pruned."""
    found = []
    for number, value in enumerate(values):
        complete = value >= 0.5
        trial = create_trial(
            state=TrialState.COMPLETE if complete else TrialState.PRUNED,
            value=sign * value if complete else None,
            intermediate_values=dict.fromkeys(range(1, epochs + 1), value),
        )
        trial.number, trial.datetime_start = number, BEGAN
        trial.datetime_complete = BEGAN + timedelta(minutes=number)
        found.append(trial)
    return found


def test_twice_as_much_brings_about_what_the_last_doubling_has_brought() -> None:
    # After 100 epochs it is 0.04 above where it was after 25, 35 and 50, and a half of that above 71.
    searched = trials(*[0.8] * 5, *[0.82] * 2, *[0.84] * 3)
    pace = (0.02 / 0.5 + 0.04 / 1 + 0.04 / 1.5) / 3
    assert outlook.gain(searched, UP, 10, ahead=100) == pytest.approx(pace)
    assert outlook.gain(searched, UP, 10, ahead=50) == pytest.approx(pace * 0.585, rel=0.01)


def test_what_is_expected_does_not_vanish_with_the_next_trial() -> None:
    gains = [outlook.gain(trials(*[0.8] * 4, *[0.84] * count), UP, 10, ahead=100) for count in range(4, 9)]
    assert all(gain and 0.005 < gain < 0.05 for gain in gains)


def test_it_is_a_gain_whichever_way_the_goal_goes() -> None:
    rising = outlook.gain(trials(*[0.8] * 5, *[0.9] * 5), UP, 10, ahead=100)
    assert rising
    assert outlook.gain(trials(*[0.9] * 5, *[0.8] * 5), DOWN, 10, ahead=100) == pytest.approx(rising)


def test_what_has_not_grown_is_not_expected_to() -> None:
    assert outlook.gain(trials(*[0.8] * 20), UP, 10, ahead=100) == 0.0


@pytest.mark.parametrize("values", [(), (0.8,) * 7, (0.1,) * 20, (*[0.1] * 10, *[0.8] * 10)])
def test_of_too_little_nothing_is_told(values: tuple[float, ...]) -> None:
    """Neither where nothing was complete half-way: what came first says nothing of what is to come."""
    assert outlook.gain(trials(*values), UP, 10, ahead=100) is None


def test_epochs_count_and_not_trials() -> None:
    cheap = trials(*[0.1] * 30, epochs=1)
    searched = trials(*[0.8] * 5, *[0.84] * 3)
    for trial in cheap:
        trial.number += 10
        trial.datetime_complete = BEGAN + timedelta(hours=1)
    assert outlook.gain([*searched, *cheap], UP, 10, ahead=110) == pytest.approx((0.04 / 1 + 0.04 / 1.5) / 3)
