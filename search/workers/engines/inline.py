"""Training in the driver's own process: to debug a family, and for tests."""

import os
from collections.abc import Sequence
from pathlib import Path

from models.family import Unavailable
from search.policies.answers import Answer
from search.system import library_output
from search.system.errors import UsageError
from search.workers import worker
from search.workers.engines import Engine
from search.workers.messages import Ending, Job, Message, Probe

MOST = 1


def start(workers: int, threads: int, logs: Path, devices: Sequence[str]) -> Engine:
    """Start the only one."""
    return Inline(threads, logs)


class Inline:
    """One worker, which computes while its next message is waited for."""

    def __init__(self, threads: int, logs: Path) -> None:
        with library_output.redirected(logs / "inline.log"):
            # What it says later would stand among what the person reads; an exception tells of what matters.
            os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
            from models import runtime

            try:
                runtime.configure(threads)
            except Unavailable as error:
                raise UsageError(str(error)) from error
        self._number = -1
        self._training: worker.Training | None = None
        self._answer: Answer | None = None

    @property
    def free(self) -> int:
        """One, or none while a job is going on."""
        return 0 if self._training else 1

    def start(self, job: Job | Probe) -> None:
        """Take the job; it is begun by `receive`."""
        self._number, self._training, self._answer = job.number, worker.run(job), None

    def receive(self, timeout: float) -> tuple[int, Message] | None:
        """Compute until the next message."""
        if self._training is None:
            return None
        message = next(self._training) if self._answer is None else self._training.send(self._answer)
        if isinstance(message, Ending):
            self.close()
        return self._number, message

    def answer(self, number: int, answer: Answer) -> None:
        """Keep the answer for the next step."""
        self._answer = answer

    def kill(self, number: int) -> None:
        """Do nothing: while anybody can call this, no training is going on."""

    def close(self) -> None:
        """Forget the job."""
        if self._training:
            self._training.close()
        self._training = None
