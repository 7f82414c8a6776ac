"""The remaining time, told over searches whose events are known beforehand, and with them how long they took."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pytest

from search.output.remaining import MOST_RISE, Remaining


@dataclass(frozen=True)
class Trained:
    """A trial: epochs of so many seconds each, out of a budget, after some that it had before."""

    epochs: int
    seconds: float
    budget: int
    done: int = 0
    build: float = 2.0
    judge: float = 3.0


@dataclass(frozen=True)
class Searched:
    """A search: what was expected of it, and its trials in their order, by so many workers."""

    expected: float
    trials: Sequence[Trained]
    workers: int = 2
    # Until TensorFlow is imported.
    start: float = 12.0
    limit: float | None = None
    total: int | None = -1
    budget: int = 10


def full(count: int, epochs: int, seconds: float) -> list[Trained]:
    return [Trained(epochs, seconds, epochs) for _ in range(count)]


# By the figures of this project's own searches on two cores: LeNet-5 some 20 s an epoch, an MLP some 3 s.
SEARCHES: Mapping[str, Searched] = {
    "as expected": Searched(1100, full(10, 10, 20.0)),
    "three times as slow as expected": Searched(370, full(10, 10, 20.0)),
    "ten times as fast": Searched(3000, full(10, 10, 5.0)),
    "one worker": Searched(330, full(10, 10, 3.0), workers=1),
    "most are pruned": Searched(900, [Trained(10 if number % 4 == 0 else 2, 20.0, 10) for number in range(16)]),
    "the first have no network": Searched(600, [Trained(0, 0.0, 10, judge=0.2)] * 3 + full(8, 10, 20.0)),
    "some were interrupted": Searched(
        500, [Trained(10, 20.0, 10, done=7), Trained(10, 20.0, 10, done=2), *full(4, 10, 20.0)]
    ),
    "sizes differ by ten": Searched(700, [Trained(10, (4.0, 40.0)[number % 2], 10) for number in range(10)]),
    "baselines are longer": Searched(500, [Trained(30, 6.0, 30), Trained(20, 6.0, 20), *full(8, 5, 6.0)], budget=5),
    "one trial, and slow to begin": Searched(20, full(1, 10, 8.0), start=40.0),
    "for a time": Searched(120, full(6, 10, 4.0), limit=120.0, total=None),
}


def events(search: Searched) -> list[tuple[float, str, tuple[int, ...]]]:
    """Return what the driver would have told, and when."""
    told: list[tuple[float, str, tuple[int, ...]]] = []
    free = [search.start] * search.workers
    for number, trial in enumerate(search.trials):
        now = heapq.heappop(free)
        told.append((now, "started", (number, trial.budget, trial.done)))
        now += trial.build
        for epoch in range(trial.done + 1, trial.epochs + 1):
            now += trial.seconds
            told.append((now, "epoch", (number, epoch)))
        now += trial.judge
        told.append((now, "ended", (number,)))
        heapq.heappush(free, now)
    return sorted(told)


def said(search: Searched) -> Iterator[tuple[float, float, str]]:
    """Replay a search; yield the time, what is said to be left, and the event: nothing for each second without one."""
    now, finished = 0.0, 0
    total = len(search.trials) if search.total == -1 else search.total
    remaining = Remaining(search.expected, total, search.limit, lambda: now, search.budget)
    for when, what, values in events(search):
        while now + 1 < when:
            now += 1
            yield now, remaining.seconds(), ""
        now = when
        if what == "started":
            remaining.started(*values)
        elif what == "epoch":
            remaining.epoch(*values, finished)
        else:
            finished += 1
            remaining.ended(*values, finished)
        yield now, remaining.seconds(), what if search.trials[values[0]].epochs else "rejected"


@pytest.mark.parametrize("name", SEARCHES)
def test_some_time_is_left_until_all_is_done(name: str) -> None:
    *before, (_, last, _) = said(SEARCHES[name])
    assert all(left > 0 for _, left, _ in before)
    assert last == 0


@pytest.mark.parametrize("name", SEARCHES)
def test_it_rises_by_no_more_than_a_fifth_but_for_the_first_epoch_and_the_first_trial(name: str) -> None:
    told = list(said(SEARCHES[name]))
    firsts = {next((at for at, (_, _, event) in enumerate(told) if event == what), 0) for what in ("epoch", "ended")}
    rises = [
        (told[at][0], told[at - 1][1], told[at][1])
        for at in range(1, len(told))
        if told[at][1] > MOST_RISE * told[at - 1][1] + 1e-9 and not {at} & firsts
    ]
    assert rises == []


@pytest.mark.parametrize("name", SEARCHES)
def test_it_is_about_right_in_the_middle_of_a_search(name: str) -> None:
    told = list(said(SEARCHES[name]))
    over, begun = told[-1][0], next(now for now, _, event in told if event == "epoch")
    judged = [(now, left) for now, left, _ in told if max(over / 3, begun) < now < 2 * over / 3]
    wrong = [(now, left, over - now) for now, left in judged if not _near(left, over - now)]
    assert wrong == []


def _near(left: float, truth: float) -> bool:
    return truth / 2.5 - 15 <= left <= 2.5 * truth + 15
