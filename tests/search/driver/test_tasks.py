"""Configurations that are known, trained once more by the driver that trains trials."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from models.data import Images
from search.driver.driver import Driver
from search.driver.tasks import Task, Tasks, Unfit, board
from search.problem.settings import Settings
from search.recording.trial_runs import TrialRuns
from search.store.study import Study
from search.system.errors import SearchError
from search.workers.engines import Engine
from search.workers.messages import Blocked, Died, Failed, Message, Rejected
from tests.search.driver.test_driver import Hangs, Script, epochs
from tests.support import job_of
from tracking.engines.memory import MemoryTracker
from tracking.relay import Relay
from tracking.spool import Spool

Train = Callable[..., tuple[dict, str]]
Settle, Open = Callable[..., Settings], Callable[..., Study]


@pytest.fixture
def tracker() -> MemoryTracker:
    return MemoryTracker()


@pytest.fixture
def train(bars: Images, settle: Settle, open_study: Open, tmp_path: Path, tracker: MemoryTracker) -> Train:
    """Train so many tasks, recorded by `tracker`, and return what came of each and what was said."""
    study, said = open_study(settle()), StringIO()

    def train(engine: Engine, count: int = 1, usual: float = 0.0) -> tuple[dict, str]:
        relay = Relay(Spool(tmp_path / "spool"), tracker)
        console = Console(file=said, width=200)
        try:
            with board(console) as shown:
                tasks = Tasks(
                    _tasks(bars, tmp_path, study, count, usual), TrialRuns(study, relay), bars, console, shown
                )
                Driver(tasks, engine, tmp_path / "checkpoints").run()
        finally:
            relay.settle(10)
            relay.close()
        return tasks.ended, said.getvalue()

    return train


def _tasks(bars: Images, home: Path, study: Study, count: int, usual: float) -> Sequence[Task]:
    jobs = [
        replace(job_of("mlp", bars, home, number=number, epochs=3), key=study.extra_key("retraining", number))
        for number in range(count)
    ]
    return [Task(job, f"mlp-{job.number}", f"network {job.number}", {}, model=True, usual=usual) for job in jobs]


def test_what_fails_is_kept_with_its_reason_and_traceback_and_the_others_are_trained(
    train: Train, tracker: MemoryTracker
) -> None:
    def tell(job: object, attempt: int) -> list[Message]:
        number = getattr(job, "number", 0)
        return [[Failed("KeyError: 'x'", "Trace\n")], [Rejected("no room")], [*epochs(1), Failed("diverged")]][number]

    ended, said = train(Script(tell), count=3)
    assert list(ended.values()) == [Unfit("KeyError: 'x'"), Unfit("no room"), Unfit("diverged")]
    runs = tracker.records("mlp")
    assert [run.status for run in runs] == ["FAILED"] * 3
    assert [run.tags["search.reason"] for run in runs] == ["KeyError: 'x'", "no room", "diverged"]
    assert tracker.read(runs[0].id, "traceback.txt") == b"Trace\n"
    assert "network 1: failed (no room)" in said


@pytest.mark.parametrize("usual", [0.0, 0.1], ids=["after an epoch", "known from its trial"])
def test_a_worker_that_hangs_is_replaced(train: Train, monkeypatch: pytest.MonkeyPatch, usual: float) -> None:
    """In its first epoch, too, where it is known how long one takes."""
    monkeypatch.setattr("search.driver.driver.EPOCHS_OF_SILENCE", 2.0)
    monkeypatch.setattr("search.driver.driver.SECONDS_OF_SILENCE", 0.0)
    engine = Hangs(done=0 if usual else 2)
    ended, said = train(engine, usual=usual)
    assert engine.asked == [3, 3]
    assert list(ended.values()) == [Unfit("was judged")]
    assert "network 0: its worker said nothing for too long, and was ended; it goes on from its last epoch" in said


def test_what_takes_its_worker_with_it_again_and_again_is_given_up(train: Train) -> None:
    ended, _ = train(Script(lambda job, attempt: [Died("killed")]))
    assert list(ended.values()) == [Unfit("killed, for the 4th time")]


def test_what_was_under_way_when_nothing_could_be_trained_any_more_is_to_be_gone_on_with(
    train: Train, tracker: MemoryTracker
) -> None:
    with pytest.raises(SearchError, match="a file is missing"):
        train(Script(lambda job, attempt: [Blocked("a file is missing")]), count=2)
    assert {run.status for run in tracker.records("mlp")} == {"SCHEDULED"}
