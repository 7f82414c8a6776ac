"""Trials that wait for each other at rungs: the best of a bracket go on from where they were.

Jamieson and Talwalkar 2016, algorithm 1. Nothing is trained twice: a trial that waits has its checkpoint, and gives its
worker to another. What has been decided follows from what Optuna knows, so that a search can be gone on with.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from models.family import Goal
from search.policies.answers import Answer, Verdicts

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


@dataclass(frozen=True)
class Ladder:
    """The epochs after which trials wait, the last of which ends them; `size` trials make a bracket, None: all do."""

    rungs: tuple[int, ...]
    factor: int
    size: int | None

    @property
    def share(self) -> float:
        """Epochs that trials take on average, as a share of those that all would take to the end."""
        stretches = [end - start for start, end in itertools.pairwise((0, *self.rungs))]
        return sum(length / float(self.factor) ** level for level, length in enumerate(stretches)) / self.rungs[-1]


@dataclass(eq=False)
class Member:
    """A trial in a bracket: its values by epoch, the rung that it was let pass, and whether its worker has left it.

    One that is `over` takes no more epochs; one that is `out` takes no place among those that go on, either.
    """

    number: int
    values: dict[int, float] = field(default_factory=dict)
    passed: int = 0
    parked: bool = False
    over: bool = False
    out: bool = False

    @property
    def step(self) -> int:
        """Epochs done."""
        return max(self.values, default=0)

    def at(self, rung: int) -> bool:
        """Whether it has come there, and may not go on yet."""
        return self.step == rung and self.passed < rung and not self.over

    def best(self, goal: Goal, until: int) -> float | None:
        """Return the best value of the first epochs; None where there is none."""
        values = [value for step, value in self.values.items() if step <= until]
        return values[goal.best(values)] if values else None


class Brackets:
    """Trials in the order in which they began, bracket by bracket."""

    def __init__(self, ladder: Ladder, goal: Goal) -> None:
        self._ladder, self._goal = ladder, goal
        self._members: dict[int, Member] = {}
        # Brackets of which some trial is not over, or that are not full.
        self._brackets: list[list[Member]] = []

    def enter(self, number: int, *, given: bool = False) -> bool:
        """Let a trial in that begins, or is gone on with; return whether it has to wait at a rung."""
        if number not in self._members:
            if not self._brackets or self._full(self._brackets[-1]):
                self._brackets.append([])
            self._members[number] = Member(number)
            self._brackets[-1].append(self._members[number])
        return self._waits(number)

    def report(self, trial: "FrozenTrial", step: int, value: float) -> Answer:
        """Take the value after so many epochs: what was trained before has been let pass."""
        member = self._members[trial.number]
        member.values[step] = value
        member.passed = max([member.passed, *(rung for rung in self._ladder.rungs if rung < step)])
        return Answer.PAUSE if self._waits(trial.number) else Answer.GO_ON

    def end(self, number: int, *, complete: bool) -> None:
        """A trial is over; one that is complete keeps its place among the others."""
        if member := self._members.get(number):
            member.over, member.out = True, not complete

    def park(self, number: int) -> None:
        """A trial has been left by its worker, and can be given to another one."""
        self._members[number].parked = True

    def _waits(self, number: int) -> bool:
        return any(self._members[number].at(rung) for rung in self._ladder.rungs[:-1])

    def decide(self, *, closed: bool) -> Verdicts:
        """Decide what can be, once: of those that wait who goes on, and who does not. `closed`: no more will begin."""
        verdicts = [verdict for bracket in self._brackets for verdict in self._of(bracket, closed)]
        self._brackets = [
            bracket
            for bracket in self._brackets
            if not (self._full(bracket) and all(member.over for member in bracket))
        ]
        return Verdicts(
            tuple(member.number for member, promoted in verdicts if promoted),
            {member.number: member.step for member, promoted in verdicts if not promoted},
        )

    def _full(self, bracket: Sequence[Member]) -> bool:
        return len(bracket) == self._ladder.size

    def _of(self, bracket: Sequence[Member], closed: bool) -> Iterator[tuple[Member, bool]]:
        if not (closed or self._full(bracket)):
            return
        candidates = list(bracket)
        for rung in self._ladder.rungs[:-1]:
            if not all(member.over or member.passed >= rung or member.parked for member in candidates):
                return
            further = [member for member in candidates if member.passed >= rung]
            here = sorted(
                (member for member in candidates if member.passed < rung and not member.out),
                key=lambda member: self._rank(member, rung),
            )
            quota = max(1, len(candidates) // self._ladder.factor)
            chosen = here[: max(0, quota - len(further))]
            for member in here:
                if member.at(rung):
                    yield member, member in chosen
                    member.passed, member.out = (rung, False) if member in chosen else (member.passed, True)
                    member.parked = member.out
            candidates = further + chosen

    def _rank(self, member: Member, rung: int) -> tuple[float, int]:
        """Return what is the lower the better; of equal trials the earlier goes first."""
        value = member.best(self._goal, rung)
        if value is None:
            return math.inf, member.number
        return -value if self._goal.direction == "maximize" else value, member.number
