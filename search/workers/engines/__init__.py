"""Where workers run. An engine moves jobs and messages; it knows neither Optuna nor MLflow."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from search.problem.parts import EngineName
from search.workers.messages import Answer, Job, Message, Probe


class Engine(Protocol):
    """Workers that train one job each at a time."""

    @property
    def free(self) -> int:
        """How many jobs can be started now."""

    def start(self, job: Job | Probe) -> None:
        """Give a job to a free worker."""

    def receive(self, timeout: float) -> tuple[int, Message] | None:
        """Return the next message and the number of its trial; nothing where none comes within `timeout` seconds."""

    def answer(self, number: int, answer: Answer) -> None:
        """Answer the last message of a trial, which waits for it."""

    def kill(self, number: int) -> None:
        """End the worker of a trial in the middle of its work; what comes of it is `Died`."""

    def close(self) -> None:
        """End all workers, in the middle of their work if need be."""


def start(name: EngineName, workers: int, threads: int, logs: Path, devices: Sequence[str] = ()) -> Engine:
    """Start an engine's workers, of `threads` threads each; what libraries print goes to files in `logs`.

    `devices` are the numbers of the GPUs on which they compute, one for each worker; none: on whatever they find.
    """
    if name == "inline":
        from search.workers.engines.inline import Inline

        return Inline(threads, logs)
    from search.workers.engines.processes import Processes

    return Processes(workers, threads, logs, devices)
