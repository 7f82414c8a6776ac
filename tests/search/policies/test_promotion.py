"""Trials that go on as soon as they are among the best of those that have come as far."""

from collections.abc import Sequence
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import FrozenTrial, TrialState

from models.family import Goal
from search.policies.answers import Answer, Verdicts
from search.policies.promotion import Promotion

GOAL = Goal("val_accuracy", "maximize")
RUNGS = (1, 3, 9)


def frozen(number: int) -> FrozenTrial:
    now = datetime(2026, 1, 1)
    return FrozenTrial(number, TrialState.RUNNING, None, now, None, {}, {}, {}, {}, {}, number)


def promotion(goal: Goal = GOAL, waiting: int = 24) -> Promotion:
    return Promotion(RUNGS, 3, goal, waiting)


def come(among: Promotion, values: Sequence[float], step: int = 1) -> list[Answer]:
    """Let trials come to a rung, one after the other; those that have to wait do."""
    answers = []
    for number, value in enumerate(values):
        among.enter(number)
        answers.append(among.report(frozen(number), step, value))
        if answers[-1] == Answer.PAUSE:
            among.park(number)
    return answers


def test_the_leader_of_a_rung_never_waits_once_it_is_compared_with_two_others() -> None:
    assert come(promotion(), [0.1, 0.2, 0.3, 0.4]) == [Answer.PAUSE, Answer.PAUSE, Answer.GO_ON, Answer.GO_ON]


def test_at_last_the_best_goes_on_however_few_have_come() -> None:
    among = promotion()
    come(among, [0.1, 0.2])
    assert among.decide(closed=False) == Verdicts()
    assert among.decide(closed=True) == Verdicts((1,), {})


def test_what_is_not_among_the_best_third_waits_until_it_is() -> None:
    among = promotion()
    assert come(among, [0.9, 0.5, 0.4, 0.3, 0.2]) == [Answer.PAUSE] * 5
    assert among.decide(closed=False).promoted == (0,)
    assert among.decide(closed=False).promoted == ()
    among.enter(5)
    assert among.report(frozen(5), 1, 0.1) == Answer.PAUSE
    # Of six, two may go on.
    assert among.decide(closed=False).promoted == (1,)
    assert among.decide(closed=False).promoted == ()


def test_a_goal_that_is_minimised_lets_the_lowest_go_on() -> None:
    among = promotion(Goal("val_loss", "minimize"))
    assert come(among, [0.5, 0.9, 0.4]) == [Answer.PAUSE, Answer.PAUSE, Answer.GO_ON]


def test_what_a_search_begins_with_never_waits_and_others_are_compared_with_it() -> None:
    among = promotion()
    among.enter(0)
    among.report(frozen(0), 1, 0.9)
    among.enter(1, given=True)
    assert among.report(frozen(1), 1, 0.1) == Answer.GO_ON
    among.enter(2)
    assert among.report(frozen(2), 1, 0.5) == Answer.PAUSE


def test_who_goes_on_tells_again_of_what_was_trained_and_is_not_asked_to_wait_again() -> None:
    among = promotion()
    come(among, [0.9, 0.5, 0.4, 0.3, 0.2, 0.1])
    assert among.decide(closed=False).promoted == (0, 1)
    # Others have overtaken it meanwhile.
    for number, value in ((6, 0.95), (7, 0.96)):
        among.enter(number)
        among.report(frozen(number), 1, value)
    assert among.report(frozen(1), 1, 0.5) == Answer.GO_ON
    assert among.report(frozen(1), 2, 0.6) == Answer.GO_ON


def test_nobody_is_given_up_as_long_as_others_train() -> None:
    among = promotion()
    come(among, [0.5, 0.4, 0.9])
    assert among.decide(closed=True).dropped == {}
    for step in range(2, 10):
        among.report(frozen(2), step, 0.9)
    among.end(2, complete=True)
    assert among.decide(closed=False).dropped == {}
    assert among.decide(closed=True).dropped == {0: 1, 1: 1}


def test_a_trial_that_fails_gives_its_place_to_the_next() -> None:
    among = promotion()
    come(among, [0.5, 0.4, 0.9])
    among.report(frozen(2), 2, 0.9)
    among.end(2, complete=False)
    among.enter(3)
    among.report(frozen(3), 1, 0.3)
    assert among.decide(closed=False).promoted == (0,)


def test_of_too_many_that_wait_the_furthest_from_going_on_are_given_up_and_count_all_the_same() -> None:
    among = promotion(waiting=4)
    come(among, [0.9, 0.5, 0.4, 0.3, 0.2])
    assert among.decide(closed=False) == Verdicts((0,), {})
    among.enter(5)
    assert among.report(frozen(5), 1, 0.1) == Answer.PAUSE
    among.park(5)
    # One more goes on, so that four wait.
    assert among.decide(closed=False) == Verdicts((1,), {})
    among.enter(6)
    assert among.report(frozen(6), 1, 0.05) == Answer.PAUSE
    among.park(6)
    assert among.decide(closed=False) == Verdicts((), {6: 1})
    among.end(6, complete=False)
    for number, value in ((7, 0.45), (8, 0.44)):
        among.enter(number)
        assert among.report(frozen(number), 1, value) == Answer.PAUSE
    # Of nine that have come there, three may go on.
    among.park(7)
    assert among.decide(closed=False).promoted == (7,)


@given(st.lists(st.floats(0, 1, width=16), min_size=1, max_size=20))
def test_whoever_goes_on_with_a_study_decides_alike(values: list[float]) -> None:
    """State is not saved: it follows from what each trial has come to, told in the order of their numbers."""
    one = promotion()
    steps = dict.fromkeys(range(len(values)), 0)
    for number in steps:
        assert not one.enter(number)
    waiting: set[int] = set()
    for step in range(1, 4):
        for number in steps.keys() - waiting:
            steps[number] = step
            if one.report(frozen(number), step, values[number]) == Answer.PAUSE:
                one.park(number)
                waiting.add(number)
    went_on = set(one.decide(closed=False).promoted)
    other = promotion()
    for number, done in steps.items():
        other.enter(number)
        for step in range(1, done + 1):
            other.report(frozen(number), step, values[number])
    for number in waiting:
        assert other.enter(number) == (number not in went_on)
