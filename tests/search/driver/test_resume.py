"""A training that is interrupted goes on as if it had not been, to the last bit."""

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import models
from models.data import Images
from search.policies.answers import Answer
from search.workers import worker
from search.workers.messages import EpochDone, Job, Message, Trained
from tests.support import STATEFUL, job_of

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tensorflow")]
EPOCHS = 4


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def converse(job: Job, *, break_off_after: int = 100) -> list[Message]:
    """Train, and drop the training in the middle of the epoch after so many."""
    training, messages = worker.run(job), []
    message = next(training)
    while True:
        messages.append(message)
        if isinstance(message, Trained) or sum(isinstance(said, EpochDone) for said in messages) == break_off_after:
            training.close()
            return messages
        message = training.send(Answer.GO_ON)


def without_time(messages: Sequence[Message]) -> list[dict[str, float]]:
    epochs = [dict(message.metrics) for message in messages if isinstance(message, EpochDone)]
    return [{name: value for name, value in epoch.items() if name != "seconds"} for epoch in epochs]


@pytest.mark.parametrize(
    ("name", "values"),
    [*((name, {}) for name in models.names()), ("siamese", {"pairing": "in_batch"})],
)
def test_a_resumed_training_gives_what_an_uninterrupted_one_gives_to_the_last_bit(
    name: str, values: dict[str, str], bars: Images, home: Path
) -> None:
    values = STATEFUL | values
    whole = converse(job_of(name, bars, home, number=1, epochs=EPOCHS, **values))
    broken = job_of(name, bars, home, number=2, epochs=EPOCHS, **values)
    for epochs in (1, 3):
        converse(broken, break_off_after=epochs)
    resumed = converse(broken)
    assert without_time(resumed) == without_time(whole)
    expected, given = whole[-1], resumed[-1]
    assert isinstance(expected, Trained)
    assert isinstance(given, Trained)
    assert given.best_epoch == expected.best_epoch
    assert given.test.metrics == expected.test.metrics
    np.testing.assert_array_equal(given.test.confidence, expected.test.confidence)


def trained_epochs(job: Job, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Train to the end, and return the epochs that were really trained, not only told again."""
    from models import training

    seen: list[int] = []
    draw = training.shuffled

    def watched(labels: np.ndarray, seed: int) -> object:
        drawn = draw(labels, seed)
        return lambda epoch: (seen.append(epoch), drawn(epoch))[1]

    with monkeypatch.context() as patched:
        patched.setattr(training, "shuffled", watched)
        assert [m.epoch for m in converse(job) if isinstance(m, EpochDone)] == list(range(job.epochs))
    return seen


@pytest.mark.parametrize("done", [0, 2, EPOCHS])
def test_no_epoch_is_trained_twice(done: int, bars: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = job_of("mlp", bars, tmp_path, epochs=EPOCHS)
    if done:
        converse(job, break_off_after=done)
    assert trained_epochs(job, monkeypatch) == list(range(done, EPOCHS))


@pytest.mark.parametrize("length", [0, 100, 5000])
def test_a_torn_checkpoint_gives_way_to_the_one_before(
    length: int, bars: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_of("mlp", bars, tmp_path, epochs=EPOCHS)
    converse(job, break_off_after=3)
    newest = job.folder / "checkpoint.npz"
    newest.write_bytes(newest.read_bytes()[:length])
    assert trained_epochs(job, monkeypatch) == [2, 3]


def test_a_flipped_bit_in_a_checkpoint_is_noticed(
    bars: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_of("mlp", bars, tmp_path, epochs=EPOCHS)
    converse(job, break_off_after=3)
    newest = job.folder / "checkpoint.npz"
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    assert trained_epochs(job, monkeypatch) == [2, 3]


def test_without_any_whole_checkpoint_training_begins_anew(
    bars: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_of("mlp", bars, tmp_path, epochs=EPOCHS)
    converse(job, break_off_after=3)
    for file in job.folder.iterdir():
        file.write_text("<html>")
    assert trained_epochs(job, monkeypatch) == list(range(EPOCHS))


def test_the_checkpoint_of_another_trial_of_the_same_number_is_left_alone(
    bars: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_of("mlp", bars, tmp_path, epochs=EPOCHS)
    converse(job, break_off_after=3)
    assert trained_epochs(dataclasses.replace(job, key="another study/0"), monkeypatch) == list(range(EPOCHS))


def test_a_kill_between_two_renames_loses_one_epoch_at_most(
    bars: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_of("mlp", bars, tmp_path, epochs=EPOCHS)
    converse(job, break_off_after=2)
    shutil.move(job.folder / "checkpoint.npz", job.folder / "checkpoint-before.npz")
    assert trained_epochs(job, monkeypatch) == [2, 3]


def test_early_stopping_counts_on_after_a_resume(bars: Images, tmp_path: Path) -> None:
    job = dataclasses.replace(job_of("mlp", bars, tmp_path, epochs=50, learning_rate=0.0, optimizer="sgd"), patience=3)
    converse(job, break_off_after=2)
    resumed = converse(job)
    assert resumed[-1].stopped == "early"
    assert len(without_time(resumed)) == 4


def test_what_was_trained_in_bfloat16_is_judged_and_kept_in_float32(bars: Images, home: Path) -> None:
    import keras

    from models import training

    job = dataclasses.replace(job_of("cnn", bars, home, number=900), precision="bfloat16")
    *_, trained = converse(job)
    assert isinstance(trained, Trained)
    kept = keras.models.load_model(trained.model.file)
    assert {layer.compute_dtype for layer in kept.layers} == {"float32"}
    np.testing.assert_allclose(training.predict(kept, bars.test.images).max(axis=1), trained.test.confidence, 1e-5)


def test_a_training_that_ends_early_has_the_whole_ones_first_epochs_and_keeps_its_last(
    bars: Images, home: Path
) -> None:
    values = STATEFUL | {"learning_rate": 0.1}
    whole = job_of("mlp", bars, home, number=3, epochs=EPOCHS, **values)
    short = dataclasses.replace(whole, key="short", folder=home / "short", until=3, kept="last")
    expected, given = converse(whole), converse(short)
    assert without_time(given) == without_time(expected)[:3]
    assert isinstance(given[-1], Trained)
    assert given[-1].best_epoch == 2
    assert given[-1].validation.metrics["accuracy"] == without_time(given)[-1]["val_accuracy"]
    resumed = dataclasses.replace(short, key="resumed", folder=home / "resumed")
    converse(resumed, break_off_after=2)
    assert without_time(converse(resumed)) == without_time(given)
