"""A trial trained once more: exactly as it was, or with something else, and told beside what it was."""

import json
import sqlite3
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import pytest

import tracking
from search.cli import call
from tracking import Record
from tracking.databases import address_of

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tensorflow")]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, bars_file: Path) -> Path:
    """The home of a search with dropout, whose third trial is the textbook's, and whose last cannot be built."""
    made = tmp_path_factory.mktemp("again")
    words = ["--study", "bars", "--family", "mlp", "--data", str(bars_file), "--home", str(made)]
    usual = ["run", "--engine", "inline", "--trials", "3", "--epochs", "2", "--pruner", "none"]
    assert call([*usual, *words]) == 0
    return made


def again(home: Path, *words: str, capfd: pytest.CaptureFixture[str]) -> dict:
    capfd.readouterr()
    assert call([*words, "--engine", "inline", "--home", str(home), "--format", "json"]) == 0
    found: dict = json.loads(capfd.readouterr().out)
    return found


def runs(home: Path, kind: str) -> list[Record]:
    tracker = tracking.open_existing(address_of(home / "mlflow.db"))
    assert tracker is not None
    with closing(tracker):
        return [run for run in tracker.records("bars") if run.tags.get("search.kind") == kind]


def test_a_trial_is_reproduced_to_the_last_bit(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = again(home, "reproduce", "bars/1", capfd=capfd)
    assert (found["verdict"], found["values"], found["epochs"]) == ("identical", {}, 2)
    assert found["predictions"] == {"validation": 0, "test": 0}
    assert found["compared"] > 20
    (run,) = runs(home, "reproduction")
    assert run.id == found["run"]
    assert run.tags["search.reproduces"] == "bars/1"
    assert call(["doctor", "bars", "--home", str(home)]) == 0


def test_what_does_not_come_out_again_is_named_with_what_may_be_the_reason(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    trial = "SELECT run_uuid FROM tags WHERE key = 'search.trial' AND value = '0'"

    def change(difference: float, keras: str) -> float:
        with closing(sqlite3.connect(home / "mlflow.db")) as database, database:
            of_trial = f"WHERE key = 'test_accuracy' AND run_uuid IN ({trial})"
            (before,) = database.execute(f"SELECT value FROM metrics {of_trial}").fetchone()
            for table in ("metrics", "latest_metrics"):
                database.execute(f"UPDATE {table} SET value = ? {of_trial}", (before + difference,))
            of_trial = of_trial.replace("test_accuracy", "version.keras")
            database.execute(f"UPDATE tags SET value = ? {of_trial}", (keras,))
        return before

    before = change(-0.25, "3.0.0")
    capfd.readouterr()
    assert call(["reproduce", "bars/0", "--engine", "inline", "--home", str(home)]) == 1
    said = capfd.readouterr().out
    change(0.25, version("keras"))
    assert "bars/0: different" in said
    assert f"test_accuracy: {before:.6g}, was {before - 0.25:.6g}" in said
    assert f"version.keras: {version('keras')}, was 3.0.0" in said


def test_a_trial_is_trained_for_longer_and_once_only(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = {run.id for run in runs(home, "retraining")}
    first = again(home, "retrain", "bars/1", "--epochs", "4", capfd=capfd)
    second = again(home, "retrain", "bars/1", "--epochs", "4", capfd=capfd)
    assert (first["trained_before"], second["trained_before"]) == (False, True)
    assert first["run"] == second["run"]
    (run,) = [run for run in runs(home, "retraining") if run.id not in before]
    assert run.parameters["epochs"] == "4"
    assert "best_val_accuracy" in run.metrics
    assert first["metrics"]["test_accuracy"] == run.metrics["test_accuracy"]
    assert "bars/1" in first["sentence"]
    assert call(["doctor", "bars", "--home", str(home)]) == 0


def test_a_seed_that_is_asked_for_is_the_one_that_trains(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = [again(home, "retrain", "bars/1", "--seed", seed, capfd=capfd) for seed in ("0", "5")]
    seeds = {run.id: run.parameters["seed"] for run in runs(home, "retraining")}
    assert [seeds[one["run"]] for one in found] == ["0", "5"]
    assert found[0]["metrics"]["test_loss"] != found[1]["metrics"]["test_loss"]


def test_on_all_images_validation_says_nothing_and_the_best_epoch_is_where_it_ends(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    found = again(home, "retrain", "bars/1", "--all-images", capfd=capfd)
    run = next(run for run in runs(home, "retraining") if run.id == found["run"])
    assert not [name for name in run.metrics if "val_" in name]
    assert run.parameters["epochs"] == "2"
    assert run.tags["search.model"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["retrain", "bars/1"], "would come out as it did"),
        (["retrain", "bars/1", "--epochs", "2"], "would come out as it did: give --epochs (it was 2)"),
        (["retrain", "bars", "--epochs", "4"], "names no trial"),
        (["reproduce", "bars/17"], "no trial 'bars/17'"),
        (["reproduce", "nothing/1"], "no study named 'nothing'"),
    ],
)
def test_what_cannot_be_trained_again_is_said_in_a_line(
    words: list[str], message: str, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert call([*words, "--home", str(home)]) == 2
    said = capfd.readouterr().err
    assert message in said
    assert "Traceback" not in said
