"""Finalists are trained once for each seed, stand in the tracker under their study, and are told with their noise."""

import html
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import mlflow
import numpy as np
import pytest

import tracking
from models.data import load
from search.cli import call
from search.driver.repeating import Repeating
from search.driver.tasks import Task, Unfit
from search.workers import worker
from search.workers.messages import Failed, Job, Probe, Trained
from tracking import MODEL_TAG, Record, Status
from tracking.databases import address_of

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tensorflow")]
CONFIRM = ["confirm", "bars", "--engine", "inline", "--top", "2", "--seeds", "2"]
FINALISTS = 3


def runs(home: Path) -> list[Record]:
    """Return the runs of finalists."""
    tracker = tracking.open_existing(address_of(home / "mlflow.db"))
    assert tracker is not None
    with closing(tracker):
        return [run for run in tracker.records("bars") if run.tags.get("search.kind") == "confirmation"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, bars_file: Path) -> Path:
    """The home of a search that is over: the reports' best, which is bad at this, and three others."""
    made = tmp_path_factory.mktemp("confirmed")
    # Four of these steps are too few for the reports' best: it is not among the two best trials.
    words = ["--study", "bars", "--family", "mlp", "--data", str(bars_file), "--home", str(made)]
    pinned = ["--fix", "optimizer=adam", "--fix", "batch_size=32", "--fix", "depth=1", "--fix", "learning_rate=0.003"]
    usual = ["run", "--engine", "inline", "--trials", "4", "--epochs", "2", "--pruner", "none"]
    assert call([*usual, *words, *pinned]) == 0
    return made


@pytest.fixture(scope="module")
def confirmed(home: Path) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SEARCH_HOME", str(home))
        assert call(CONFIRM) == 0
        yield home


def test_each_finalist_has_a_run_for_each_seed_and_validation_says_nothing_in_it(confirmed: Path) -> None:
    found = runs(confirmed)
    told = {(run.tags["search.finalist"], run.tags["search.seed"]) for run in found}
    assert len(told) == len(found)
    assert len({finalist for finalist, _ in told}) == FINALISTS
    for run in found:
        assert run.status == Status.FINISHED
        assert "test_accuracy" in run.metrics
        assert not [name for name in run.metrics if "val_" in name]
        assert "predictions/test.csv" in run.artifacts
        assert ("search.model" in run.tags) == (run.tags["search.seed"] == "0")


def test_the_network_that_is_kept_is_right_as_often_as_its_run_says(
    confirmed: Path, bars_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = next(run for run in runs(confirmed) if MODEL_TAG in run.tags)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address_of(confirmed / "mlflow.db"))
    network = mlflow.keras.load_model(run.tags[MODEL_TAG])
    test = load(str(bars_file), cache=confirmed / "cache").test
    right = (np.asarray(network.predict(test.images, verbose=0)).argmax(axis=1) == test.labels).mean()
    assert right == run.metrics["test_accuracy"]


def test_the_same_command_trains_nothing_twice_and_says_the_same(
    confirmed: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEARCH_HOME", str(confirmed))
    before = runs(confirmed)
    said = []
    for _ in range(2):
        assert call([*CONFIRM, "--format", "json"]) == 0
        said.append(json.loads(capfd.readouterr().out))
    assert said[0] == said[1]
    assert runs(confirmed) == before
    (study,) = said[0]
    assert study["winner"] == study["finalists"][0]["name"]
    assert study["run"] in {run.id for run in before if run.tags["search.seed"] == "0"}
    assert len(study["finalists"]) == FINALISTS
    assert call(["doctor", "bars"]) == 0


def test_the_winner_is_registered_as_the_champion_with_where_it_is_from(
    confirmed: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEARCH_HOME", str(confirmed))
    capfd.readouterr()
    assert call([*CONFIRM, "--format", "json"]) == 0
    (study,) = json.loads(capfd.readouterr().out)
    assert call(["models", "--format", "json"]) == 0
    (model,) = json.loads(capfd.readouterr().out)
    assert model["champion"]
    assert (model["name"], model["address"], model["run"]) == ("bars-mlp", study["model"], study["run"])
    assert model["tags"]["search.study"] == "bars"
    assert model["tags"]["search.finalist"] == study["winner"]
    assert model["test_accuracy"] == study["finalists"][0]["test_accuracy"]


def test_best_and_the_report_say_what_was_confirmed(
    confirmed: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SEARCH_HOME", str(confirmed))
    assert call([*CONFIRM, "--format", "json"]) == 0
    (study,) = json.loads(capfd.readouterr().out)
    assert call(["best", "bars"]) == 0
    said = capfd.readouterr().out
    assert call(["report", "--out", str(tmp_path / "report.html")]) == 0
    page = html.unescape((tmp_path / "report.html").read_text("utf-8"))
    for shown in (said, page):
        assert all(sentence in shown for sentence in study["sentences"])
        assert study["model"] in shown


def test_more_seeds_go_on_from_those_there_are(confirmed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEARCH_HOME", str(confirmed))
    before = {run.id for run in runs(confirmed)}
    assert call([*CONFIRM[:-1], "3"]) == 0
    new = [run for run in runs(confirmed) if run.id not in before]
    assert {run.tags["search.seed"] for run in new} == {"2"}


@pytest.mark.parametrize(
    "damage", [lambda _: b"", lambda whole: whole[: len(whole) // 2]], ids=["empty", "cut in half"]
)
def test_a_network_whose_predictions_are_damaged_is_trained_again_and_leaves_them_as_they_were(
    confirmed: Path,
    damage: Callable[[bytes], bytes],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SEARCH_HOME", str(confirmed))
    before = runs(confirmed)
    one = before[0]
    file = confirmed / "artifacts" / "bars" / one.id / "artifacts" / "predictions" / "test.csv"
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    assert call(CONFIRM) == 0
    said = capfd.readouterr().err
    assert f"what {one.tags['search.finalist']} said of the test images is missing or damaged" in said
    assert "it is trained again" in said
    assert file.read_bytes() == whole
    assert {run.id for run in runs(confirmed)} == {run.id for run in before}


def test_one_that_is_killed_goes_on_with_the_same_command(home: Path) -> None:
    words = [sys.executable, "-m", "search", *CONFIRM[:-1], "5", "--home", str(home)]
    before = len(runs(home))
    killed = subprocess.run(words, env=os.environ | {"SEARCH_CRASH_AT": "after_checkpoint:3"}, check=False)
    assert killed.returncode < 0
    assert subprocess.run(words, check=False).returncode == 0
    found = runs(home)
    assert len(found) > before
    assert {run.status for run in found} == {Status.FINISHED}
    assert len({(run.tags["search.finalist"], run.tags["search.seed"]) for run in found}) == len(found)
    assert call(["doctor", "bars", "--home", str(home)]) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["confirm"], "STUDY"),
        (["confirm", "nothing"], "no study named 'nothing'"),
        (["confirm", "bars", "--seeds", "0"], "--seeds"),
        (["confirm", "bars", "--top", "many"], "--top"),
    ],
)
def test_what_cannot_be_confirmed_is_said_in_a_line(
    words: list[str], message: str, home: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEARCH_HOME", str(home))
    assert call(words) == 2
    said = capfd.readouterr().err
    assert message in said
    assert "Traceback" not in said


@pytest.fixture
def unconfirmed(home: Path, tmp_path: Path) -> Path:
    """A copy of the home in which nothing was confirmed before."""
    shutil.copytree(home, tmp_path / "home", ignore=shutil.ignore_patterns("*.db*"))
    for name in ("optuna.db", "mlflow.db"):
        with (
            closing(sqlite3.connect(home / name)) as source,
            closing(sqlite3.connect(tmp_path / "home" / name)) as copy,
        ):
            source.backup(copy)
    with closing(sqlite3.connect(tmp_path / "home" / "mlflow.db")) as database, database:
        database.execute(
            "UPDATE tags SET value = 'other/' || value WHERE key = 'search.key' AND value LIKE '%confirm%'"
        )
    return tmp_path / "home"


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> list[set[tuple[str, str]]]:
    """Who is trained with which seeds side by side: a set a round."""
    found: list[set[tuple[str, str]]] = []
    run = Repeating.train

    def seen(self: Repeating, tasks: Sequence[Task]) -> Mapping[str, Trained | Unfit]:
        found.append({(task.tags["search.finalist"], task.tags["search.seed"]) for task in tasks})
        return run(self, tasks)

    monkeypatch.setattr(Repeating, "train", seen)
    return found


def test_seeds_between_which_nobody_can_be_given_up_are_trained_side_by_side(
    unconfirmed: Path, rounds: list[set[tuple[str, str]]], capfd: pytest.CaptureFixture[str]
) -> None:
    capfd.readouterr()
    assert call([*CONFIRM[:-1], "4", "--home", str(unconfirmed), "--format", "json"]) == 0
    (study,) = json.loads(capfd.readouterr().out)
    names = {finalist["name"] for finalist in study["finalists"]}
    assert len(names) == FINALISTS
    assert rounds[0] == {(name, seed) for name in names for seed in ("0", "1")}
    for later in rounds[1:]:
        assert len({name for name, _ in later}) == 1 or len({seed for _, seed in later}) == 1
    assert {seed for later in rounds[1:] for _, seed in later} == {"2", "3"}


def test_a_finalist_that_fails_with_a_seed_is_out_and_the_others_are_judged(
    unconfirmed: Path,
    rounds: list[set[tuple[str, str]]],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train = worker.run

    def failing(job: Job | Probe) -> worker.Training:
        if isinstance(job, Job) and "confirmation-0-seed-0" in str(job.folder):
            yield Failed("diverged at epoch 1")
        else:
            yield from train(job)

    monkeypatch.setattr(worker, "run", failing)
    words = ["confirm", "bars", "--engine", "inline", "--top", "1", "--seeds", "4", "--format", "json"]
    capfd.readouterr()
    assert call([*words, "--home", str(unconfirmed)]) == 0
    (study,) = json.loads(capfd.readouterr().out)
    assert study["unfit"] == {"bars/0": "failed with seed 0: diverged at epoch 1"}
    assert "bars/0 is out: it failed with seed 0: diverged at epoch 1" in study["sentences"]
    assert len(study["finalists"]) == 1
    # Nobody is left to whom the other could lose: the rest of its seeds are trained side by side.
    assert rounds[1:] == [{(study["winner"], "2"), (study["winner"], "3")}]


@pytest.mark.parametrize("words", [CONFIRM, ["retrain", "bars/1", "--epochs", "3"], ["reproduce", "bars/1"]])
def test_where_nothing_would_be_kept_nothing_is_trained(
    words: list[str], home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(worker, "run", None)
    assert call([*words, "--home", str(home), "--tracking-uri", "memory:"]) == 2
    assert "--tracking-uri memory: keeps nothing of what would be trained" in capfd.readouterr().err
