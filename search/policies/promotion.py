"""Trials that go on as soon as they are among the best of those that have come as far: nobody waits for a bracket.

Asynchronous successive halving (Li et al. 2020, algorithm 2). Nothing is kept: what is decided follows from the values
that trials have, so that a search can be gone on with.
"""

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.family import Goal
from search.policies.answers import Answer, Verdicts

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

# So many trials may wait: each has a checkpoint on disk, and is asked of the store with whatever is open.
WAITING = 24


@dataclass(eq=False)
class Member:
    """A trial: epochs done, and its best value so far, as what is the lower the better.

    One that was `given` never waits.
    """

    number: int
    given: bool
    step: int = 0
    best: float = math.inf
    parked: bool = False
    over: bool = False


class Promotion:
    """Trials on a ladder of rungs, the last of which ends them."""

    def __init__(self, rungs: Sequence[int], factor: int, goal: Goal, waiting: int = WAITING) -> None:
        """One in `factor` goes on. Of more than `waiting` that wait, those furthest from going on are given up."""
        self._factor, self._sign, self._most = factor, -1.0 if goal.direction == "maximize" else 1.0, waiting
        self._members: dict[int, Member] = {}
        # Of those that have come to a rung, what they were worth there and their numbers, the best first.
        self._standings: dict[int, list[tuple[float, int]]] = {rung: [] for rung in rungs[:-1]}

    def enter(self, number: int, *, given: bool = False) -> bool:
        """Let a trial in that begins, or is gone on with; return whether it has to wait at a rung."""
        if number not in self._members:
            self._members[number] = Member(number, given)
        return self._waits(self._members[number])

    def report(self, trial: "FrozenTrial", step: int, value: float) -> Answer:
        """Take the value after so many epochs."""
        member = self._members[trial.number]
        if step <= member.step:
            # A worker that goes on tells again of what was trained before, from where it was let go on.
            return Answer.GO_ON
        member.step, member.best = step, min(member.best, self._sign * value)
        if step not in self._standings:
            return Answer.GO_ON
        bisect.insort(self._standings[step], (member.best, member.number))
        return Answer.PAUSE if self._waits(member) else Answer.GO_ON

    def end(self, number: int, *, complete: bool) -> None:
        """A trial is over. What failed between rungs gives its place to others; what was given up at one keeps it."""
        member = self._members.get(number)
        if member is None:
            return
        member.over, member.parked = True, False
        if not complete and member.step not in self._standings:
            for standing in self._standings.values():
                standing[:] = [(best, one) for best, one in standing if one != number]

    def park(self, number: int) -> None:
        """A trial has been left by its worker, and can be given to another one."""
        self._members[number].parked = True

    def decide(self, *, closed: bool) -> Verdicts:
        """Let go on who may by now, those that have come furthest first. `closed`: no more will begin."""
        promoted = []
        for rung, standing in reversed(self._standings.items()):
            # At last the best goes on, however few have come.
            places = max(self._places(rung), int(closed))
            chosen = (self._members[number] for _, number in standing[:places])
            promoted += [one for one in chosen if one.parked and one.step == rung]
        for one in promoted:
            one.parked = False
        dropped = self._left() if closed else self._hopeless()
        for one in dropped:
            one.parked = False
        return Verdicts(tuple(one.number for one in promoted), {one.number: one.step for one in dropped})

    def _left(self) -> list[Member]:
        """Return all who wait, unless others train: then they may still come to be among the best."""
        open_ = [one for one in self._members.values() if not one.over]
        return open_ if all(one.parked for one in open_) else []

    def _hopeless(self) -> list[Member]:
        """Return those of too many that wait who are furthest from going on: each has a checkpoint on disk."""
        waiting = [one for one in self._members.values() if one.parked]
        if len(waiting) <= self._most:
            return []
        return sorted(waiting, key=self._missing)[self._most :]

    def _missing(self, member: Member) -> tuple[float, int]:
        """Return how many would have to come to its rung, as a share of those there, for a trial to go on."""
        standing = self._standings[member.step]
        place = bisect.bisect_left(standing, (member.best, member.number))
        return (place + 1) * self._factor / len(standing), member.number

    def _places(self, rung: int) -> int:
        """Return how many may go on from a rung."""
        return len(self._standings[rung]) // self._factor

    def _waits(self, member: Member) -> bool:
        rung = member.step
        if member.given or member.over or rung not in self._standings:
            return False
        return bisect.bisect_left(self._standings[rung], (member.best, member.number)) >= self._places(rung)
