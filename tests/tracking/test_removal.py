"""Models that are removed on purpose: of the run, everything else stays, and of other models, everything."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
from mlflow.store.artifact.mlflow_artifacts_repo import MlflowArtifactsRepository
from mlflow.tracking import MlflowClient
from requests import Response

import tracking
from tracking.engines import files
from tracking.run import (
    DUPLICATE_TAG,
    MODEL_REMOVED_TAG,
    MODEL_SHA256_TAG,
    MODEL_TAG,
    Model,
    Run,
    Tensor,
    Tracker,
    TrackingError,
)

Opener = Callable[[], Tracker]
WHY = "today, by a test"


def model(file: Path) -> Model:
    return Model(file, Tensor("uint8", (-1, 28, 28, 1)), Tensor("float32", (-1, 10)), ("keras==3.15.1",), "3.15.1")


@pytest.fixture
def large_file(tmp_path: Path) -> Path:
    """A model that takes blocks of any file system."""
    file = tmp_path / "large.keras"
    file.write_bytes(os.urandom(200_000))
    return file


@pytest.fixture
def with_model(run: Run, large_file: Path) -> Run:
    run.log_text("confusion/test.json", "{}")
    run.log_metrics({"test_accuracy": 0.5})
    run.log_model(model(large_file))
    return run


@pytest.fixture
def local(database: Path, tmp_path: Path, large_file: Path) -> Iterator[tuple[Tracker, Run, Path]]:
    """A store of files, a run with a model in it, and the folder of that."""
    tracker = tracking.connect(f"sqlite:///{database}", tmp_path / "artifacts")
    run = tracker.run("lenet5", "uuid/17", "lenet5-0017", {})
    run.log_model(model(large_file))
    (stored,) = tracker.models("lenet5")
    folder = files.local(stored.place)
    assert folder is not None
    yield tracker, run, folder
    tracker.close()


def test_a_model_is_listed_with_its_run_and_what_it_takes(with_model: Run, reopen: Opener, experiment: str) -> None:
    tracker = reopen()
    (stored,) = tracker.models(experiment)
    assert (stored.run, stored.name, stored.key, stored.held) == (with_model.id, "lenet5-0017", "uuid/17", "")
    assert 200_000 <= tracker.model_bytes(stored) <= 300_000
    assert tracker.models("another") == []


def test_a_removed_model_frees_what_it_took_and_leaves_the_rest_of_its_run(
    with_model: Run, reopen: Opener, experiment: str
) -> None:
    tracker = reopen()
    (stored,) = tracker.models(experiment)
    (before,) = tracker.records(experiment)
    took = tracker.model_bytes(stored)
    assert tracker.reopen(with_model.id).remove_model(WHY) == took
    assert tracker.models(experiment) == []
    assert tracker.networks(experiment)(before) is None
    (after,) = reopen().records(experiment)
    assert (after.status, after.metrics, after.artifacts) == (before.status, before.metrics, before.artifacts)
    assert MODEL_TAG not in after.tags
    assert after.tags[MODEL_SHA256_TAG] == before.tags[MODEL_SHA256_TAG]
    assert after.tags[MODEL_REMOVED_TAG] == WHY


def test_a_second_removal_does_nothing_and_the_first_reason_stays(
    with_model: Run, reopen: Opener, experiment: str
) -> None:
    assert reopen().reopen(with_model.id).remove_model(WHY) > 0
    assert reopen().reopen(with_model.id).remove_model("later") == 0
    assert reopen().records(experiment)[0].tags[MODEL_REMOVED_TAG] == WHY


def test_a_run_without_a_model_is_not_said_to_have_lost_it(run: Run, reopen: Opener, experiment: str) -> None:
    assert reopen().reopen(run.id).remove_model(WHY) == 0
    assert MODEL_REMOVED_TAG not in reopen().records(experiment)[0].tags


def test_other_models_are_left_alone(with_model: Run, tracker: Tracker, experiment: str, keras_file: Path) -> None:
    other = tracker.run(experiment, "uuid/18", "lenet5-0018", {})
    other.log_model(model(keras_file))
    with_model.remove_model(WHY)
    assert [stored.key for stored in tracker.models(experiment)] == ["uuid/18"]
    assert tracker.networks(experiment)(tracker.record(other.id))


def test_a_model_of_a_run_that_does_not_count_has_no_key(with_model: Run, tracker: Tracker, experiment: str) -> None:
    with_model.set_tags({DUPLICATE_TAG: "another"})
    assert [stored.key for stored in tracker.models(experiment)] == [""]


def test_a_model_that_was_removed_is_not_recorded_again_by_a_delivery_that_is_repeated(
    with_model: Run, reopen: Opener, experiment: str, large_file: Path
) -> None:
    reopen().reopen(with_model.id).remove_model(WHY)
    reopen().reopen(with_model.id).log_model(model(large_file))
    assert reopen().models(experiment) == []


@pytest.mark.parametrize("cut", ["delete_artifacts", "delete_logged_model", "delete_tag"])
@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
def test_a_removal_that_was_cut_short_says_so_and_is_ended_by_the_next(
    cut: str, done: bool, local: tuple[Tracker, Run, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker, run, folder = local
    whose: type = LocalArtifactRepository if cut == "delete_artifacts" else MlflowClient
    real = getattr(whose, cut)

    def fail(*words: object, **named: object) -> None:
        if done:
            real(*words, **named)
        raise OSError("cut short")

    with monkeypatch.context() as patched:
        patched.setattr(whose, cut, fail)
        with pytest.raises(TrackingError, match="cut short"):
            tracker.reopen(run.id).remove_model(WHY)
    (cut_short,) = tracker.records("lenet5")
    assert cut_short.tags[MODEL_REMOVED_TAG] == WHY
    assert (MODEL_TAG in cut_short.tags) == ((cut, done) != ("delete_tag", True))
    tracker.reopen(run.id).remove_model("later")
    (ended,) = tracker.records("lenet5")
    assert (tracker.models("lenet5"), MODEL_TAG in ended.tags, folder.exists()) == ([], False, False)
    assert ended.tags[MODEL_REMOVED_TAG] == WHY


@pytest.mark.parametrize("source", ["models:/{model}", "runs:/{run}/lenet5-0017", "{place}", "models:/first/1"])
def test_a_model_that_the_registry_refers_to_is_held_and_never_removed(
    source: str, local: tuple[Tracker, Run, Path], database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker, run, folder = local
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{database}")
    client = MlflowClient(f"sqlite:///{database}")
    (stored,) = tracker.models("lenet5")
    if "first" in source:
        client.create_registered_model("first")
        client.create_model_version("first", stored.place)
    client.create_registered_model("garments")
    client.create_model_version("garments", source.format(model=stored.id, run=run.id, place=stored.place))
    if "first" in source:
        client.delete_model_version("first", "1")
    assert [one.held for one in tracker.models("lenet5")] == ["registered: garments, version 1"]
    with pytest.raises(TrackingError, match="registered: garments, version 1"):
        tracker.reopen(run.id).remove_model(WHY)
    assert folder.exists()
    assert MODEL_REMOVED_TAG not in tracker.records("lenet5")[0].tags


def test_nothing_is_removed_that_lies_outside_of_the_experiment(
    local: tuple[Tracker, Run, Path], database: Path, tmp_path: Path
) -> None:
    tracker, run, folder = local
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").write_text("all of it")
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("UPDATE logged_models SET artifact_location = ?", (mine.as_uri(),))
    with pytest.raises(TrackingError, match="outside of"):
        tracker.reopen(run.id).remove_model(WHY)
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("UPDATE logged_models SET artifact_location = ?", (folder.as_uri(),))
    shutil.rmtree(folder.parent)
    folder.parent.symlink_to(mine)
    with pytest.raises(TrackingError, match="outside of"):
        tracker.reopen(run.id).remove_model(WHY)
    assert (mine / "thesis.tex").exists()


def test_what_a_server_does_not_remove_is_hidden_and_left_to_mlflow(
    server: str, tmp_path: Path, experiment: str, large_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = tracking.connect(server, tmp_path)
    run = tracker.run(experiment, "uuid/17", "lenet5-0017", {})
    run.log_model(model(large_file))
    (stored,) = tracker.models(experiment)

    def refuse(code: int) -> None:
        refused = Response()
        refused.status_code = code
        monkeypatch.setattr(MlflowArtifactsRepository, "delete_artifacts", lambda self: refused.raise_for_status())

    refuse(500)
    with pytest.raises(TrackingError, match="500"):
        run.remove_model(WHY)
    assert tracker.models(experiment) == [stored]
    refuse(403)
    assert run.remove_model(WHY) == 0
    assert (tracker.models(experiment), tracker.model_bytes(stored) > 200_000) == ([], True)
    tracker.close()


def test_a_model_that_somebody_deleted_in_mlflow_is_missing_and_not_an_error(
    local: tuple[Tracker, Run, Path], database: Path
) -> None:
    tracker, run, _ = local
    MlflowClient(f"sqlite:///{database}").delete_logged_model(tracker.models("lenet5")[0].id)
    assert tracker.networks("lenet5")(tracker.record(run.id)) is None
    assert tracker.reopen(run.id).remove_model(WHY) == 0
    assert MODEL_REMOVED_TAG not in tracker.records("lenet5")[0].tags
