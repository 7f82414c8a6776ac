"""Registered models: their versions, what is said of them, and which one is the champion."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import tracking
from tracking import CHAMPION, MODEL_SHA256_TAG, Model, Registry, Tensor, Tracker, TrackingError

TENSOR = Tensor("uint8", (-1, 28, 28, 1))


@pytest.fixture(params=["sqlite", "server"])
def uri(request: pytest.FixtureRequest) -> str:
    if request.param == "server":
        return str(request.getfixturevalue("server"))
    return f"sqlite:///{request.getfixturevalue('database')}"


@pytest.fixture
def tracker(uri: str, tmp_path: Path) -> Iterator[Tracker]:
    opened = tracking.connect(uri, tmp_path / "artifacts")
    yield opened
    opened.close()


@pytest.fixture
def registry(tracker: Tracker, uri: str) -> Iterator[Registry]:
    opened = tracking.open_registry(uri)
    assert opened is not None
    yield opened
    opened.close()


@pytest.fixture
def trained(tracker: Tracker, experiment: str, keras_file: Path) -> Callable[[int], str]:
    """Makes the run of a trial, with its model, and returns its id."""

    def make(number: int) -> str:
        run = tracker.run(experiment, f"uuid/{number}", f"mlp-{number:04d}", {})
        run.log_model(Model(keras_file, TENSOR, Tensor("float32", (-1, 10)), (), "3.15.1", metadata={"family": "mlp"}))
        return run.id

    return make


def test_a_runs_model_is_one_version_however_often_it_is_registered(
    registry: Registry, trained: Callable[[int], str], experiment: str
) -> None:
    first, second = trained(1), trained(2)
    name = f"вещи-{experiment}"
    registry.register(name, first, {"search.study": "mlp"}, "the first")
    registry.register(name, second, {}, "the second")
    again = registry.register(name, first, {"search.study": "cnn"}, "the first, described anew")
    assert (again.number, again.description, again.tags["search.study"]) == (1, "the first, described anew", "cnn")
    assert [(one.number, one.run) for one in registry.versions(name)] == [(1, first), (2, second)]


def test_an_alias_means_one_version_at_a_time(
    registry: Registry, trained: Callable[[int], str], experiment: str
) -> None:
    for number in (1, 2):
        registry.register(experiment, trained(number), {}, "")
        registry.point(experiment, CHAMPION, number)
    assert [one.is_champion for one in registry.versions(experiment)] == [False, True]


def test_a_run_without_a_model_cannot_be_registered(registry: Registry, tracker: Tracker, experiment: str) -> None:
    run = tracker.run(experiment, "uuid/1", "mlp-0001", {})
    with pytest.raises(TrackingError, match="has no model to register"):
        registry.register(experiment, run.id, {}, "")
    assert registry.versions(experiment) == []


def test_a_model_comes_back_with_what_it_says_of_itself(
    tracker: Tracker, trained: Callable[[int], str], tmp_path: Path, keras_file: Path
) -> None:
    found = tracker.model(trained(1), tmp_path)
    assert found.file.read_bytes() == keras_file.read_bytes()
    assert found.metadata == {"family": "mlp"}


def test_a_model_that_is_not_the_one_recorded_is_refused(
    tracker: Tracker, trained: Callable[[int], str], tmp_path: Path
) -> None:
    run = trained(1)
    tracker.reopen(run).set_tags({MODEL_SHA256_TAG: "0" * 64})
    with pytest.raises(TrackingError, match="is not the model that was recorded"):
        tracker.model(run, tmp_path)


def test_where_no_store_is_no_registry_is(tmp_path: Path) -> None:
    assert tracking.open_registry(f"sqlite:///{tmp_path}/nothing.db") is None
    assert list(tmp_path.iterdir()) == []
