"""What every engine promises, and what processes promise beyond."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import pytest

from models.data import Images
from search.policies.answers import Answer
from search.system.errors import UsageError
from search.workers import engines
from search.workers.engines import Engine, processes
from search.workers.engines.processes import Processes
from search.workers.messages import Built, Died, Ending, EpochDone, Failed, Job, Message, Paused, Rejected, Trained
from tests.support import THREADS, job_of

PATIENCE = 120


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module", params=["inline", "processes"])
def engine(request: pytest.FixtureRequest, home: Path, tensorflow: None) -> Iterator[Engine]:
    started = engines.start(request.param, 1, THREADS, home / "logs")
    yield started
    started.close()


@pytest.fixture
def make_job(bars: Images, home: Path) -> Callable[..., Job]:
    def make_job(number: int = 0, family: str = "mlp", epochs: int = 2, **values: Any) -> Job:
        return job_of(family, bars, home, number=number, epochs=epochs, **values)

    return make_job


def converse(engine: Engine, job: Job, stop_after: int = 1000, stop: Answer = Answer.STOP) -> list[Message]:
    """Start a job and answer its messages until it ends."""
    engine.start(job)
    messages: list[Message] = []
    while not messages or not isinstance(messages[-1], Ending):
        received = engine.receive(timeout=PATIENCE)
        assert received is not None, "the engine fell silent"
        number, message = received
        assert number == job.number
        messages.append(message)
        if not isinstance(message, Ending):
            engine.answer(number, Answer.GO_ON if len(messages) - 1 < stop_after else stop)
    return messages


@pytest.mark.slow
def test_a_job_tells_of_its_network_each_epoch_and_what_came_of_it(
    engine: Engine, make_job: Callable[..., Job]
) -> None:
    built, first, second, trained = converse(engine, make_job(number=5))
    assert isinstance(built, Built)
    assert isinstance(first, EpochDone)
    assert isinstance(second, EpochDone)
    assert (first.epoch, second.epoch) == (0, 1)
    assert isinstance(trained, Trained)
    assert trained.stopped is None
    assert trained.model.file.exists()


def test_the_best_epochs_network_is_judged_not_the_last(engine: Engine, make_job: Callable[..., Job]) -> None:
    # At this rate the network gets worse after a while.
    messages = converse(engine, make_job(epochs=6, learning_rate=0.3, optimizer="sgd", units_1=64))
    values = [message.metrics["val_accuracy"] for message in messages if isinstance(message, EpochDone)]
    trained = messages[-1]
    assert isinstance(trained, Trained)
    assert trained.best_epoch == values.index(max(values))
    assert trained.validation.metrics["accuracy"] == max(values)


def test_a_job_told_to_stop_stops_after_that_epoch_and_is_judged_all_the_same(
    engine: Engine, make_job: Callable[..., Job]
) -> None:
    messages = converse(engine, make_job(epochs=9), stop_after=2)
    assert [type(message) for message in messages] == [Built, EpochDone, EpochDone, Trained]
    assert messages[-1].stopped == "pruned"


def test_early_stopping_ends_a_job_whose_validation_loss_no_longer_falls(
    engine: Engine, make_job: Callable[..., Job]
) -> None:
    job = dataclasses.replace(make_job(epochs=50, learning_rate=0.0, optimizer="sgd"), patience=2)
    messages = converse(engine, job)
    losses = [message.metrics["val_loss"] for message in messages if isinstance(message, EpochDone)]
    assert messages[-1].stopped == "early"
    assert len(losses) == 3, "one epoch that could only be better than none, and two that were not better"


def test_an_infeasible_configuration_is_rejected_with_its_reason(engine: Engine, make_job: Callable[..., Job]) -> None:
    messages = converse(engine, make_job(family="cnn", depth=4, kernel_size=5))
    assert [type(message) for message in messages] == [Rejected]
    assert "does not fit on what is left of the image" in messages[0].reason


def test_a_diverging_configuration_fails_with_its_epoch(engine: Engine, make_job: Callable[..., Job]) -> None:
    messages = converse(engine, make_job(optimizer="sgd", learning_rate=1e30))
    assert messages[-1] == Failed("diverged at epoch 1")


def test_an_error_in_a_family_is_told_with_its_traceback_and_the_worker_goes_on(
    engine: Engine, make_job: Callable[..., Job]
) -> None:
    failed = converse(engine, make_job(activation="no such function"))[-1]
    assert isinstance(failed, Failed)
    assert "no such function" in failed.reason
    assert "Traceback" in failed.traceback
    assert isinstance(converse(engine, make_job())[-1], Trained)


def test_a_job_gives_the_same_numbers_in_every_engine(
    home: Path, make_job: Callable[..., Job], tensorflow: None
) -> None:
    def numbers(name: Any) -> list[dict[str, float]]:
        engine = engines.start(name, 1, THREADS, home / "logs")
        messages = converse(engine, make_job(dropout=0.2, augmentation="all"))
        engine.close()
        epochs = [dict(message.metrics) for message in messages if isinstance(message, EpochDone)]
        return [{name: value for name, value in epoch.items() if name != "seconds"} for epoch in epochs]

    assert numbers("inline") == numbers("processes")


def test_a_keras_that_a_person_has_set_otherwise_is_told_and_left_as_it_is(home: Path, tensorflow: None) -> None:
    import keras

    keras.config.set_epsilon(0.1)
    try:
        with pytest.raises(
            UsageError, match=r"set otherwise .*\(epsilon 0\.1\).*leave --engine inline \(engine=\) out"
        ):
            engines.start("inline", 1, THREADS, home / "logs")
        assert keras.config.epsilon() == 0.1
    finally:
        keras.config.set_epsilon(1e-7)


def test_a_killed_worker_is_noticed_named_and_replaced(home: Path, make_job: Callable[..., Job]) -> None:
    engine = Processes(1, THREADS, home / "logs")
    engine.start(make_job(epochs=50))
    assert engine.receive(timeout=PATIENCE) is not None
    os.kill(engine._workers[0].process.pid, signal.SIGKILL)
    _, message = engine.receive(timeout=PATIENCE)
    assert isinstance(message, Died)
    assert "SIGKILL, as when memory runs out" in message.reason
    assert isinstance(converse(engine, make_job(number=1))[-1], Trained)
    engine.close()


def test_a_worker_that_dies_while_it_waits_is_replaced_too(home: Path, make_job: Callable[..., Job]) -> None:
    engine = Processes(1, THREADS, home / "logs")
    waiting = engine._add()
    waiting.process.kill()
    waiting.process.join()
    assert isinstance(converse(engine, make_job())[-1], Trained)
    engine.close()


DRIVER = """
import sys, time
from pathlib import Path
from search.workers.engines.processes import Processes
if __name__ == "__main__":
    engine = Processes(2, 1, Path(sys.argv[1]))
    while len(engine._workers) < 2:
        engine._add()
    print(*[worker.process.pid for worker in engine._workers], flush=True)
    time.sleep(600)
"""


def test_a_worker_that_is_killed_while_it_waits_is_replaced_before_it_is_needed(home: Path) -> None:
    engine = Processes(1, THREADS, home / "logs")
    before = engine._add().process.pid
    os.kill(before, signal.SIGKILL)
    assert engine.receive(timeout=10) is None
    assert engine._workers[0].process.pid != before
    assert engine.free == 1
    engine.close()


def test_a_worker_that_cannot_begin_is_not_begun_again_and_again(home: Path, make_job: Callable[..., Job]) -> None:
    engine = Processes(1, THREADS, home / "logs")
    waiting = engine._add()
    waiting.pipe.close()
    waiting.process.join(timeout=PATIENCE)
    assert waiting.process.exitcode == 0
    began = time.monotonic()
    assert engine.receive(timeout=0.2) is None
    assert time.monotonic() - began >= 0.2, "a dead worker must not make the driver spin"
    assert engine._workers == [waiting]
    engine.close()


def test_workers_begin_where_the_path_of_temporary_files_is_too_long_for_a_socket(tmp_path: Path) -> None:
    temporary = tmp_path / ("long" * 30)
    temporary.mkdir()
    (tmp_path / "driver.py").write_text(DRIVER)
    command = [sys.executable, str(tmp_path / "driver.py"), str(tmp_path)]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path.cwd(), env=environment) as driver:
        assert driver.stdout is not None
        assert [alive(int(pid)) for pid in driver.stdout.readline().split()] == [True, True]
        driver.kill()


def test_workers_never_outlive_their_driver(tmp_path: Path) -> None:
    (tmp_path / "driver.py").write_text(DRIVER)
    command = [sys.executable, str(tmp_path / "driver.py"), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path.cwd()) as driver:
        assert driver.stdout is not None
        workers = [int(pid) for pid in driver.stdout.readline().split()]
        driver.kill()
    until = time.monotonic() + 30
    while any(alive(pid) for pid in workers) and time.monotonic() < until:
        time.sleep(0.1)
    assert [pid for pid in workers if alive(pid)] == []


def test_a_search_outlives_the_process_that_forks_its_workers(home: Path, make_job: Callable[..., Job]) -> None:
    engine = Processes(1, THREADS, home / "logs")
    engine.start(make_job(number=60))
    busy = engine._workers[0].process.pid
    stop_fork_server()
    assert isinstance(engine.receive(timeout=PATIENCE)[1], Built), "who trains already is not disturbed"
    engine.kill(60)
    _, message = engine.receive(timeout=PATIENCE)
    assert isinstance(message, Died)
    assert not alive(busy)
    assert isinstance(converse(engine, make_job(number=61))[-1], Trained)
    engine.close()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers are spawned")
def test_where_importing_kills_the_process_that_forks_workers_they_are_spawned(
    tmp_path: Path, make_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As TensorFlow does on a processor that it was not made for: the worker's log has to say so."""
    (tmp_path / "deadly.py").write_text("import os\nos.kill(os.getpid(), 4)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(processes, "IMPORTS", ("deadly",))
    stop_fork_server()
    engine = Processes(1, THREADS, tmp_path)
    assert isinstance(converse(engine, make_job(number=63))[-1], Trained)
    engine.close()
    stop_fork_server()


def stop_fork_server() -> None:
    """Make the next engine start one, with what is then to be imported."""
    running = forkserver._forkserver._forkserver_pid
    if running is not None and alive(running):
        os.kill(running, signal.SIGKILL)


def test_a_worker_ends_when_its_pipe_is_closed_even_in_the_middle_of_its_work(
    home: Path, make_job: Callable[..., Job]
) -> None:
    engine = Processes(1, THREADS, home / "logs")
    engine.start(make_job(number=62, epochs=50))
    assert isinstance(engine.receive(timeout=PATIENCE)[1], Built)
    engine._workers[0].pipe.close()
    engine._workers[0].process.join(timeout=10)
    assert engine._workers[0].process.exitcode == 0
    engine.close()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers are spawned")
def test_what_all_workers_share_is_imported_but_has_computed_nothing() -> None:
    """TensorFlow refuses this where it has begun the threads that would not survive a fork."""
    check = "import search.workers.imports, sys; tf = sys.modules['tensorflow']; tf.config.threading."
    setting = "set_intra_op_parallelism_threads(1)"
    assert subprocess.run([sys.executable, "-c", check + setting], cwd=Path.cwd(), check=False).returncode == 0


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not say how large a process is")
def test_a_worker_that_has_grown_too_large_gives_way_to_a_new_one(
    home: Path, make_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Processes(1, THREADS, home / "logs")
    first = engine._add().process.pid
    assert isinstance(converse(engine, make_job(number=70, epochs=1))[-1], Trained)
    assert engine._workers[0].process.pid == first
    monkeypatch.setattr(processes, "GROWTH", -1e6)
    assert isinstance(converse(engine, make_job(number=71, epochs=1))[-1], Trained)
    assert engine._workers[0].process.pid != first
    assert isinstance(converse(engine, make_job(number=72, epochs=1))[-1], Trained)
    engine.close()


@pytest.mark.slow
def test_a_training_that_is_paused_gives_its_worker_away_and_goes_on_later(
    engine: Engine, make_job: Callable[..., Job]
) -> None:
    def numbers(messages: list[Message]) -> list[dict[str, float]]:
        epochs = [message.metrics for message in messages if isinstance(message, EpochDone)]
        return [{name: value for name, value in epoch.items() if name != "seconds"} for epoch in epochs]

    at_once = converse(engine, make_job(number=80, epochs=3, dropout=0.2))
    job = make_job(number=81, epochs=3, dropout=0.2)
    paused = converse(engine, job, stop_after=1, stop=Answer.PAUSE)
    assert [type(message) for message in paused] == [Built, EpochDone, Paused]
    assert engine.free == 1
    assert isinstance(converse(engine, make_job(number=82, epochs=1))[-1], Trained)
    rest = converse(engine, job)
    assert rest[1] == paused[1], "what was trained is told again, not trained again"
    assert numbers(rest) == numbers(at_once)
