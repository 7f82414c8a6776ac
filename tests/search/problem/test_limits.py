"""What costs too much is not trained, and the sampler learns to keep away from it."""

import itertools
from collections.abc import Callable
from math import log
from pathlib import Path

import pytest
from optuna.trial import TrialState

from models.data import Images
from search.problem.limits import Limits
from search.problem.settings import Settings
from search.recording.artifacts import Outcome
from search.recording.trial_runs import TrialRuns
from search.store.study import Study
from search.system.errors import SearchError
from search.workers import worker
from search.workers.messages import Built, Failed, Job, Message, Rejected, Trained
from tests.search.conftest import Searched
from tests.search.driver.test_driver import Script
from tests.search.driver.test_repeats import parameters
from tests.search.driver.test_resume import converse, without_time
from tests.support import STATEFUL, job_of
from tracking.engines.memory import MemoryTracker
from tracking.relay import Relay
from tracking.spool import Spool

pytestmark = pytest.mark.slow

Settle = Callable[..., Settings]
Search = Callable[..., Searched]
Open = Callable[..., Study]


def test_what_is_over_a_limit_is_over_by_how_many_times_and_what_is_at_it_is_not() -> None:
    limits = Limits(parameters=1000, seconds_per_epoch=2.0)
    measured = {"parameters": 2000.0, "seconds_per_epoch": 2.0}
    assert limits.excess(measured) == {"parameters": log(2)}
    assert limits.refusal(measured) == "2,000 parameters, more than --max-parameters 1,000"
    assert limits.refusal({"seconds_per_epoch": 2.25}) == "2.25 s an epoch, more than --max-seconds-per-epoch 2"
    assert Limits().refusal(measured) == ""


def test_a_network_over_the_limit_is_not_trained_at_all(
    settle: Settle, search: Search, open_study: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No network is as small as that.
    monkeypatch.setattr("search.driver.trials.INFEASIBLE_IN_A_ROW", 1)
    tracker, wanted = MemoryTracker(), settle(trials=1, max_parameters=100)
    with pytest.raises(SearchError, match="more than --max-parameters 100"):
        search(wanted, tracker)
    study = open_study(wanted)
    (trial,), (run,) = study.trials(), tracker.records("mlp")
    assert trial.state == TrialState.PRUNED
    assert trial.intermediate_values == {}
    assert run.metrics.keys() == {"parameters"}
    assert run.artifacts == []
    assert list(study.settings.checkpoints.glob("*")) == []
    count = int(run.metrics["parameters"])
    assert trial.user_attrs["reason"] == run.tags["search.reason"]
    assert trial.user_attrs["reason"] == f"infeasible: {count:,} parameters, more than --max-parameters 100"
    assert trial.constraints == {"parameters": log(count / 100)}


def test_baselines_are_not_let_off(
    settle: Settle, search: Search, open_study: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.driver.trials.INFEASIBLE_IN_A_ROW", 2)
    wanted = settle(trials=2, baselines="best", max_parameters=100)
    with pytest.raises(SearchError, match="2 configurations in a row"):
        search(wanted)
    baseline, start, *_ = open_study(wanted).trials()
    assert [one.user_attrs["reason"].partition(":")[0] for one in (baseline, start)] == ["infeasible"] * 2


def test_a_network_that_is_too_slow_is_timed_and_not_trained(bars: Images, tmp_path: Path, tensorflow: None) -> None:
    job = job_of("mlp", bars, tmp_path)
    told = list(worker.run(Job(**{**vars(job), "limits": Limits(seconds_per_epoch=1e-9)})))
    assert [type(message) for message in told] == [Built, Rejected]
    assert isinstance(told[-1], Rejected)
    assert told[-1].measured["seconds_per_epoch"] > 1e-9
    assert "s an epoch, more than --max-seconds-per-epoch 1e-09" in told[-1].reason
    assert not job.folder.exists()


def test_a_network_that_was_timed_trains_as_one_that_was_not(bars: Images, tmp_path: Path, tensorflow: None) -> None:
    job = job_of("mlp", bars, tmp_path, **STATEFUL)
    timed = job_of("mlp", bars, tmp_path, number=1, **STATEFUL)
    whole = converse(job)
    after = converse(Job(**{**vars(timed), "limits": Limits(seconds_per_epoch=1e9)}))
    assert without_time(after) == without_time(whole)
    assert isinstance(after[-1], Trained)


def test_what_has_begun_to_train_is_not_timed_again(bars: Images, tmp_path: Path, tensorflow: None) -> None:
    job = job_of("mlp", bars, tmp_path)
    converse(job, break_off_after=1)
    again = converse(Job(**{**vars(job), "limits": Limits(seconds_per_epoch=1e-9)}))
    assert isinstance(again[-1], Trained)


def reject(job: Job, attempt: int) -> list[Message]:
    measured = {"parameters": 250.0}
    return [Built(250), Rejected(job.limits.refusal(measured), measured)]


def test_a_rejection_that_was_only_not_told_is_adopted_with_its_constraint(
    settle: Settle, search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker, wanted = MemoryTracker(), settle(trials=1, max_parameters=100)
    with monkeypatch.context() as patch:
        patch.setattr(Study, "tell", lambda *_: (_ for _ in ()).throw(SearchError("killed before telling")))
        with pytest.raises(SearchError, match="killed before telling"):
            search(wanted, tracker, Script(reject))
    engine = Script(lambda job, attempt: [Built(10), Failed("another")])
    study, _ = search(wanted, tracker, engine)
    trial, _ = study.trials()
    assert list(engine.attempts) == [1]
    assert trial.constraints == {"parameters": log(2.5)}
    assert trial.user_attrs["parameters"] == 250


def test_what_repeats_a_rejected_configuration_is_rejected_by_as_much(
    settle: Settle, search: Search, open_study: Open
) -> None:
    wanted = settle(trials=2, max_parameters=100)
    for _ in range(2):
        open_study(wanted)._study.enqueue_trial(dict(parameters()))
    engine = Script(lambda job, attempt: reject(job, attempt) if job.number < 2 else [Built(10), Failed("another")])
    study, tracker = search(wanted, engine=engine)
    assert list(engine.attempts) == [0, 2, 3]
    assert [trial.constraints for trial in study.trials()[:2]] == [{"parameters": log(2.5)}] * 2
    assert [run.metrics for run in tracker.records("mlp")][:2] == [{"parameters": 250.0}] * 2


TRIALS, LIMIT = 40, 300_000


def overs(study: Study) -> int:
    """Draw trials whose value is the better the more units they have; return how many were over, of the later half."""
    trial_runs = TrialRuns(study, Relay(Spool(study.settings.spool), MemoryTracker()))
    over = []
    for _ in range(TRIALS):
        trial = study.ask()
        assert trial is not None
        drawn = study.suggest(trial)
        sizes = [784, *(int(drawn[f"units_{layer + 1}"]) for layer in range(int(drawn["depth"]))), 10]
        count = float(sum((one + 1) * other for one, other in itertools.pairwise(sizes)))
        refusal = study.settings.limits.refusal({"parameters": count})
        outcome = Outcome(TrialState.COMPLETE, (1 - 1 / count,))
        if refusal:
            outcome = Outcome(TrialState.PRUNED, (), f"infeasible: {refusal}", {"parameters": count})
        trial_runs.end(trial, trial_runs.begin(trial, {}), outcome)
        over.append(count > LIMIT)
    return sum(over[TRIALS // 2 :])


def test_tpe_learns_to_keep_within_a_limit_that_it_is_told_of(
    settle: Settle, open_study: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More units are better, so that without a limit it draws ever larger networks, and with one the best are at it.

    With five seeds, of the later 20 networks 5 to 10 were over the limit, and 16 to 18 without it.
    """
    monkeypatch.setattr("search.recording.trial_runs.PATIENCE", 0.0)
    pins = ("l1=0", "l2=0", "batch_norm=false", "dropout=0", "learning_rate=0.01", "activation=relu")
    pins += ("augmentation=none", "schedule=constant", "batch_size=32", "optimizer=adam")
    told = overs(open_study(settle("told", family="mlp", fix=pins, max_parameters=LIMIT)))
    untold = overs(open_study(settle("untold", family="mlp", fix=pins)))
    assert 2 * told <= untold
