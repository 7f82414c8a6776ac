"""Time in which a process ran: it stands still while the process is stopped, as Ctrl-Z or `kill -STOP` do."""

import threading
import time
from typing import Final, Self

# Seconds between two looks at the clock, and those without a look after which the process is taken to have stood still:
# what keeps Python from one of its threads for so long, on a busy machine, takes much less.
_LOOK: Final = 0.5
_STOPPED: Final = 5.0


class Watch:
    """Looks at the clock so often that it sees how long it could not. What a machine sleeps, no clock here counts."""

    def __init__(self) -> None:
        self._seen = time.monotonic()
        self._stopped = 0.0
        self._lock, self._over = threading.Lock(), threading.Event()
        self._looking = threading.Thread(target=self._keep_looking, name="watch", daemon=True)

    def __enter__(self) -> Self:
        self._looking.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def seconds(self) -> float:
        """Return a time whose differences are seconds in which the process ran."""
        with self._lock:
            now = time.monotonic()
            if now - self._seen > _STOPPED:
                self._stopped += now - self._seen
            self._seen = now
            return now - self._stopped

    @property
    def stopped(self) -> float:
        """For how many seconds the process was stopped so far."""
        self.seconds()
        return self._stopped

    def _keep_looking(self) -> None:
        while not self._over.wait(_LOOK):
            self.seconds()
