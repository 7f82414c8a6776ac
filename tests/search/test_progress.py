"""What a person is told while a search goes on."""

import io

from rich.console import Console

from models.family import Goal
from search.marks import Standing
from search.progress import Lines

GOAL = Goal("val_accuracy", "maximize")


def lines(total: int | None = 1000, limit: float | None = None) -> tuple[Lines, io.StringIO]:
    said = io.StringIO()
    return Lines(Console(file=said, width=300), "mlp", GOAL, total, expected=60.0, limit=limit), said


def metrics(value: float) -> dict[str, float]:
    return {"val_accuracy": value, "seconds": 1.0}


def test_trials_that_wait_for_others_are_counted_apart_and_told_of_once() -> None:
    progress, said = lines()
    progress.started(3, "relu", epochs=9)
    progress.epoch(3, 1, metrics(0.5))
    progress.paused(3)
    assert "0 running, 1 waiting" in progress.summary()
    progress.started(3, "relu", epochs=9, done=1)
    progress.epoch(3, 1, metrics(0.5))
    progress.epoch(3, 2, metrics(0.6))
    assert "1 running, 0 pruned" in progress.summary()
    told = said.getvalue()
    assert told.count("epoch 1/9") == 1
    assert "trial 3 begins: relu" in told
    assert "trial 3 goes on after epoch 1" in told


def test_no_more_time_is_said_to_be_left_than_the_limit_leaves() -> None:
    progress, _ = lines(limit=30.0)
    progress._left._began -= 20.0
    progress.count(Standing(1, 0, 0, 1, 0), None)
    progress.started(0, "relu", epochs=1)
    progress.ended(0, "complete", 0.5, "")
    assert progress.remaining == "10 s"


def test_a_search_for_a_time_has_left_what_is_left_of_it() -> None:
    progress, _ = lines(total=None, limit=30.0)
    progress._left._began -= 20.0
    progress.count(Standing(7, 0, 0, 0, 0), None)
    progress.started(6, "relu", epochs=1)
    progress.ended(6, "complete", 0.5, "")
    assert progress.summary() == "7 done, 0 running, 0 pruned, 0 failed, about 10 s left"


def test_no_more_trials_run_than_train() -> None:
    progress, _ = lines()
    for number in range(3):
        progress.started(number, "relu", epochs=1)
    progress.trained(0)
    assert "2 running" in progress.summary()
