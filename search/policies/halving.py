"""Successive halving over epochs: trials wait at rungs, and the best of a bracket go on from where they were.

Jamieson and Talwalkar 2016, algorithm 1. Nothing is trained twice: a trial that waits has its checkpoint, and gives its
worker to another. What has been decided follows from what Optuna knows, so that a search can be gone on with.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from models.family import Goal
from search.problem.settings import Settings

# One in so many goes on from a rung to the next (eta; Li et al. 2018 advise 3 or 4).
FACTOR = 3
# Screening: one in so many goes on after the first epoch.
SCREENED = 10


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


def halving(epochs: int) -> Ladder:
    """Return the ladder of successive halving: 1, 3 and 10 epochs in brackets of nine, where there are 10 at most."""
    rungs = [epochs]
    while rungs[0] >= FACTOR:
        rungs.insert(0, round(rungs[0] / FACTOR))
    return Ladder(tuple(rungs), FACTOR, FACTOR ** (len(rungs) - 1))


def screening(epochs: int) -> Ladder:
    """Return the ladder of one epoch for all trials, after which the best tenth of them goes on to the end."""
    return Ladder((1, epochs) if epochs > 1 else (epochs,), SCREENED, None)


def ladder(settings: Settings) -> Ladder | None:
    """Return the epochs after which trials wait for each other; None where the pruner ends them as they train."""
    known = {"halving": halving, "screening": screening}
    return known[settings.pruner](settings.epochs) if settings.pruner in known else None


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


@dataclass(frozen=True)
class Verdicts:
    """The numbers of trials that go on, and of those that do not."""

    promoted: tuple[int, ...] = ()
    dropped: tuple[int, ...] = ()


class Brackets:
    """Trials in the order in which they began, bracket by bracket."""

    def __init__(self, ladder: Ladder, goal: Goal) -> None:
        self._ladder, self._goal = ladder, goal
        self._members: dict[int, Member] = {}
        # Brackets of which some trial is not over, or that are not full.
        self._brackets: list[list[Member]] = []

    def __contains__(self, number: int) -> bool:
        return number in self._members

    def enter(self, number: int) -> None:
        """A trial begins. One that is known already stays where it is."""
        if number in self._members:
            return
        if not self._brackets or self._full(self._brackets[-1]):
            self._brackets.append([])
        self._members[number] = Member(number)
        self._brackets[-1].append(self._members[number])

    def report(self, number: int, step: int, value: float) -> None:
        """Take the value after so many epochs: what was trained before has been let pass."""
        member = self._members[number]
        member.values[step] = value
        member.passed = max([member.passed, *(rung for rung in self._ladder.rungs if rung < step)])

    def end(self, number: int, *, complete: bool) -> None:
        """A trial is over; one that is complete keeps its place among the others."""
        member = self._members[number]
        member.over, member.out = True, not complete

    def step(self, number: int) -> int:
        """Return how many epochs a trial has done."""
        return self._members[number].step

    def park(self, number: int) -> None:
        """A trial has been left by its worker, and can be given to another one."""
        self._members[number].parked = True

    def waits(self, number: int) -> bool:
        """Whether a trial has to wait at a rung."""
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
            tuple(member.number for member, promoted in verdicts if not promoted),
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
