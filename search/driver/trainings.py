"""What a driver trains: where it comes from, what is decided about it, and where it is recorded."""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from search.policies.answers import Answer, Verdicts
from search.workers.messages import Job, Rejected, Trained
from tracking import Recorder, Status, TrackingError


@dataclass(eq=False, kw_only=True)
class Training:
    """One training under way: its run, its job with a worker, and what it has told so far.

    `name` is what a person is told that it is. It may train for `budget` epochs, of which `recorded` are in its run.
    `usual` are the seconds that one is likely to take, as far as that is known; `heard` is when its worker last spoke.
    """

    name: str
    run: Recorder
    job: Job
    label: str
    usual: float = 0.0
    history: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    recorded: int = 0
    parameters: int = 0
    pruned: bool = False
    overtime: bool = False
    hanging: bool = False
    restarts: int = 0
    heard: float | None = None
    budget: int = field(init=False)

    def __post_init__(self) -> None:
        self.budget = self.job.last

    @property
    def number(self) -> int:
        """What its worker's messages are known by."""
        return self.job.number

    @property
    def seconds(self) -> float:
        """For how long its epochs have trained."""
        return sum(self.history["seconds"])

    @property
    def longest(self) -> float:
        """How long its longest epoch has taken, or is likely to take; 0: nobody knows."""
        return max(self.history["seconds"], default=self.usual)


@contextmanager
def left_open(run: Recorder) -> Iterator[None]:
    """Leave a run as one that is gone on with where it could not be begun as a whole, such as on a full disk."""
    with ExitStack() as broken_off:
        broken_off.callback(leave, run)
        yield
        broken_off.pop_all()


def leave(run: Recorder) -> None:
    """Say of a run that it is gone on with, as far as that can be said."""
    # A full disk may be what has ended it all, after a run was over and before Optuna knew.
    with suppress(TrackingError):
        run.finish(Status.SCHEDULED)


Kind = TypeVar("Kind", bound=Training)


class Trainings(ABC, Generic[Kind]):
    """The trials of a study, or what else there is to train. The driver is the only one who calls."""

    def __init__(self) -> None:
        # All that have begun and are not over.
        self.begun: dict[int, Kind] = {}

    def take_up(self, clock: Callable[[], float]) -> None:
        """Take up what an earlier call has left, before all else; `clock` tells seconds in which the process ran."""

    @property
    @abstractmethod
    def more(self) -> bool:
        """Whether there may be one more to begin now."""

    @abstractmethod
    def begin(self) -> Kind | None:
        """Begin one more; None: no worker is needed for it, or not now."""

    @property
    def limit(self) -> float | None:
        """Seconds for which one may train; None: as long as its epochs take."""
        return None

    def waits(self, training: Kind) -> bool:
        """Whether one that has begun has to wait before it is given to a worker."""
        return False

    def decide(self) -> Verdicts:
        """Return who of those that wait goes on, and who does not."""
        return Verdicts()

    @abstractmethod
    def started(self, training: Kind) -> None:
        """It is about to be given to a worker."""

    def trained(self, training: Kind) -> None:
        """Its worker is done with it, and has the next one; it is not recorded yet."""

    @abstractmethod
    def answer(self, training: Kind, step: int, metrics: Mapping[str, float]) -> Answer:
        """Return what it is to do after so many epochs."""

    @abstractmethod
    def record(self, training: Kind, step: int, metrics: Mapping[str, float]) -> None:
        """Record an epoch, while its worker goes on: nothing that is written may hold it up."""

    def paused(self, training: Kind) -> None:
        """It was left by its worker, and waits."""

    @abstractmethod
    def complete(self, training: Kind, trained: Trained) -> None:
        """Record its end, in all stores."""

    @abstractmethod
    def reject(self, training: Kind, rejected: Rejected) -> None:
        """Record that no network can be had of it."""

    @abstractmethod
    def fail(self, training: Kind, reason: str, traceback: str) -> None:
        """Record that nothing came of it."""

    @abstractmethod
    def note(self, text: str) -> None:
        """Say something worth a line."""

    @abstractmethod
    def stopping(self) -> None:
        """Say that it was asked to stop."""

    def tend(self) -> None:
        """Do what is to be done between messages."""

    def leave(self) -> None:
        """Leave what is not over as something that the next call goes on with."""
        for left in self.begun.values():
            leave(left.run)
