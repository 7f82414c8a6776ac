"""What holds between a trial and its run when a driver dies, or the tracker is away."""

import os
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import IO, Any

import pytest
from optuna.trial import TrialState
from rich.console import Console

from search.driver import delivery
from search.recording.trial_runs import TrialRuns
from search.store.attributes import RUN_ID, late_link
from search.store.study import Study
from search.system.errors import SearchError
from search.workers.messages import EpochDone, Failed, Job, Message, Rejected
from tests.search.driver.test_driver import Script, Search, Settle, epochs
from tracking import Status, TrackingError
from tracking.engines.memory import MemoryRun, MemoryTracker
from tracking.relay import Relay
from tracking.spool import Spool


class Away(MemoryTracker):
    """A store that takes no runs until it is back."""

    back = False

    def run(self, *arguments: Any, **how: Any) -> MemoryRun:
        if not self.back:
            raise TrackingError("the server is away")
        return super().run(*arguments, **how)


@pytest.fixture
def dying(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Make a driver end just before it tells Optuna of a trial's end."""

    def dying() -> Any:
        context = monkeypatch.context()
        patch = context.__enter__()

        def die(*_: object) -> None:
            context.__exit__(None, None, None)
            raise SearchError("killed before telling")

        patch.setattr(Study, "tell", die)

    return dying


def test_a_trial_that_is_over_and_not_told_is_not_written_to_again(
    settle: Settle, search: Search, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whatever file has the number by then that its journal had."""
    settings, tell, tracker = settle(trials=1), Study.tell, Away()

    def full(study: Study, *arguments: Any) -> None:
        monkeypatch.setattr(Study, "tell", tell)
        # The numbers that are free are another file's now.
        taken.extend((tmp_path / f"another-{number}").open("w+") for number in range(5))
        raise SearchError("database or disk is full")

    taken: list[IO[str]] = []
    monkeypatch.setattr(Study, "tell", full)
    with pytest.raises(SearchError, match="disk is full"):
        search(settings, tracker)
    for file in taken:
        assert os.fstat(file.fileno()).st_size == 0
        file.close()
    tracker.back = True
    study, _ = search(settings, tracker)
    assert [trial.state for trial in study.trials()] == [TrialState.COMPLETE]


@pytest.mark.parametrize("tracker", [MemoryTracker(), Away()])
def test_a_trial_that_was_only_not_told_is_adopted_and_not_trained_again(
    tracker: MemoryTracker, settle: Settle, search: Search, dying: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the tracker has its run, or only the spool."""
    monkeypatch.setattr("search.recording.trial_runs.PATIENCE", 0.1)
    dying()
    with pytest.raises(SearchError, match="killed before telling"):
        search(settle(trials=1), tracker)
    engine = Script(lambda job, attempt: [Failed("was trained again")])
    if isinstance(tracker, Away):
        tracker.back = True
    study, _ = search(settle(trials=1), tracker, engine)
    (trial,), (run,) = study.trials(), tracker.records("mlp")
    assert engine.attempts == {}
    assert trial.state == TrialState.COMPLETE
    assert trial.value == run.metrics["best_val_accuracy"]
    assert trial.user_attrs["test_accuracy"] == run.metrics["test_accuracy"]
    assert run.status == "FINISHED"
    assert run_of(study, 0) == run.id


@pytest.mark.parametrize(
    ("ending", "state"), [(Rejected("no room"), TrialState.PRUNED), (Failed("diverged at epoch 1"), TrialState.FAIL)]
)
def test_a_trial_without_a_result_is_adopted_with_its_reason(
    ending: Message, state: TrialState, settle: Settle, search: Search, dying: Callable[[], None]
) -> None:
    tracker = MemoryTracker()
    dying()
    with pytest.raises(SearchError, match="killed before telling"):
        search(settle(trials=1), tracker, Script(lambda job, attempt: [ending]))
    engine = Script(lambda job, attempt: [Failed("was trained again")])
    study, _ = search(settle(trials=1), tracker, engine)
    trial, run = study.trials()[0], tracker.records("mlp")[0]
    # In the place of what could not be trained, another is.
    assert list(engine.attempts) == ([1] if state == TrialState.PRUNED else [])
    assert trial.state == state
    assert trial.user_attrs["reason"] == run.tags["search.reason"]
    assert trial.constraints == ({"feasible": 1.0} if state == TrialState.PRUNED else {})


def test_a_run_that_came_after_its_trial_was_over_is_linked_all_the_same(
    settle: Settle, search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.recording.trial_runs.PATIENCE", 0.01)
    tracker = Away()

    def tell(job: Job, attempt: int) -> list[Message]:
        # The tracker is back when the second trial begins.
        tracker.back = job.number == 1
        return [*epochs(1), Failed("diverged at epoch 2")]

    study, _ = search(settle(trials=2, pruner="none"), tracker, Script(tell))
    study, _ = search(settle(trials=2, pruner="none"), tracker, Script(tell))
    for number, run in enumerate(tracker.records("mlp")):
        assert run.tags["search.trial"] == str(number)
        assert run_of(study, number) == run.id


def test_a_trial_open_when_its_driver_died_goes_on_in_its_run_without_a_step_twice(
    settle: Settle, search: Search
) -> None:
    tracker = MemoryTracker()

    class Dies(Script):
        def receive(self, timeout: float) -> tuple[int, Message] | None:
            number, message = super().receive(timeout) or (0, None)
            if message is None or (isinstance(message, EpochDone) and message.epoch == 2):
                raise SearchError("killed")
            return number, message

    def tell(job: Job, attempt: int) -> list[Message]:
        return [*epochs(4), Failed("diverged at epoch 5")]

    settings = settle(trials=1, epochs=9, pruner="none")
    with pytest.raises(SearchError, match="killed"):
        search(settings, tracker, Dies(tell))
    study, _ = search(settings, tracker, Script(tell))
    (trial,), (run,) = study.trials(), tracker.records("mlp")
    assert list(trial.intermediate_values) == [1, 2, 3, 4]
    assert list(tracker.reopen(run.id).history("val_accuracy")) == [1, 2, 3, 4]


def test_what_is_left_is_delivered_for_as_long_as_the_tracker_takes_anything(
    settle: Settle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Choosy(MemoryTracker):
        """Takes half a second for a run, and never takes the first."""

        def run(self, experiment: str, key: str, *arguments: Any, **how: Any) -> MemoryRun:
            if key == "uuid/0":
                raise TrackingError("not this one")
            time.sleep(0.5)
            return super().run(experiment, key, *arguments, **how)

    monkeypatch.setattr(delivery, "SECONDS_TO_RECOVER", 1.5)
    tracker = Choosy()
    relay = Relay(Spool(tmp_path / "spool"), tracker)
    for number in range(8):
        relay.run("mlp", f"uuid/{number}", f"mlp-{number:04d}", {}).finish(Status.FINISHED)
    said = StringIO()
    delivery._deliver_the_rest(Console(file=said, width=1000), relay, settle())
    relay.close()
    assert len(tracker.records("mlp")) == 7
    assert "not this one\n1 run to be delivered yet" in said.getvalue()


def test_a_study_has_one_run_of_its_own_however_often_it_is_shown(settle: Settle, search: Search) -> None:
    study, tracker = search(settle(trials=1))
    relay = Relay(Spool(study.settings.spool), tracker)
    trial_runs = TrialRuns(study, relay)
    for page in ("<p>first</p>", "<p>second</p>"):
        trial_runs.portray(page)
        assert relay.settle(60) == []
    trial_runs.link()
    relay.close()
    (own,) = [run for run in tracker.records("mlp") if run.tags.get("search.kind") == "study"]
    assert own.status == "FINISHED"
    assert tracker.read(own.id, "study.html") == b"<p>second</p>"
    assert study.own_address in own.tags["mlflow.note.content"]
    assert study.attributes[RUN_ID] == own.id


def run_of(study: Study, number: int) -> str:
    """Return what the study says its trial's run is called."""
    return study.trials()[number].user_attrs.get(RUN_ID) or study._study.user_attrs[late_link(number)]
