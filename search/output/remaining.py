"""How long a search will still take: from the epochs that its trials have had, those under way above all."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

# By how much it may rise from one event to the next: what people wait for is not to run away from them.
MOST_RISE = 1.2
# What is left of an expectation that is over without an epoch, and of an epoch that takes longer than usual.
LEAST = 0.1


@dataclass
class _Trial:
    """A trial under way: its budget in epochs, those behind it, when it was last heard of, and what it took here."""

    epochs: int
    done: int
    heard: float
    spent: float = 0.0
    here: int = 0


class Remaining:
    """Takes events of a search in, and tells the seconds that are left."""

    def __init__(
        self,
        expected: float,
        total: int | None,
        limit: float | None,
        clock: Callable[[], float],
        budget: int | None = None,
    ) -> None:
        """`expected` seconds are all that is known before the first epoch; after the `limit` no trial begins.

        `budget`: epochs of trials that are no baselines.
        """
        self._total, self._limit, self._clock, self._budget = total, limit, clock, budget
        self._began = clock()
        self._under_way: dict[int, _Trial] = {}
        # Epochs that trials have behind them which wait for others.
        self._waiting: dict[int, int] = {}
        # Seconds that workers have spent on epochs, and how many these were; and what came behind the last of a trial.
        self._spent, self._epochs = 0.0, 0
        self._closing = 0.0
        # Epochs of the trials that are over, how many they might have had, and how many trials that is.
        self._of_ended, self._budgets, self._ended = 0, 0, 0
        self._said, self._at, self._surprise = expected, self._began, True
        self._least = LEAST * expected

    def started(self, number: int, epochs: int, done: int) -> None:
        """A trial begins, or goes on after so many epochs."""
        self._waiting.pop(number, None)
        self._under_way[number] = _Trial(epochs, done, self._clock())

    def epoch(self, number: int, epoch: int, finished: int) -> None:
        """An epoch, counted from 1, is done. `finished` trials are over, in this call or before."""
        trial, now = self._under_way[number], self._clock()
        self._spent, trial.spent = self._spent + now - trial.heard, trial.spent + now - trial.heard
        trial.heard = now
        if epoch > trial.done:
            trial.done, trial.here = epoch, trial.here + 1
            self._surprise = self._surprise or not self._epochs
            self._epochs += 1
        self._judge(finished)

    def paused(self, number: int) -> None:
        """A trial waits for others, to be compared with them."""
        if trial := self._under_way.pop(number, None):
            self._waiting[number] = trial.done

    def ended(self, number: int, finished: int) -> None:
        """A trial is over."""
        trial = self._under_way.pop(number, None)
        if trial is None:
            return
        self._closing += self._clock() - trial.heard
        # What ended without an epoch tells nothing of those that will have some.
        self._surprise = self._surprise or not self._of_ended
        self._of_ended += trial.done
        self._budgets += trial.epochs
        self._ended += 1
        self._judge(finished)

    def seconds(self) -> float:
        """Return the seconds that are left: fewer with time, and none only when all is done."""
        left = max(self._said - (self._clock() - self._at), self._least)
        return min(left, self._until) if self._epochs or self._ended else left

    @property
    def _until(self) -> float:
        """Until no trial begins any more, and those under way are over."""
        begins = inf if self._limit is None else max(self._limit - (self._clock() - self._began), 0.0)
        return max(begins, self._longest())

    def _judge(self, finished: int) -> None:
        """Estimate anew. What was expected before anything was measured is given up at once, later only by and by."""
        if not self._epochs:
            return
        now, most = self._clock(), inf if self._surprise else MOST_RISE * self.seconds()
        self._said, self._at = min(self._estimate(finished), most), now
        self._least = LEAST * self._pace if self._under_way else 0.0
        self._surprise = False

    def _estimate(self, finished: int) -> float:
        if self._total is None:
            return self._until
        here, others = self._under_way.values(), max(self._total - finished - len(self._under_way), 0)
        seconds = self._share * sum(map(self._ahead, here)) + self._end * (len(here) + others)
        if others:
            # As many as those had that are over; of those under way, nobody knows yet.
            usual = (self._of_ended + sum(trial.epochs for trial in here)) / max(self._ended + len(here), 1)
            epochs = min(usual, self._budget or usual) * others - sum(self._waiting.values())
            seconds += self._pace * max(epochs, 0.0)
        return max(seconds / max(len(here), 1), self._share * self._longest())

    def _longest(self) -> float:
        """Return the seconds of the trial under way that has most of them ahead."""
        # The view asks in a thread of its own, while trials begin and end.
        return max((self._ahead(trial) + self._end for trial in list(self._under_way.values())), default=0.0)

    def _ahead(self, trial: _Trial) -> float:
        """Return the seconds that a trial has ahead if it trains to its end: by its own pace once that is known."""
        pace = trial.spent / trial.here if trial.here else self._pace
        return pace * (trial.epochs - trial.done)

    @property
    def _share(self) -> float:
        """How much trials have had of what they might have: others were pruned, or stopped early."""
        return (self._of_ended + 1) / (self._budgets + 1)

    @property
    def _pace(self) -> float:
        """Seconds that a worker takes for an epoch, with all that goes with it."""
        return self._spent / max(self._epochs, 1)

    @property
    def _end(self) -> float:
        """Seconds in which a trial is judged and recorded, once it has trained."""
        return self._closing / self._ended if self._ended else self._pace
