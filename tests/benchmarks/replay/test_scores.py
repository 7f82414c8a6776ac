"""What a search is worth, from what was seen of it."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from benchmarks.replay import __main__ as program
from benchmarks.replay import scores
from benchmarks.replay.scores import GRID, Score
from benchmarks.replay.simulated import Seen


def score(contender: str, regret: Callable[[float], float], task: str = "a", seed: int = 0) -> Score:
    return Score(contender, task, seed, "good", 2, tuple(regret(cost) for cost in GRID), 5.0, 10, 1.0)


def test_what_looked_best_is_given_back_and_what_it_truly_is_counts() -> None:
    seen = [
        Seen(2.0, 0, 52, value=88.0, final=88.5),
        # Of a trial that is not over nothing is given back.
        Seen(3.0, 1, 17, value=95.0, final=93.0),
        Seen(4.0, 2, 52, value=90.0, final=86.0),
        Seen(8.0, 3, 52, value=91.0, final=90.0),
    ]
    regret, near = scores.regrets(seen, 52, best=92.0)
    assert [regret[scores.at(cost)] for cost in (1.0, 3.0, 6.0, 60.0)] == [scores.MOST, 3.5, 6.0, 2.0]
    assert near == 8.0


def test_a_search_that_trains_nothing_to_its_end_has_the_most_regret() -> None:
    regret, near = scores.regrets([Seen(1.0, 0, 17, value=95.0, final=95.0)], 52, best=95.0)
    assert set(regret) == {scores.MOST}
    assert near == np.inf


def by_tasks(contender: str, regret: Callable[[float], float]) -> Sequence[Score]:
    return [score(contender, regret, task, seed) for task in "abcd" for seed in range(2)]


def test_who_needs_half_of_the_trainings_for_the_same_is_twice_as_fast() -> None:
    slow, fast = by_tasks("slow", lambda cost: 60 / cost), by_tasks("fast", lambda cost: 30 / cost)
    found, low, high = scores.speed(fast, slow, 30)
    assert found == pytest.approx(2.0, rel=0.05)
    assert low == pytest.approx(found)
    assert high == pytest.approx(found)
    assert scores.speed(slow, fast, 60)[0] == 0.0


def test_contenders_are_compared_where_both_have_searched() -> None:
    ours = [score("ours", lambda _: 1.0, task) for task in "ab"]
    theirs = [score("theirs", lambda _: 3.0, task) for task in "bc"]
    assert [(one.task, other.task) for one, other in zip(*scores.paired(ours, theirs), strict=True)] == [("b", "b")]
    difference, error = scores.difference(ours, theirs, 30)
    assert difference == 2.0
    assert np.isnan(error)


def test_what_was_kept_is_shown_without_a_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ours, theirs = by_tasks("ours", lambda cost: 30 / cost), by_tasks("theirs", lambda cost: 60 / cost)
    files = [tmp_path / "ours.jsonl", tmp_path / "theirs.jsonl"]
    for file, kept in zip(files, (ours, theirs), strict=True):
        file.write_text("".join(json.dumps(one.data()) + "\n" for one in kept), "utf-8")
    monkeypatch.setattr("sys.argv", ["replay", "--read", *map(str, files)])
    program.main()
    lines = {line.split(" | ")[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "| 8 (2) |" in lines["| ours"]
    assert "2.0 [2.0, 2.0]" in lines["| theirs"]
    assert "+0.50 (0.00)" in lines["| theirs"]
