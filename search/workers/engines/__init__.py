"""Where workers run: each file is a value of `--engine`. An engine moves jobs and messages; it knows neither store."""

import pkgutil
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    # Whoever asks for names alone, as the help does, need not wait for these.
    from search.policies.answers import Answer
    from search.workers.messages import Job, Message, Probe


class Engine(Protocol):
    """Workers that train one job each at a time."""

    @property
    def free(self) -> int:
        """How many jobs can be started now."""

    def start(self, job: "Job | Probe") -> None:
        """Give a job to a free worker."""

    def receive(self, timeout: float) -> "tuple[int, Message] | None":
        """Return the next message and the number of its trial; nothing where none comes within `timeout` seconds."""

    def answer(self, number: int, answer: "Answer") -> None:
        """Answer the last message of a trial, which waits for it."""

    def kill(self, number: int) -> None:
        """End the worker of a trial in the middle of its work; what comes of it is `Died`."""

    def close(self) -> None:
        """End all workers, in the middle of their work if need be."""


class Start(Protocol):
    """What each file has, beside `MOST`: how many workers there can be; None: any number."""

    def __call__(self, workers: int, threads: int, logs: Path, devices: Sequence[str]) -> Engine:
        """Start workers of `threads` threads each; what libraries print goes to files in `logs`.

        `devices` are the numbers of the GPUs on which they compute, one for each worker; none: on whatever they find.
        """


def names() -> tuple[str, ...]:
    """Every engine there is, in order."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def most(name: str) -> int | None:
    """Return how many workers an engine can have; None: any number."""
    found: int | None = import_module(f"{__name__}.{name}").MOST
    return found


def start(name: str, workers: int, threads: int, logs: Path, devices: Sequence[str] = ()) -> Engine:
    """Start the workers of an engine."""
    begin: Start = import_module(f"{__name__}.{name}").start
    return begin(workers, threads, logs, devices)
