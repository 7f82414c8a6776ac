"""Ctrl-C and its kin: the first one ends a search in good order, the second one at once."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

# Ctrl-C; what Slurm, systemd and `kill` send; a terminal that is closed.
ASKING_TO_STOP: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SHOW_CURSOR: Final = "\x1b[?25h"


class Stopped(BaseException):
    """A signal asked the process to stop. No KeyboardInterrupt, of which libraries make what they like."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


class Stop:
    """Raises `Stopped` where the process is when it is asked to stop, or at the end of what must not be torn."""

    def __init__(self) -> None:
        self._held = False
        self._asked: int | None = None
        # Called at the first signal, in a thread of its own.
        self.announce: Callable[[], None] = lambda: None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold a signal back for as long as the two stores are written to."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._asked is not None:
            raise Stopped(self._asked)

    def ask(self, number: int, frame: FrameType | None = None) -> None:
        """Take a signal: the first one counts. What the others mean is decided by `_end_at_the_second`."""
        if self._asked is not None:
            return
        self._asked = number
        if not self._held:
            raise Stopped(number)


@contextmanager
def heeded() -> Iterator[Stop]:
    """Heed signals, in the main thread: elsewhere Python lets nobody."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    # What was started to ignore a signal, as under `nohup`, goes on ignoring it.
    heeding = [number for number in ASKING_TO_STOP if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, stop.ask) for number in heeding}
    wakeup = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    watcher = threading.Thread(target=_end_at_the_second, args=(reading, stop), daemon=True)
    watcher.start()
    try:
        yield stop
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(writing)
        watcher.join()
        os.close(reading)


def _end_at_the_second(reading: int, stop: Stop) -> None:
    """End the process at the second signal, even while it waits for a database: a handler would wait with it."""
    asked = 0
    while arrived := os.read(reading, 1):
        asked += arrived[0] in ASKING_TO_STOP
        if asked == 1 and arrived[0] in ASKING_TO_STOP:
            stop.announce()
        if asked == 2:
            if sys.stderr.isatty():
                # The live view had hidden it.
                os.write(sys.stderr.fileno(), SHOW_CURSOR.encode())
            # Both stores stay consistent: this is no worse than `kill -9`, and workers end with their driver.
            os._exit(128 + arrived[0])
