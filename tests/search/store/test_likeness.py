"""Studies that are begun like others."""

from collections.abc import Callable

import pytest

from search.problem import beginnings
from search.problem.settings import Settings
from search.store import likeness, storage
from search.store.attributes import LEARNT, START
from search.store.study import Study
from search.system.errors import UsageError
from tests.support import parameters

Settle, Open = Callable[..., Settings], Callable[..., Study]


@pytest.fixture
def known(settle: Settle, open_study: Open) -> Study:
    """A study of two trials, the second of which is the better."""
    study = open_study(settle("known", family="mlp"))
    for value in (0.5, 0.7):
        study._study.enqueue_trial({**parameters(), "dropout": value})
        trial = study.ask()
        assert trial
        study.suggest(trial)
        trial.set_user_attr("seconds", 1.0)
        study._study.tell(trial, value)
    return study


def test_it_begins_with_the_best_of_another_and_then_with_its_own(
    known: Study, settle: Settle, open_study: Open
) -> None:
    study = open_study(settle("new", family="mlp", like="known", baselines="best"))
    begun = [trial.user_attrs[START] for trial in study.trials() if START in trial.user_attrs]
    assert begun[:2] == ["as known/1, which came to 0.7000", "as known/0, which came to 0.5000"]
    assert begun[2:] == [start.label for start in beginnings.of("mlp")]


def test_what_it_learnt_stays_whatever_becomes_of_the_other(known: Study, settle: Settle, open_study: Open) -> None:
    wanted = settle("new", family="mlp", like="known")
    before = open_study(wanted).attributes[LEARNT]
    known._study.enqueue_trial(parameters())
    trial = known.ask()
    assert trial
    known.suggest(trial)
    known._study.tell(trial, 0.9)
    again = open_study(wanted)
    assert again.attributes[LEARNT] == before
    assert len([trial for trial in again.trials() if START in trial.user_attrs]) == 2


@pytest.mark.parametrize(
    ("like", "why"),
    [
        ("knwon", r"no study named 'knwon' \(did you mean known\?\)"),
        ("new", "cannot be like itself"),
        ("empty", "none of its trials is complete"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused_before_anything_is_begun(
    like: str, why: str, known: Study, settle: Settle, open_study: Open
) -> None:
    open_study(settle("empty", family="mlp"))
    with pytest.raises(UsageError, match=why):
        open_study(settle("new", family="mlp", like=like))
    assert storage.names(known._study.rows) == ["empty", "known"]
    assert open_study(settle("new", family="mlp", like="known")).learnt.studies.keys() == {"known"}


def test_where_there_is_no_study_yet_none_can_be_learnt_from(settle: Settle) -> None:
    with pytest.raises(UsageError, match="there is no study yet in .*; leave it out"):
        likeness.learnt(None, settle("new", family="mlp", like="known"))
    assert likeness.learnt(None, settle("new", family="mlp")).studies == {}
