"""Runs that are recorded in files first, and how they come into a store."""

import json
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracking.engines.memory import MemoryRun, MemoryTracker
from tracking.pictures import ConfusionMatrix, LearningCurves, Nearest, Predictions
from tracking.relay import TASK, Relay
from tracking.removal import remove
from tracking.rules import is_recorded
from tracking.run import Dataset, Model, Recorder, Run, Status, Tensor, Tracker, TrackingError
from tracking.spool import JOURNAL, Spool

KEY = "uuid/17"
TENSOR = Tensor("uint8", (-1, 28, 28, 1))


class Frail(MemoryTracker):
    """A store in memory that can be away, break, or lose what it answers."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.asked = 0
        self.deaf_once = False
        # Keys of runs over which it stumbles.
        self.broken: set[str] = set()

    def run(self, *arguments: Any, **how: Any) -> MemoryRun:
        self.asked += 1
        if arguments[1] in self.broken:
            raise RuntimeError("dictionary changed size during iteration")
        if self.away:
            raise TrackingError("the server is away")
        run = super().run(*arguments, **how)
        if self.deaf_once:
            self.deaf_once = False
            raise TrackingError("the answer was lost")
        return run


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


@pytest.fixture
def store() -> Frail:
    return Frail()


@pytest.fixture
def relay(spool: Spool, store: Frail) -> Iterator[Relay]:
    started = Relay(spool, store)
    yield started
    started.close()


@pytest.fixture
def keras_file(tmp_path: Path) -> Path:
    file = tmp_path / "model.keras"
    file.write_bytes(b"weights")
    return file


def record_all(run: Recorder, file: Path) -> None:
    """Record one of everything."""
    image = np.arange(4, dtype=np.uint8).reshape(1, 2, 2, 1)
    labels = np.array([1])
    run.log_parameters({"depth": 2, "rate": np.float64(0.1), "l1": None})
    run.log_dataset(Dataset("bars", "d" * 36, "made", {"train": 4, "shape": [2, 2, 1]}))
    run.log_metrics({"loss": 0.1 + 0.2, "val_loss": float("nan")}, step=1)
    run.log_metrics({"loss": 1e-300}, step=2)
    run.log_text("report/test.csv", "Сапоги\r\n\u2028")
    run.log_picture("confusion.png", ConfusionMatrix(np.eye(2, dtype=np.int64), ["a", "Б"], "t"))
    run.log_picture("curves.png", LearningCurves({"loss": [1.0, 0.5]}, "t", 1))
    run.log_picture("sheet.png", Predictions(image, labels, labels, np.array([0.5]), ["a", "b"], "t"))
    run.log_picture("near.png", Nearest(image, labels, image[None], labels[None], ["a", "b"], "t"))
    run.log_model(Model(file, TENSOR, Tensor("float32", (-1, 10)), ("keras==3.15.1",), "3.15.1"))
    run.set_tags({"search.state": "COMPLETE"})
    run.finish(Status.FINISHED)


def all_of(run: MemoryRun) -> Mapping[str, Any]:
    """Return what a run holds, but for when, as values that can be compared."""
    held = {name: kept for name, kept in vars(run).items() if name not in ("_model_ids", "began", "ended")}
    pictures = {name: vars(kept) if not isinstance(kept, bytes) else kept for name, kept in run.artifacts.items()}
    return held | {
        "models": [(model.requirements, content) for model, content in run.models.values()],
        "artifacts": repr(pictures),
        "metrics": {name: run.history(name) for name in run.metrics},
    }


def test_a_run_comes_into_the_store_as_if_it_had_been_recorded_there(
    relay: Relay, store: Frail, keras_file: Path
) -> None:
    record_all(relay.run("lenet5", KEY, "lenet5-0017", {"search.study": "lenet5"}), keras_file)
    assert relay.settle(10) == []
    directly = MemoryTracker()
    record_all(directly.run("lenet5", KEY, "lenet5-0017", {"search.study": "lenet5"}), keras_file)
    (delivered,), (expected,) = store._experiments["lenet5"], directly._experiments["lenet5"]
    assert all_of(delivered) == all_of(expected)
    assert relay.id(KEY) == delivered.id


def test_what_is_finished_in_the_store_is_gone_from_the_spool(
    relay: Relay, spool: Spool, keras_file: Path, tmp_path: Path
) -> None:
    record_all(relay.run("lenet5", KEY, "lenet5-0017", {}), keras_file)
    relay.settle(10)
    assert spool.keys() == []
    assert list((tmp_path / "spool").iterdir()) == []
    assert keras_file.exists()


def test_what_no_store_should_raise_is_told_once_and_holds_up_no_other_run(
    relay: Relay, store: Frail, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda what: told.append(f"{what.thread.name}: {what.exc_value!r}"))
    store.broken = {KEY}
    relay.run("lenet5", KEY, "lenet5-0017", {}).finish(Status.FINISHED)
    relay.run("lenet5", "uuid/18", "lenet5-0018", {}).finish(Status.FINISHED)
    # Told once, as often as it is tried again.
    while store.asked < 4 or spool.keys("uuid/18"):
        assert KEY in relay.settle(0.1)
    assert relay.problem == "RuntimeError: dictionary changed size during iteration"
    assert told == ["relay: RuntimeError('dictionary changed size during iteration')"]
    store.broken = set()
    assert relay.settle(10) == []
    assert relay.problem == ""
    assert spool.keys() == []


def test_nothing_waits_for_a_store_that_is_away_and_nothing_is_lost(relay: Relay, store: Frail, spool: Spool) -> None:
    store.away = True
    run = relay.run("lenet5", KEY, "lenet5-0017", {})
    for step in range(1, 100):
        run.log_metrics({"loss": 1 / step}, step)
    run.finish(Status.FINISHED)
    assert relay.settle(0.5) == [KEY]
    assert relay.problem == "the server is away"
    store.away = False
    assert relay.settle(10) == []
    assert relay.problem == ""
    assert store.reopen(relay.id(KEY) or "").history("loss") == {step: 1 / step for step in range(1, 100)}
    assert spool.keys() == []


def test_a_run_of_which_the_answer_was_lost_is_not_made_twice(relay: Relay, store: Frail) -> None:
    store.deaf_once = True
    relay.run("lenet5", KEY, "lenet5-0017", {}).finish(Status.FINISHED)
    assert relay.settle(10) == []
    assert store.asked == 2
    assert len(store.records("lenet5")) == 1


def test_a_run_that_is_finished_again_and_again_loses_nothing(relay: Relay, store: Frail) -> None:
    for step in range(1, 200):
        run = relay.run("lenet5", KEY, "lenet5-0017", {})
        run.log_metrics({"loss": 1 / step}, step)
        run.finish(Status.SCHEDULED)
    assert relay.settle(30) == []
    assert list(store.reopen(relay.id(KEY) or "").history("loss")) == list(range(1, 200))


def test_what_is_just_being_delivered_is_not_settled(spool: Spool) -> None:
    class Slow(MemoryTracker):
        def run(self, *arguments: Any, **how: Any) -> MemoryRun:
            time.sleep(0.5)
            return super().run(*arguments, **how)

    relay = Relay(spool, Slow())
    relay.run("lenet5", KEY, "lenet5-0017", {}).finish(Status.FINISHED)
    assert relay.settle(0.1) == [KEY]
    assert relay.settle(10) == []
    relay.close()


def test_a_store_that_refuses_one_run_still_gets_the_others(relay: Relay, store: Frail) -> None:
    refused = relay.run("lenet5", "uuid/1", "lenet5-0001", {})
    refused.log_parameters({"depth": 2})
    refused.log_parameters({"depth": 3})
    refused.log_metrics({"loss": 0.1}, 1)
    other = relay.run("lenet5", "uuid/2", "lenet5-0002", {})
    other.finish(Status.FINISHED)
    assert relay.settle(1.0) == ["uuid/1"]
    assert "'depth'" in relay.problem
    assert [run.status for run in store.records("lenet5")] == [Status.RUNNING, Status.FINISHED]


def test_a_task_is_done_until_the_store_takes_it_and_again_after_each_run(relay: Relay, store: Frail) -> None:
    seen: list[list[Status]] = []

    def task(tracker: Tracker) -> Iterator[object]:
        seen.append([run.status for run in tracker.records("lenet5")])
        if len(seen) == 1:
            raise TrackingError("the server is away")
        yield None

    relay.entrust(task)
    assert relay.settle(0.2) == [TASK]
    assert relay.problem == "the server is away"
    assert relay.settle(30) == []
    assert (seen, relay.problem) == ([[], []], "")
    relay.run("lenet5", KEY, "lenet5-0017", {}).finish(Status.FINISHED)
    assert relay.settle(30) == []
    assert seen[2:] == [[Status.FINISHED]]


def test_what_is_to_be_delivered_does_not_wait_for_a_task(relay: Relay, store: Frail) -> None:
    seen: list[int] = []

    def task(tracker: Tracker) -> Iterator[object]:
        while len(seen) < 100 and not (seen and seen[-1]):
            seen.append(len(tracker.records("lenet5")))
            time.sleep(0.05)
            yield None

    relay.entrust(task)
    relay.run("lenet5", KEY, "lenet5-0017", {})
    assert relay.settle(30) == []
    assert seen[-1] == 1, "it was delivered between two steps"


def test_another_process_delivers_what_a_killed_one_has_left(tmp_path: Path, spool: Spool, store: Frail) -> None:
    script = f"""
import os, signal, pathlib
from tracking.spool import Spool
run = Spool(pathlib.Path({str(tmp_path / "spool")!r})).run("lenet5", "{KEY}", "lenet5-0017", {{}}, written=lambda: None)
for step in range(1, 4):
    run.log_metrics({{"loss": 1 / step}}, step)
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -signal.SIGKILL
    assert spool.keys("uuid/") == [KEY]
    relay = Relay(spool, store)
    relay.deliver_all("uuid")
    assert relay.settle(10) == []
    relay.run("lenet5", KEY, "lenet5-0017", {}).finish(Status.FINISHED)
    relay.settle(10)
    (run,) = store.records("lenet5")
    assert (run.status, run.metrics) == (Status.FINISHED, {"loss": 1 / 3})
    relay.close()


@given(cut=st.integers(0, 400), rest=st.binary(max_size=20))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_journal_torn_anywhere_goes_on_after_its_last_whole_line(
    cut: int, rest: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    spool = Spool(tmp_path_factory.mktemp("spool"))
    run = spool.run("lenet5", KEY, "lenet5-0017", {}, written=lambda: None)
    for step in range(1, 4):
        run.log_metrics({"loss": 1 / step}, step)
    journal = spool.place(KEY) / JOURNAL
    whole = journal.read_bytes()
    journal.write_bytes(whole[:cut] + rest.replace(b"\n", b""))
    kept = [json.loads(line) for line in whole[:cut].splitlines(keepends=True) if line.endswith(b"\n")]
    again = spool.run("lenet5", KEY, "lenet5-0017", {}, written=lambda: None)
    again.log_metrics({"loss": 9.0}, 9)
    entries = [entry for entry, _ in spool.entries(KEY)]
    assert entries[:-2] == kept
    assert [entry["deed"] for entry in entries[-2:]] == ["open", "metrics"]


def test_a_run_that_is_over_leaves_alone_what_has_the_number_of_its_journal_now(spool: Spool, tmp_path: Path) -> None:
    run = spool.run("lenet5", KEY, "lenet5-0017", {}, written=lambda: None)
    run.finish(Status.FINISHED)
    with (tmp_path / "another").open("w+") as another:
        with pytest.raises(TrackingError, match="this run is over"):
            run.finish(Status.SCHEDULED)
        with pytest.raises(TrackingError, match="this run is over"):
            run.log_metrics({"loss": 1.0})
        del run
        another.write("its own")
    assert (tmp_path / "another").read_text() == "its own"


def test_a_run_that_could_not_be_finished_can_be_later(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    run = spool.run("lenet5", KEY, "lenet5-0017", {}, written=lambda: None)
    with monkeypatch.context() as patch:
        patch.setattr("tracking.spool.os.pwrite", lambda *_: 0)
        with pytest.raises(TrackingError, match="No space left"):
            run.finish(Status.FINISHED)
    run.finish(Status.SCHEDULED)
    record = spool.record(KEY)
    assert record is not None
    assert record.status == Status.SCHEDULED


def test_a_run_that_is_given_up_keeps_no_file_open(spool: Spool) -> None:
    def open_files() -> int:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    before = open_files()
    run = spool.run("lenet5", KEY, "lenet5-0017", {}, written=lambda: None)
    assert open_files() == before + 1
    del run
    assert open_files() == before


def test_a_run_that_waits_can_be_read_before_a_store_has_it(spool: Spool, keras_file: Path) -> None:
    record_all(spool.run("lenet5", KEY, "lenet5-0017", {}, written=lambda: None), keras_file)
    record = spool.record(KEY)
    assert record is not None
    assert (record.id, record.status, record.tags["search.state"]) == ("", Status.FINISHED, "COMPLETE")
    assert record.metrics == {"loss": 1e-300}
    assert spool.record("uuid/18") is None


def test_what_a_killed_process_has_left_half_removed_is_swept(spool: Spool, tmp_path: Path) -> None:
    (tmp_path / "spool" / "uuid-3").mkdir(parents=True)
    (tmp_path / "spool" / "uuid-3" / "0001.npz").write_bytes(b"")
    (tmp_path / "spool" / "other-3").mkdir()
    spool.run("lenet5", KEY, "lenet5-0017", {}, written=lambda: None)
    assert spool.sweep("uuid") == [tmp_path / "spool" / "uuid-3"]
    assert spool.keys() == [KEY]
    assert (tmp_path / "spool" / "other-3").exists()


def full_disk(bytes_left: int) -> Callable[[], None]:
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_left, bytes_left))

    return limit


def test_on_a_full_disk_what_was_recorded_stays_whole_and_the_cause_is_told(tmp_path: Path, spool: Spool) -> None:
    script = f"""
import pathlib
from tracking import TrackingError
from tracking.spool import Spool
run = Spool(pathlib.Path({str(tmp_path / "spool")!r})).run("lenet5", "{KEY}", "lenet5-0017", {{}}, written=lambda: None)
try:
    for step in range(1, 1000):
        run.log_metrics({{"loss": 1 / step}}, step)
except TrackingError as error:
    print(step, error)
"""
    said = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, preexec_fn=full_disk(2000)
    )
    step, _, error = said.stdout.partition(" ")
    assert "cannot be read or written" in error
    entries = [entry for entry, _ in spool.entries(KEY)]
    assert [entry["step"] for entry in entries[1:]] == list(range(1, int(step)))


def test_a_store_that_never_answers_does_not_keep_a_process_from_ending(spool: Spool) -> None:
    class Silent(MemoryTracker):
        def run(self, *arguments: Any, **how: Any) -> MemoryRun:
            threading.Event().wait()
            raise AssertionError

    relay = Relay(spool, Silent())
    relay.run("lenet5", KEY, "lenet5-0017", {}).log_metrics({"loss": 1.0}, 1)
    began = time.monotonic()
    relay.wait_for_id(KEY, 0.2)
    relay.close()
    assert time.monotonic() - began < 5
    assert spool.keys() == [KEY]


@pytest.mark.slow
def test_a_killed_delivery_is_done_again_and_gives_the_same(
    database: Path, tmp_path: Path, spool: Spool, keras_file: Path
) -> None:
    """The relay is killed after each entry in turn; a store of MLflow's own, as users have it."""
    record_all(spool.run("lenet5", KEY, "lenet5-0017", {}, written=lambda: None), keras_file)
    script = f"""
import os, pathlib, signal, sys, tracking
from tracking.relay import Relay
from tracking.spool import Spool
def passed(entry):
    if entry == sys.argv[1]:
        os.kill(os.getpid(), signal.SIGKILL)
tracker = tracking.connect("sqlite:///{database}", pathlib.Path({str(tmp_path / "artifacts")!r}))
relay = Relay(Spool(pathlib.Path({str(tmp_path / "spool")!r})), tracker, passed)
relay.deliver("{KEY}")
assert relay.settle(30) == []
"""
    for entry, code in (("open", -9), ("model", -9), ("finish", -9), ("none", 0)):
        assert subprocess.run([sys.executable, "-c", script, entry], check=False).returncode == code
    import tracking

    tracker: Tracker = tracking.connect(f"sqlite:///{database}", tmp_path / "artifacts")
    (record,) = tracker.records("lenet5")
    run: Run = tracker.reopen(record.id)
    assert (record.status, dict(run.history("loss"))) == (Status.FINISHED, {1: 0.1 + 0.2, 2: 1e-300})
    assert is_recorded(tracker.networks("lenet5")(record), record.tags)
    assert len(list((tmp_path / "artifacts").rglob("model.keras"))) == 1
    assert list((tmp_path / "spool").iterdir()) == []
    tracker.close()


def test_a_journal_that_names_another_place_has_nothing_removed_there(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("all of it")
    spool = Spool(tmp_path / "spool")
    spool.run("mlp", "uuid/1", "mlp-0001", {}, written=lambda: None)
    journal = spool.place("uuid/1") / "journal.jsonl"
    journal.write_text(journal.read_text().replace("uuid/1", ".."))
    (key,) = spool.keys()
    spool.remove(key)
    assert (tmp_path / "thesis.tex").exists()


def test_what_a_link_leads_to_is_not_removed_with_a_folder(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    old, new = tmp_path / "old" / "checkpoints", tmp_path / "new" / "checkpoints"
    (old / "mlp" / "0003").mkdir(parents=True)
    new.mkdir(parents=True)
    (new / "mlp").symlink_to(old / "mlp")
    remove(new / "mlp" / "0003", new)
    assert (old / "mlp" / "0003").exists()
    assert f"leads out of {new}, to {old / 'mlp' / '0003'}: it stays" in caplog.text
    remove(old / "mlp" / "0003", old)
    assert not (old / "mlp" / "0003").exists()
