"""What carries runs from the spool to a store, in a thread of its own: training never waits for a store."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tracking.run import Record, Run, Tracker, TrackingError
from tracking.spool import KIND, Spool, SpooledRun

# Seconds after which a store that failed is tried again: at first, and at most.
SOON: Final = 0.5
LATER: Final = 10.0
# Stands for what is no run's, among the keys of runs.
TASK: Final = "task"


@dataclass
class Delivery:
    """How far a run has been carried: to which place of its journal, into which run, and what is in the way."""

    place: int = 0
    run: Run | None = None
    problem: str = ""
    pause: float = SOON


class Relay:
    """Delivers what is in a spool, each entry once; what a store refuses is tried again until it is taken."""

    def __init__(
        self,
        spool: Spool,
        tracker: Tracker,
        passed: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`passed` is called with the name of each entry that the store has got, such as `metrics`.

        `clock` tells seconds, for how long the store is silent.
        """
        self._spool, self._tracker, self._passed, self._clock = spool, tracker, passed, clock
        self._deliveries: dict[str, Delivery] = {}
        # Runs of which something is to be delivered, and when that is tried.
        self._due: dict[str, float] = {}
        self._task: Callable[[Tracker], Iterator[object]] | None = None
        self._ids: dict[str, str] = {}
        self._busy: str | None = None
        self._closing = False
        self._moved = clock()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="relay", daemon=True)
        self._thread.start()

    def run(self, experiment: str, key: str, name: str, tags: Mapping[str, str]) -> SpooledRun:
        """Begin the run with this key, or go on with it: in the spool at once, in the store soon."""
        # Not while what it was before is just being removed.
        with self._changed:
            return self._spool.run(experiment, key, name, tags, written=lambda: self.deliver(key))

    def find(self, experiment: str, key: str) -> Record | None:
        """Return a run as it stands in the spool, and has no id yet, or else in the store."""
        return self._spool.record(key) or self._tracker.find(experiment, key)

    def deliver(self, key: str) -> None:
        """Deliver what is new of a run."""
        with self._changed:
            self._due.setdefault(key, 0.0)
            self._changed.notify_all()

    def deliver_all(self, prefix: str) -> None:
        """Deliver what an earlier process has left in the spool of runs whose keys begin with `prefix`."""
        self._spool.sweep(prefix)
        for key in self._spool.keys(prefix):
            self.deliver(key)

    def entrust(self, task: Callable[[Tracker], Iterator[object]]) -> None:
        """Do something else in the store: now, and again whenever a run is delivered. A new task replaces the old.

        Runs are delivered between its steps. Then it is begun again, so what it has done it must not do twice.
        """
        with self._changed:
            self._task = task
            self._due.setdefault(TASK, 0.0)
            self._changed.notify_all()

    def waiting(self, prefix: str) -> list[str]:
        """Return the keys of runs that are not delivered yet, of those that begin with `prefix`."""
        return self._spool.keys(prefix)

    def id(self, key: str) -> str | None:
        """Return what the store calls the run; None as long as it has none."""
        return self._ids.get(key)

    def wait_for_id(self, key: str, seconds: float) -> str | None:
        """The same, but wait for it as long as nothing is in the way."""
        with self._changed:
            self._changed.wait_for(lambda: key in self._ids or self.problem, seconds)
        return self.id(key)

    @property
    def problem(self) -> str:
        """Why something cannot be delivered now; empty while all goes well."""
        return next((delivery.problem for delivery in list(self._deliveries.values()) if delivery.problem), "")

    @property
    def idle_seconds(self) -> float:
        """How long ago the store has last taken anything, or was listened for."""
        return self._clock() - self._moved

    def listen(self) -> None:
        """Count the seconds of silence from now on."""
        self._moved = self._clock()

    def settle(self, seconds: float) -> list[str]:
        """Wait until a store has all that is in the spool, or the time is over; return the keys of what is left.

        A task that is not done counts as well, as `TASK`.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._due and not self._busy, seconds)
            return sorted({*self._due, *([self._busy] if self._busy else [])})

    def close(self) -> None:
        """End after the entry that is under way; what is not delivered stays in the spool, and the store open."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        # A store that does not answer is not waited for: the thread ends with the process.
        self._thread.join(timeout=1.0)

    def _work(self) -> None:
        while (key := self._next()) is not None:
            delivery = self._deliveries.setdefault(key, Delivery())
            try:
                self._carry(key, delivery)
            except TrackingError as error:
                self._put_off(key, delivery, str(error))
            # Whatever else goes wrong is this delivery's: without the thread, all others would wait for ever.
            except Exception as error:  # noqa: BLE001  # see above
                problem = f"{type(error).__name__}: {error}"
                if problem != delivery.problem:
                    # As Python tells what ends a thread, with its traceback: nothing like this is meant to happen.
                    threading.excepthook(
                        threading.ExceptHookArgs((type(error), error, error.__traceback__, self._thread))
                    )
                self._put_off(key, delivery, problem)
            finally:
                with self._changed:
                    self._busy = None
                    self._changed.notify_all()

    def _next(self) -> str | None:
        """Wait for the next run that is due; None when it is time to end."""
        with self._changed:
            while not self._closing:
                key = min(self._due, key=self._due.__getitem__, default=None)
                wait = None if key is None else self._due[key] - time.monotonic()
                if key is not None and wait is not None and wait <= 0:
                    del self._due[key]
                    self._busy = key
                    return key
                self._changed.wait(wait)
        return None

    def _carry(self, key: str, delivery: Delivery) -> None:
        """Carry what is new of a run, until it is another's turn; forget it once it is finished there."""
        if key == TASK:
            self._do_task(delivery)
            return
        for entry, place in self._spool.entries(key, delivery.place):
            delivery.run = self._spool.repeat(key, entry, self._tracker, delivery.run)
            delivery.place, delivery.problem, delivery.pause = place, "", SOON
            self._moved = self._clock()
            if entry[KIND] == "open":
                self._name(key, delivery.run.id)
            if self._passed:
                self._passed(entry[KIND])
            if entry[KIND] == "finish" and self._forget(key, place):
                return
            if self._due or self._closing:
                # Runs take turns, entry by entry: a new one gets its id before another's pictures are all drawn.
                self.deliver(key)
                return

    def _do_task(self, delivery: Delivery) -> None:
        assert self._task, "only one that was entrusted is due"
        for _ in self._task(self._tracker):
            self._moved = self._clock()
            if self._due or self._closing:
                self.deliver(TASK)
                break
        delivery.problem, delivery.pause = "", SOON

    def _forget(self, key: str, place: int) -> bool:
        """Remove a run from the spool, unless it was gone on with behind this place."""
        with self._changed:
            if any(self._spool.entries(key, place)):
                return False
            self._spool.remove(key)
            del self._deliveries[key]
            if self._task:
                self.deliver(TASK)
            return True

    def _name(self, key: str, run: str) -> None:
        with self._changed:
            self._ids[key] = run
            self._changed.notify_all()

    def _put_off(self, key: str, delivery: Delivery, problem: str) -> None:
        with self._changed:
            delivery.problem = problem
            self._due[key] = time.monotonic() + delivery.pause
            delivery.pause = min(2 * delivery.pause, LATER)
