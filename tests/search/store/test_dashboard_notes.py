"""What the Optuna dashboard finds beside the numbers, asked as the dashboard asks."""

from collections.abc import Callable
from urllib.parse import urlsplit

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.artifacts import get_all_artifact_meta
from optuna_dashboard import get_note

from search.store import dashboard_notes, links, storage
from search.store.study import Study
from search.ui import dashboard
from search.workers.messages import EpochDone, Failed
from tests.search.driver.test_driver import Script, Search, Settle
from tests.search.recording.test_trial_runs import Away, run_of
from tracking.engines.memory import MemoryTracker

pytestmark = pytest.mark.slow


def opened(study: Study) -> optuna.Study:
    return optuna.load_study(study_name=study.settings.study, storage=study.settings.storage)


def trial(study: optuna.Study, number: int) -> optuna.Trial:
    return optuna.Trial(study, study.trials[number]._trial_id)


@given(st.integers(1, 2**31), st.integers(0, 2**31), st.sampled_from(dashboard_notes.PICTURES))
def test_the_id_of_a_picture_says_whose_it_is_and_is_one_the_dashboard_takes(
    study: int, number: int, name: str
) -> None:
    artifact = dashboard_notes.Ids(study, 7, number).picture(name)
    assert dashboard_notes.picture_of(artifact) == (study, number, name)
    assert set(artifact) <= set("0123456789abcdef-")


@given(st.text(max_size=30))
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        dashboard_notes.picture_of(f"{text}-x")


def test_a_trial_has_a_note_with_its_run_its_figures_and_its_confusion_matrix(settle: Settle, search: Search) -> None:
    study, _ = search(settle(trials=1))
    found = trial(opened(study), 0)
    note = get_note(found)
    metrics = opened(study).trials[0].user_attrs
    assert f"(http://127.0.0.1:5000/#/runs/{run_of(study, 0)})" in note
    assert f"{metrics['test_accuracy']:.4f}" in note
    pictures = {meta.filename: meta for meta in get_all_artifact_meta(found)}
    assert set(pictures) == {"confusion-test.png", "curves.png", "predictions-samples.png", "predictions-mistakes.png"}
    shown = pictures["confusion-test.png"].artifact_id
    assert f"![confusion/test.png](/artifacts/{found.study._study_id}/{found._trial_id}/{shown})" in note


def test_every_picture_that_a_trial_shows_is_in_its_run(settle: Settle, search: Search) -> None:
    for family in ("mlp", "siamese"):
        study, tracker = search(settle(family, trials=1))
        ids = [meta.artifact_id for meta in get_all_artifact_meta(trial(opened(study), 0))]
        (record,) = tracker.records(family)
        assert {dashboard_notes.picture_of(artifact)[2] for artifact in ids} <= set(record.artifacts)
        assert len(ids) == (5 if family == "siamese" else 4)


def test_a_trial_that_failed_on_its_way_shows_its_curves(settle: Settle, search: Search) -> None:
    metrics = {"loss": 1.0, "accuracy": 0.5, "val_loss": 1.0, "val_accuracy": 0.5, "seconds": 1.0, "learning_rate": 0.1}
    engine = Script(lambda job, attempt: [EpochDone(0, metrics), Failed("diverged at epoch 2")])
    study, tracker = search(settle(trials=1), MemoryTracker(), engine)
    (meta,) = get_all_artifact_meta(trial(opened(study), 0))
    assert meta.filename == "curves.png"
    assert "curves.png" in tracker.records("mlp")[0].artifacts


def test_a_run_that_got_its_name_late_is_linked_all_the_same(
    settle: Settle, search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.recording.trial_runs.PATIENCE", 0.1)
    tracker = Away()
    study, _ = search(settle(trials=1), tracker)
    assert "/#/runs/" not in get_note(trial(opened(study), 0))
    assert "Its run in MLflow" not in get_note(opened(study))
    tracker.back = True
    study, _ = search(settle(trials=1), tracker, Script(lambda job, attempt: [Failed("nothing was left to train")]))
    assert f"/#/runs/{run_of(study, 0)})" in get_note(trial(opened(study), 0))
    # It is the best one, and stands in the study's note, too.
    assert f"[Its run in MLflow](http://127.0.0.1:5000/#/runs/{run_of(study, 0)})" in get_note(opened(study))


def test_the_study_has_a_note_with_its_best_trial(settle: Settle, search: Search) -> None:
    study, _ = search(settle(trials=2))
    found = opened(study)
    assert f"[trial {found.best_trial.number}]" in get_note(found)
    assert f"/#/runs/{run_of(study, found.best_trial.number)})" in get_note(found)


def test_the_note_of_a_study_leads_to_its_charts(settle: Settle, search: Search) -> None:
    study, _ = search(settle(trials=2))
    study.link_own("c0ffee")
    assert "[Its charts in MLflow](http://127.0.0.1:5000/#/runs/c0ffee)" in get_note(opened(study))
    # A better one comes, and they are still there.
    study.annotate(0, best=True)
    assert "/#/runs/c0ffee)" in get_note(opened(study))
    assert "[trial 0]" in get_note(opened(study))


def test_a_run_has_its_trial_in_its_description(settle: Settle, search: Search) -> None:
    study, tracker = search(settle(trials=2))
    place = f"{links.study(opened(study)._study_id)}/trials?numbers="
    described = [record.tags["mlflow.note.content"] for record in tracker.records("mlp")]
    assert described == [
        f"[This trial in the Optuna dashboard]({place}{trial}&search_study={study.uuid})" for trial in (0, 1)
    ]


def test_a_link_of_a_deleted_study_does_not_lead_to_the_one_that_got_its_number(
    settle: Settle, open_study: Callable[..., Study]
) -> None:
    study = open_study(settle())
    store = storage.connect(study.settings.storage)
    shown = dashboard.checked(lambda environ, start: [b"shown"], store)
    place = urlsplit(study.address(0))

    def ask(query: str) -> list[bytes]:
        environ = {"PATH_INFO": place.path, "QUERY_STRING": query}
        return list(shown(environ, lambda status, headers: lambda content: None))

    assert ask(place.query) == [b"shown"]
    optuna.delete_study(study_name="mlp", storage=store)
    theirs = optuna.create_study(study_name="theirs", storage=store)
    assert links.study(theirs._study_id) in study.address(0)
    assert ask(place.query)[0].startswith(b"This link is of a study that was deleted")
    assert ask("numbers=0") == [b"shown"]


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("sqlite:////home/mlflow.db", "http://127.0.0.1:5000"),
        ("https://runs.example.org/mlflow/", "https://runs.example.org/mlflow"),
        ("http://name:secret@runs.example.org:5000", "http://runs.example.org:5000"),
    ],
)
def test_runs_are_where_their_server_is_and_no_password_is_in_a_link(uri: str, address: str) -> None:
    assert links.run(uri, "1f") == f"{address}/#/runs/1f"
