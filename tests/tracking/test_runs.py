"""What a run does, in every store."""

import io
import json
import math
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlflow.exceptions import MlflowException
from PIL import Image

from tracking.pictures import ConfusionMatrix, LearningCurves
from tracking.run import (
    DESCRIPTION_TAG,
    DUPLICATE_TAG,
    STUDY_TAG,
    Dataset,
    Measurement,
    Model,
    Record,
    Run,
    Status,
    Tensor,
    Tracker,
    TrackingError,
)
from tracking.view import VIEW_TAG

Opener = Callable[[], Tracker]


def only_record(tracker: Tracker, experiment: str) -> Record:
    (record,) = tracker.records(experiment)
    return record


def model(file: Path) -> Model:
    return Model(file, Tensor("uint8", (-1, 28, 28, 1)), Tensor("float32", (-1, 10)), ("keras==3.15.1",), "3.15.1")


def test_a_new_run_is_running_and_has_its_name_and_tags(run: Run, tracker: Tracker, experiment: str) -> None:
    record = only_record(tracker, experiment)
    assert (record.id, record.name, record.status) == (run.id, "lenet5-0017", Status.RUNNING)
    assert record.tags["search.key"] == "uuid/17"
    assert record.tags["search.study"] == "lenet5"


def test_the_same_key_gives_the_same_run(run: Run, reopen: Opener, experiment: str) -> None:
    assert reopen().run(experiment, "uuid/17", "another name", {}).id == run.id
    assert reopen().run(experiment, "uuid/18", "lenet5-0018", {}).id != run.id


@pytest.mark.parametrize("status", [Status.SCHEDULED, Status.FINISHED, Status.FAILED, Status.KILLED])
def test_a_run_that_ended_is_running_once_it_is_opened_again(
    run: Run, reopen: Opener, experiment: str, status: Status
) -> None:
    run.finish(status)
    assert only_record(reopen(), experiment).status == status
    reopen().run(experiment, "uuid/17", "lenet5-0017", {})
    assert only_record(reopen(), experiment).status == Status.RUNNING


def test_nothing_is_printed_by_a_run_that_ends(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    run.finish(Status.FINISHED)
    assert capfd.readouterr() == ("", "")


def test_an_experiment_that_nobody_made_has_no_runs(tracker: Tracker) -> None:
    assert list(tracker.records("nobody-made-this")) == []


def test_runs_are_listed_oldest_first(tracker: Tracker, experiment: str) -> None:
    ids = [tracker.run(experiment, f"uuid/{number}", f"r-{number}", {}).id for number in range(5)]
    tracker.run(experiment, "uuid/1", "r-1", {}).log_metrics({"loss": 1.0})
    assert [record.id for record in tracker.records(experiment)] == ids


def test_metrics_come_back_by_step(run: Run, reopen: Opener, experiment: str) -> None:
    run.log_metrics({"loss": 0.1 + 0.2, "accuracy": 0.5}, step=0)
    run.log_metrics({"loss": 0.25}, step=1)
    again = reopen().run(experiment, "uuid/17", "lenet5-0017", {})
    assert again.history("loss") == run.history("loss") == {0: 0.1 + 0.2, 1: 0.25}
    assert again.history("never logged") == {}
    assert only_record(reopen(), experiment).metrics == {"loss": 0.25, "accuracy": 0.5}


@pytest.mark.slow
@given(data=st.data())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_however_often_a_run_is_reopened_each_step_stands_once(
    data: st.DataObject, reopen: Opener, experiment: str
) -> None:
    tracker, key = reopen(), f"uuid/{uuid.uuid4()}"
    run, expected = tracker.run(experiment, key, "r", {}), {"loss": {}, "accuracy": {}}
    logged = st.tuples(st.sampled_from(["loss", "accuracy"]), st.integers(0, 4), st.floats(-1e9, 1e9))
    for event in data.draw(st.lists(st.one_of(logged, st.just("reopen")), max_size=12)):
        if event == "reopen":
            run = tracker.run(experiment, key, "r", {})
        else:
            metric, step, value = event
            run.log_metrics({metric: value}, step)
            expected[metric].setdefault(step, value)
    again = tracker.run(experiment, key, "r", {})
    assert {metric: dict(again.history(metric)) for metric in expected} == expected


def test_what_is_not_finite_is_left_out_and_the_rest_is_kept(run: Run) -> None:
    run.log_metrics({"loss": math.nan, "val_loss": math.inf, "accuracy": 0.1}, step=3)
    assert (run.history("loss"), run.history("val_loss"), run.history("accuracy")) == ({}, {}, {3: 0.1})


@given(names=st.lists(st.text(min_size=1), min_size=1, max_size=5, unique=True))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_metrics_may_be_named_after_classes_of_any_name(names: list[str], tracker: Tracker, experiment: str) -> None:
    run = tracker.run(experiment, f"uuid/{uuid.uuid4()}", "named", {})
    run.log_metrics({f"test_f1.{name}": float(value) for value, name in enumerate(names)}, step=1)
    (record,) = [record for record in tracker.records(experiment) if record.id == run.id]
    assert sorted(record.metrics.values()) == [float(value) for value in range(len(names))]


@pytest.mark.parametrize("name", ["boots (old)", "ботинок & co", "a//b", "../up", "tail/", "x" * 300])
def test_an_odd_name_is_found_again_by_the_same_name(run: Run, name: str) -> None:
    run.log_metrics({f"f1.{name}": 0.5}, step=1)
    assert run.history(f"f1.{name}") == {1: 0.5}


def test_parameters_keep_every_digit_and_are_recorded_once(run: Run, reopen: Opener, experiment: str) -> None:
    parameters = {"learning_rate": 1e-3 / 3, "depth": 2, "l1": None, "augment": True, "dropout": np.float64(0.1)}
    run.log_parameters(parameters)
    again = reopen().run(experiment, "uuid/17", "lenet5-0017", {})
    again.log_parameters(parameters)
    stored = only_record(reopen(), experiment).parameters
    assert float(stored["learning_rate"]) == 1e-3 / 3
    assert stored == {**stored, "depth": "2", "l1": "None", "augment": "True", "dropout": "0.1"}


def test_a_parameter_never_changes(run: Run, reopen: Opener, experiment: str) -> None:
    run.log_parameters({"depth": 2})
    again = reopen().run(experiment, "uuid/17", "lenet5-0017", {})
    with pytest.raises(TrackingError, match="'depth' of run lenet5-0017 is '2' and cannot become '3'"):
        again.log_parameters({"width": 8, "depth": 3})
    assert only_record(reopen(), experiment).parameters == {"depth": "2"}


def test_a_parameter_that_would_be_cut_short_is_refused(run: Run) -> None:
    run.log_parameters({"note": "ж" * 6000})
    with pytest.raises(TrackingError, match="6001 characters"):
        run.log_parameters({"longer": "ж" * 6001})


def test_tags_are_set_over_those_of_the_same_name(run: Run, reopen: Opener, experiment: str) -> None:
    run.set_tags({"search.study": "cnn", "search.state": "PRUNED", "search.reason": "long " * 5000})
    tags = only_record(reopen(), experiment).tags
    assert (tags["search.study"], tags["search.state"]) == ("cnn", "PRUNED")
    assert len(tags["search.reason"]) == 8000
    assert tags["search.reason"].endswith("…")


def test_texts_and_pictures_are_listed_by_name(run: Run, reopen: Opener, experiment: str) -> None:
    run.log_text("confusion/test.json", json.dumps([[1, 0], [0, 1]]))
    run.log_text("report.txt", "Сапоги: 98 %")
    run.log_picture("confusion/test.png", ConfusionMatrix(np.eye(2, dtype=np.int64), ["a", "b"], "t"))
    assert list(only_record(reopen(), experiment).artifacts) == [
        "confusion/test.json",
        "confusion/test.png",
        "report.txt",
    ]


@pytest.mark.parametrize("name", ["../outside.txt", "/etc/outside.txt", "", "a\\b.txt"])
def test_no_artifact_leaves_its_run(run: Run, name: str) -> None:
    with pytest.raises(TrackingError, match="does not name an artifact"):
        run.log_text(name, "text")


def test_the_same_model_is_recorded_once(run: Run, reopen: Opener, experiment: str, keras_file: Path) -> None:
    run.log_model(model(keras_file))
    address = only_record(reopen(), experiment).tags["search.model"]
    again = reopen().run(experiment, "uuid/17", "lenet5-0017", {})
    again.log_model(model(keras_file))
    assert only_record(reopen(), experiment).tags["search.model"] == address
    keras_file.write_bytes(b"other weights")
    again.log_model(model(keras_file))
    tags = only_record(reopen(), experiment).tags
    assert tags["search.model"] != address
    assert tags["search.model_sha256"].startswith("53959fa102f3")


@pytest.mark.parametrize("lost", ["create_logged_model", "finalize_logged_model", "log_outputs", "log_batch"])
def test_a_model_of_which_an_answer_was_lost_is_recorded_all_the_same(
    lost: str, run: Run, tracker: Tracker, experiment: str, keras_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = getattr(run, "_client", None)
    if client is None:
        pytest.skip("memory does not answer, it does")
    run.log_metrics({"test_accuracy": 0.5})
    act = getattr(client, lost)

    def act_and_be_lost(*arguments: Any, **how: Any) -> None:
        act(*arguments, **how)
        raise MlflowException("the answer was lost")

    with monkeypatch.context() as losing:
        losing.setattr(client, lost, act_and_be_lost)
        with pytest.raises(TrackingError, match="the answer was lost"):
            run.log_model(model(keras_file))
    run.log_model(model(keras_file))
    assert "search.model" in only_record(tracker, experiment).tags
    assert len(client.search_logged_models([client.get_run(run.id).info.experiment_id])) == 1


def test_a_data_set_may_be_named_again(run: Run, reopen: Opener, experiment: str) -> None:
    dataset = Dataset("fashion-mnist", "d" * 36, "/data/мои", {"classes": 10, "shape": [28, 28, 1]})
    run.log_dataset(dataset)
    reopen().run(experiment, "uuid/17", "lenet5-0017", {}).log_dataset(dataset)


def test_a_picture_is_recorded_as_a_png(run: Run, tracker: Tracker) -> None:
    run.log_picture("curves.png", LearningCurves({"loss": [1.0]}, "t", 0))
    with Image.open(io.BytesIO(tracker.read(run.id, "curves.png"))) as picture:
        assert picture.format == "PNG"


def test_an_artifact_is_read_as_it_was_recorded(run: Run, reopen: Opener) -> None:
    run.log_text("confusion/test.json", "Сапоги\r\n")
    assert reopen().read(run.id, "confusion/test.json") == "Сапоги\r\n".encode()
    with pytest.raises(TrackingError):
        reopen().read(run.id, "confusion/none.json")


def test_the_networks_of_an_experiment_are_the_files_in_the_store(
    run: Run, reopen: Opener, keras_file: Path, experiment: str
) -> None:
    def network() -> bytes | None:
        tracker = reopen()
        (record,) = tracker.records(experiment)
        return tracker.networks(experiment)(record)

    assert network() is None
    run.log_model(model(keras_file))
    assert network() == b"weights"


def test_the_curves_of_an_experiment_are_those_of_its_runs(run: Run, reopen: Opener, experiment: str) -> None:
    for step, value in ((2, 0.25), (1, 0.5), (3, 1 / 3)):
        run.log_metrics({"val_accuracy": value, "odd:name": value}, step)
    tracker, record = reopen(), reopen().record(run.id)
    for metric in ("val_accuracy", "odd:name", "never recorded"):
        assert tracker.curves(experiment, metric)(record) == tracker.values(run.id, metric)
    assert [step for step, _ in tracker.curves(experiment, "val_accuracy")(record)] == [1, 2, 3]


def test_a_run_is_found_by_its_key_and_left_as_it_is(run: Run, reopen: Opener, experiment: str) -> None:
    run.finish(Status.FAILED)
    found = reopen().find(experiment, "uuid/17")
    assert found is not None
    assert (found.id, found.status) == (run.id, Status.FAILED)
    assert reopen().find(experiment, "uuid/18") is None
    assert reopen().find("no such experiment", "uuid/17") is None


def test_a_run_is_mended_without_being_begun_again(run: Run, reopen: Opener, experiment: str) -> None:
    run.log_metrics({"loss": 1.0}, step=1)
    run.finish(Status.FINISHED)
    mended = reopen().reopen(run.id)
    mended.set_tags({"search.reason": "mended"})
    mended.log_metrics({"loss": 5.0}, step=1)
    record = only_record(reopen(), experiment)
    assert (record.status, record.tags["search.reason"], record.metrics["loss"]) == (Status.FINISHED, "mended", 1.0)


def test_an_experiment_says_whose_it_is(tracker: Tracker, reopen: Opener, experiment: str) -> None:
    assert tracker.experiment_tags(experiment) is None
    tracker.prepare(experiment, {"search.study_uuid": "1", "kind": "search"})
    tracker.claim(experiment, "2")
    tags = reopen().experiment_tags(experiment)
    assert tags is not None
    assert (tags["search.study_uuid"], tags["kind"]) == ("2", "search")


def test_an_experiment_of_somebody_else_gets_no_runs(tracker: Tracker, reopen: Opener, experiment: str) -> None:
    """Its name is all that it has in common with a study."""
    tracker.prepare(experiment, {"search.study_uuid": "theirs"})
    for refused in (
        lambda: reopen().prepare(experiment, {"search.study_uuid": "ours"}),
        lambda: reopen().run(experiment, "ours/17", "lenet5-0017", {}),
    ):
        with pytest.raises(TrackingError, match=f"experiment '{experiment}' in .* is somebody else's"):
            refused()
    assert list(tracker.records(experiment)) == []
    tags = tracker.experiment_tags(experiment)
    assert tags is not None
    assert tags["search.study_uuid"] == "theirs"


def test_what_a_person_wrote_about_an_experiment_stays(tracker: Tracker, reopen: Opener, experiment: str) -> None:
    for described, columns in (("by a person", "1"), ("by us", "2")):
        tracker.prepare(experiment, {STUDY_TAG: "1", DESCRIPTION_TAG: described, VIEW_TAG: columns})
    tags = reopen().experiment_tags(experiment)
    assert tags is not None
    assert (tags[DESCRIPTION_TAG], tags[VIEW_TAG]) == ("by a person", "2")
    assert tracker.experiment_id(experiment)
    assert tracker.experiment_id(f"{experiment}-2") is None


def test_every_value_of_a_metric_is_given_back_by_step(run: Run, reopen: Opener) -> None:
    run.log_metrics({"loss": 0.1 + 0.2}, step=2)
    run.log_metrics({"loss": 0.5}, step=1)
    assert list(reopen().values(run.id, "loss")) == [(1, 0.5), (2, 0.1 + 0.2)]
    assert list(reopen().values(run.id, "never logged")) == []


def test_all_that_was_measured_is_given_back_with_its_time(run: Run, reopen: Opener) -> None:
    run.log_metrics({"loss": 0.5, "val_loss": 1e-300}, step=2, time=1_700_000_000_002)
    run.log_metrics({"loss": 0.1 + 0.2}, step=1, time=1_700_000_000_001)
    found = reopen().histories(run.id)
    assert {name: list(history) for name, history in found.items()} == {
        "loss": [Measurement(1, 0.1 + 0.2, 1_700_000_000_001), Measurement(2, 0.5, 1_700_000_000_002)],
        "val_loss": [Measurement(2, 1e-300, 1_700_000_000_002)],
    }


def test_a_record_says_when_the_run_began_and_ended(tracker: Tracker, experiment: str) -> None:
    run = tracker.run(experiment, "uuid/17", "lenet5-0017", {}, time=1_700_000_000_001)
    assert (tracker.record(run.id).began, tracker.record(run.id).ended) == (1_700_000_000_001, None)
    run.finish(Status.SCHEDULED)
    assert tracker.record(run.id).ended is None
    run.finish(Status.FINISHED, time=1_700_000_000_009)
    assert tracker.record(run.id).ended == 1_700_000_000_009


def test_a_file_of_any_kind_is_kept_byte_by_byte(run: Run, reopen: Opener) -> None:
    content = bytes(range(256)) * 3
    run.log_artifact("мои/файлы.bin", content)
    assert reopen().read(run.id, "мои/файлы.bin") == content
    with pytest.raises(TrackingError, match="does not name an artifact"):
        run.log_artifact("../outside.bin", content)


def test_a_model_is_given_back_as_it_was_recorded(run: Run, reopen: Opener, keras_file: Path, tmp_path: Path) -> None:
    recorded = replace(model(keras_file), metadata={"class_names": ["Сапоги"], "background": 0})
    run.log_model(recorded)
    (tmp_path / "copied").mkdir()
    found = reopen().model(run.id, tmp_path / "copied")
    assert found.file.read_bytes() == b"weights"
    assert replace(found, file=keras_file) == recorded


def test_a_run_tagged_as_a_duplicate_does_not_count_under_its_key(run: Run, reopen: Opener, experiment: str) -> None:
    run.set_tags({DUPLICATE_TAG: "another"})
    assert reopen().find(experiment, "uuid/17") is None
    assert reopen().run(experiment, "uuid/17", "lenet5-0017", {}).id != run.id
    assert len(reopen().records(experiment)) == 2


def test_a_record_says_what_the_run_was_trained_on(run: Run, reopen: Opener, experiment: str) -> None:
    assert list(only_record(reopen(), experiment).datasets) == []
    dataset = Dataset("fashion-mnist", "d" * 36, "/данные", {"classes": 10, "shape": [28, 28, 1]})
    run.log_dataset(dataset)
    assert list(only_record(reopen(), experiment).datasets) == [dataset]
