"""A command as a process started cold, and what it and all its descendants take."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parent.parent
# Seconds between two looks at the processes; reading the memory of one takes milliseconds, so that is done less often.
LOOK, LOOK_AT_MEMORY = 0.5, 2.0
# Seconds a process gets to end by itself when its time is over.
TO_END = 20.0
# A store that the person named for other searches would be written to.
FOREIGN = ("MLFLOW_TRACKING_URI", "OPTUNA_STORAGE", "SEARCH_HOME")


@dataclass(frozen=True)
class Finished:
    """How a process ended, and what it and its descendants took; it began so many seconds after 1970 began."""

    code: int
    began: float
    seconds: float
    cpu_seconds: float
    peak_megabytes: float


class Failed(RuntimeError):
    """A process that had to succeed did not."""


def require() -> None:
    """End here, with the way out, where the extra is not installed: later a process would be left behind."""
    if find_spec("psutil") is None:
        raise SystemExit(
            "psutil is not installed; `pip install -c constraints.txt -e '.[bench]'` brings it and the peers"
        )


# Called at each look at the memory with megabytes by process; the first is the process that was started.
Look = Callable[[Mapping[int, float]], None]


def python(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module of this repository."""
    return [sys.executable, "-m", module, *arguments]


def run(command: Sequence[str], log: Path, *, limit: float | None = None, look: Look | None = None) -> Finished:
    """Run a command to its end, or end it after `limit` seconds; what it prints goes to `log`."""
    require()
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    with log.open("ab") as printed:
        started, began = time.time(), time.perf_counter()
        process = subprocess.Popen(  # noqa: S603  # the commands stand in this room
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=printed, stderr=subprocess.STDOUT
        )
        tree = Tree(process.pid, look)
        try:
            with tree:
                code = _wait(process, limit)
                seconds = time.perf_counter() - began
        finally:
            tree.kill_the_rest()
    return Finished(code, started, seconds, tree.cpu_seconds, tree.peak_megabytes)


def run_well(command: Sequence[str], log: Path, *, look: Look | None = None) -> Finished:
    """Run a command that has to succeed. Raises `Failed` with the end of what it printed."""
    finished = run(command, log, look=look)
    if finished.code:
        end = log.read_text("utf-8", errors="replace")[-2000:]
        raise Failed(f"{' '.join(command)} ended with {finished.code}; see {log}, which ends:\n{end}")
    return finished


def _wait(process: "subprocess.Popen[bytes]", limit: float | None) -> int:
    try:
        return process.wait(limit)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)
    except KeyboardInterrupt:
        process.kill()
        raise
    try:
        return process.wait(TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


class Tree:
    """A process and its descendants, looked at from a thread of this process.

    CPU seconds are summed over the last look at each process, so at most half a second of each is missed. Memory is
    the proportional set size where the system tells it: pages that processes share are counted once.
    """

    def __init__(self, pid: int, look: Look | None = None) -> None:
        import psutil

        self._root = psutil.Process(pid)
        self._look = look
        self._cpu: dict[Any, float] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.peak_megabytes = 0.0

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds of all processes that were ever seen."""
        return sum(self._cpu.values())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def kill_the_rest(self) -> None:
        """Kill the descendants that outlived the process, such as the daemons of Ray."""
        import psutil

        for process in self._cpu:
            # `is_running` tells a process from another one with the same number.
            with suppress(psutil.Error):
                if process.is_running():
                    process.kill()

    def _watch(self) -> None:
        memory_due = 0.0
        while not self._over.wait(LOOK):
            processes = self._processes()
            self._count(processes)
            if time.monotonic() >= memory_due:
                memory_due = time.monotonic() + LOOK_AT_MEMORY
                self._measure(processes)

    def _processes(self) -> list[Any]:
        import psutil

        try:
            return [self._root, *self._root.children(recursive=True)]
        except psutil.Error:
            return []

    def _count(self, processes: list[Any]) -> None:
        import psutil

        for process in processes:
            with suppress(psutil.Error):
                times = process.cpu_times()
                self._cpu[process] = max(times.user + times.system, self._cpu.get(process, 0.0))

    def _measure(self, processes: list[Any]) -> None:
        found = {process.pid: _megabytes(process) for process in processes}
        self.peak_megabytes = max(self.peak_megabytes, sum(found.values()))
        if self._look and found:
            self._look(found)


def _megabytes(process: Any) -> float:
    import psutil

    try:
        full = process.memory_full_info()
    except psutil.Error:
        return 0.0
    return float(getattr(full, "pss", full.rss)) / 1e6
