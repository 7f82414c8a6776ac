"""Workers as processes of their own: one that dies takes nothing with it, and is replaced."""

import multiprocessing
import os
import select
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from search.policies.answers import Answer
from search.system import library_output, surroundings
from search.system.signals import ASKING_TO_STOP
from search.workers import worker
from search.workers.engines import Engine
from search.workers.messages import Died, Ending, Job, Message, Probe

# Megabytes by which a worker may grow after its first trial before another takes its place. TensorFlow keeps the graph
# of every training that was compiled in it, 8 MB of a small network.
GROWTH = 50.0
# What the fork server imports: a worker that is forked from it has TensorFlow at once, one that is spawned after 5 s.
IMPORTS = ("search.workers.imports",)
MOST = None
FORKED = multiprocessing.get_context("forkserver")
SPAWNED = multiprocessing.get_context("spawn")
_Context = ForkServerContext | SpawnContext


def start(workers: int, threads: int, logs: Path, devices: Sequence[str]) -> Engine:
    """Start them."""
    return Processes(workers, threads, logs, devices)


@dataclass(eq=False)
class Worker:
    """A process, the pipe to it, and the trial it is busy with."""

    process: BaseProcess
    pipe: Connection
    log: Path
    device: str
    megabytes: float | None = None
    number: int | None = None


class Processes:
    """A fixed number of workers that live for many trials: importing TensorFlow takes seconds."""

    def __init__(self, workers: int, threads: int, logs: Path, devices: Sequence[str] = ()) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self._threads = threads
        self._places = [
            (logs / f"worker-{number + 1}.log", devices[number] if devices else "") for number in range(workers)
        ]
        self._workers: list[Worker] = []
        # Neither the system's libraries of macOS nor those of GPUs are to be forked.
        if sys.platform == "linux" and not devices and _fork_server():
            # Workers are begun when there is work: who asks the server for one waits until it has imported.
            self._context: _Context = FORKED
        else:
            self._context = SPAWNED
            self._workers += [self._begin(*place) for place in self._places]

    @property
    def free(self) -> int:
        """How many workers wait for a job."""
        return len(self._places) - sum(worker.number is not None for worker in self._workers)

    def start(self, job: Job | Probe) -> None:
        """Give the job to a worker that waits; one that died while it waited is replaced."""
        chosen = next((worker for worker in self._workers if worker.number is None), None) or self._add()
        if not chosen.process.is_alive():
            chosen = self._replace(chosen)
        chosen.number = job.number
        try:
            chosen.pipe.send(job)
        except OSError:
            # It died just now: `receive` finds the closed pipe and says so.
            return

    def receive(self, timeout: float) -> tuple[int, Message] | None:
        """Return the message that comes first; `Died` in the name of a worker that is gone."""
        self._replace_killed()
        # Those that wait are listened to as well: one that is killed is replaced before it is needed.
        heard = {
            worker.pipe: worker for worker in self._workers if worker.number is not None or worker.process.is_alive()
        }
        ready = wait(list(heard), timeout)
        for sender in [heard[pipe] for pipe in heard if pipe in ready]:
            number = sender.number
            if number is None:
                sender.process.join(timeout=5)
                continue
            try:
                message: Message = sender.pipe.recv()
            except (EOFError, OSError):
                message = Died(self._cause(sender))
            if isinstance(message, Died):
                self._replace(sender)
            if isinstance(message, Ending):
                sender.number = None
                self._recycle(sender)
            return number, message
        self._replace_killed()
        return None

    def answer(self, number: int, answer: Answer) -> None:
        """Send the answer to the worker of this trial."""
        asking = next(worker for worker in self._workers if worker.number == number)
        try:
            asking.pipe.send(answer)
        except OSError:
            # It died just now: `receive` finds the closed pipe and says so.
            return

    def kill(self, number: int) -> None:
        """Kill the worker of this trial: `receive` finds the closed pipe and says so."""
        next(worker for worker in self._workers if worker.number == number).process.kill()

    def close(self) -> None:
        """Kill every worker; what they had not told yet is lost."""
        for ended in self._workers:
            ended.process.kill()
        for ended in self._workers:
            ended.process.join()
            ended.pipe.close()

    def _add(self) -> Worker:
        added = self._begin(*self._places[len(self._workers)])
        self._workers.append(added)
        return added

    def _begin(self, log: Path, device: str) -> Worker:
        ours, theirs = multiprocessing.Pipe()
        arguments = (theirs, self._threads, log, device)
        process: BaseProcess = self._context.Process(target=_serve, args=arguments, name=log.stem, daemon=True)
        with surroundings.for_processes():
            try:
                process.start()
            except (EOFError, OSError):
                # The fork server is dead. A worker that is spawned can say what it died of, if it dies of it, too.
                process = SPAWNED.Process(target=_serve, args=arguments, name=log.stem, daemon=True)
                process.start()
        theirs.close()
        return Worker(process, ours, log, device)

    def _replace(self, dead: Worker) -> Worker:
        dead.pipe.close()
        dead.process.kill()
        new = self._begin(dead.log, dead.device)
        self._workers[self._workers.index(dead)] = new
        return new

    def _recycle(self, worker: Worker) -> None:
        """Replace a worker that has grown too large, while its trial is recorded."""
        now = _megabytes(worker.process.pid)
        worker.megabytes = now if worker.megabytes is None else worker.megabytes
        if now - worker.megabytes > GROWTH and worker in self._workers:
            self._replace(worker)

    def _replace_killed(self) -> None:
        """Replace workers that were killed while they waited. One that cannot even begin is replaced when needed."""
        for idle in list(self._workers):
            code = idle.process.exitcode
            if idle.number is None and code is not None and code < 0:
                self._replace(idle)

    def _cause(self, dead: Worker) -> str:
        dead.process.join(timeout=5)
        code = dead.process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            hint = ", as when memory runs out" if name == "SIGKILL" else ""
            return f"worker killed by {name}{hint} (its log: {dead.log})"
        return f"worker ended with exit code {code} (its log: {dead.log})"


def _fork_server() -> bool:
    """Start the process that imports what workers need and forks them, and say whether it could be started."""
    FORKED.set_forkserver_preload(list(IMPORTS))
    try:
        with surroundings.for_processes():
            forkserver.ensure_running()
    except OSError:
        # Its socket is a temporary file, whose path may be too long for one.
        return False
    return True


def _megabytes(process: int | None) -> float:
    """Return what a process holds in memory for itself alone; 0 where the system does not say, or it is gone."""
    try:
        _, resident, shared, *_ = Path(f"/proc/{process}/statm").read_text().split()
    except OSError:
        return 0.0
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE") / 1e6


def _serve(pipe: Connection, threads: int, log: Path, device: str) -> None:
    """Do jobs until the driver closes the pipe."""
    surroundings.work()
    library_output.redirect(log)
    if device:
        # Read when TensorFlow is imported: of all GPUs it sees this one.
        os.environ["CUDA_VISIBLE_DEVICES"] = device
    threading.Thread(target=_end_with_driver, args=(pipe.fileno(),), daemon=True).start()
    # Ctrl-C and its kin reach the whole group of processes; what they mean is the driver's to decide.
    for number in ASKING_TO_STOP:
        signal.signal(number, signal.SIG_IGN)
    from models import runtime

    runtime.configure(threads)
    try:
        while True:
            _do(pipe, pipe.recv())
    except (EOFError, OSError):
        return


def _do(pipe: Connection, job: Job | Probe) -> None:
    training = worker.run(job)
    message = next(training)
    while not isinstance(message, Ending):
        pipe.send(message)
        message = training.send(pipe.recv())
    pipe.send(message)


def _end_with_driver(pipe: int) -> None:
    """Wait until the driver hangs up, because it ends or is done with this process, and end in the middle of work."""
    polling = select.poll()
    polling.register(pipe, select.POLLHUP)
    while not any(event & select.POLLHUP for _, event in polling.poll()):
        continue
    os._exit(0)
