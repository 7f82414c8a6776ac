"""What a person is told while a search goes on."""

import io
from typing import Any
from unittest.mock import patch

from rich.console import Console

from models.family import Goal
from search.output.progress import Board, Lines, Row
from search.output.remaining import Remaining
from search.store.attributes import Standing

GOAL = Goal("val_accuracy", "maximize")


def test_the_view_is_drawn_whatever_begins_and_ends_meanwhile() -> None:
    """As where the driver's thread has its turn between two lines of the view."""
    board = Board(Console(file=io.StringIO()), "mlp", GOAL, 9, 60.0)

    class Meanwhile(Row):
        """A row at whose sight another trial ends, and two more begin."""

        def __getattribute__(self, name: str) -> object:
            if name in ("trained", "epoch") and len(board.rows) == 3:
                board.ended(1, "complete", 0.5, "")
                board.started(8, "relu", 10)
                board.started(9, "relu", 10)
            return super().__getattribute__(name)

    for look in (board.__rich__, board.summary):
        board.rows = {0: Meanwhile("relu", 10), 1: Row("relu", 10), 2: Row("relu", 10)}
        look()
        assert set(board.rows) == {0, 2, 8, 9}


def test_what_is_left_is_told_whatever_begins_meanwhile() -> None:
    board = Board(Console(file=io.StringIO()), "mlp", GOAL, None, 60.0, limit=1.0)
    board.started(0, "relu", 10)
    board.epoch(0, 1, metrics(0.5))
    ahead = Remaining._ahead

    def meanwhile(left: Remaining, trial: Any) -> float:
        if len(board.rows) < 3:
            board.started(len(board.rows), "relu", 10)
        return ahead(left, trial)

    with patch.object(Remaining, "_ahead", meanwhile):
        assert board.remaining
    assert set(board.rows) == {0, 1}


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
