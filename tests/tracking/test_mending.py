"""A model's file that is mended in its place, under a new SHA-256."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tracking.run import MODEL_BEFORE_TAG, MODEL_SHA256_TAG, MODEL_TAG, Model, Run, Tensor, Tracker, TrackingError

Opener = Callable[[], Tracker]


def model(file: Path) -> Model:
    return Model(file, Tensor("uint8", (-1, 28, 28, 1)), Tensor("float32", (-1, 10)), ("keras==3.15.1",), "3.15.1")


@pytest.fixture
def with_model(run: Run, keras_file: Path) -> Run:
    run.log_model(model(keras_file))
    return run


@pytest.fixture
def mended(tmp_path: Path) -> Path:
    file = tmp_path / "mended.keras"
    file.write_bytes(b"other weights")
    return file


def test_a_mended_model_is_the_same_one_with_another_file(
    with_model: Run, reopen: Opener, experiment: str, mended: Path, tmp_path: Path
) -> None:
    tracker = reopen()
    before, (stored,) = tracker.record(with_model.id).tags, tracker.models(experiment)
    tracker.reopen(with_model.id).mend_model(mended)
    after = reopen().record(with_model.id).tags
    assert after[MODEL_TAG] == before[MODEL_TAG]
    assert after[MODEL_BEFORE_TAG] == before[MODEL_SHA256_TAG] != after[MODEL_SHA256_TAG]
    assert _digest(reopen(), experiment, with_model) == after[MODEL_SHA256_TAG]
    assert reopen().model(with_model.id, tmp_path).file.read_bytes() == b"other weights"
    assert [one.id for one in reopen().models(experiment)] == [stored.id]


def _digest(tracker: Tracker, experiment: str, run: Run) -> str:
    network = tracker.networks(experiment)(tracker.record(run.id))
    assert network is not None
    return hashlib.sha256(network).hexdigest()


def test_mending_twice_keeps_what_was_there_first(with_model: Run, reopen: Opener, mended: Path) -> None:
    first = reopen().record(with_model.id).tags[MODEL_SHA256_TAG]
    for _ in range(2):
        reopen().reopen(with_model.id).mend_model(mended)
    assert reopen().record(with_model.id).tags[MODEL_BEFORE_TAG] == first


def test_a_delivery_that_is_repeated_does_not_bring_the_old_file_back(
    with_model: Run, reopen: Opener, experiment: str, mended: Path, keras_file: Path
) -> None:
    reopen().reopen(with_model.id).mend_model(mended)
    reopen().reopen(with_model.id).log_model(model(keras_file))
    assert len(reopen().models(experiment)) == 1
    assert _digest(reopen(), experiment, with_model) == reopen().record(with_model.id).tags[MODEL_SHA256_TAG]


def test_while_it_is_mended_both_files_are_recorded_ones_and_no_other_is(
    database: Path, tmp_path: Path, keras_file: Path, mended: Path
) -> None:
    import tracking

    tracker = tracking.connect(f"sqlite:///{database}", tmp_path / "artifacts")
    run = tracker.run("lenet5", "uuid/17", "lenet5-0017", {})
    run.log_model(model(keras_file))
    run.mend_model(mended)
    (file,) = (tmp_path / "artifacts").rglob("model.keras")
    file.write_bytes(keras_file.read_bytes())
    assert tracker.model(run.id, tmp_path).file.read_bytes() == keras_file.read_bytes()
    (described,) = (tmp_path / "artifacts").rglob("MLmodel")
    assert f"model_size_bytes: {len(b'other weights')}" in described.read_text()
    file.write_bytes(b"code")
    with pytest.raises(TrackingError, match="is not the model that was recorded"):
        tracker.model(run.id, tmp_path)
    tracker.close()
