"""The whole of it as a person runs it: the command, real images, both stores on disk."""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.data import load
from models.families.siamese import Siamese
from search.cli import call
from search.problem.settings import Place
from search.store import results, storage
from search.workers.worker import Given

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("tensorflow")]
ROOT = Path(__file__).parent.parent


def command(home: Path, study: str, *arguments: str) -> list[str]:
    usual = ["--study", study, "--home", str(home), "--images", "2000", "--format", "json"]
    return [sys.executable, "-m", "search", "run", *usual, *arguments]


# A store that a test named to MLflow would be taken for the person's choice.
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if name not in ("MLFLOW_TRACKING_URI", "OPTUNA_STORAGE")
}


def run(home: Path, study: str, *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        command(home, study, *arguments),
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def rows(file: Path, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(file) as database:
        found = database.execute(query).fetchall()
    database.close()
    return found


def linked(home: Path) -> dict[int, str]:
    """Trials by number with the status of the run that each is linked to, read with SQL alone."""
    runs = dict(
        rows(
            home / "mlflow.db",
            "SELECT run_uuid, status FROM runs WHERE lifecycle_stage = 'active' "
            "AND run_uuid NOT IN (SELECT run_uuid FROM tags WHERE key = 'search.kind' AND value = 'study')",
        )
    )
    trials = rows(
        home / "optuna.db",
        "SELECT number, value_json FROM trials JOIN trial_user_attributes USING (trial_id) WHERE key = 'mlflow_run_id'",
    )
    assert sorted(json.loads(run) for _, run in trials) == sorted(runs), "trials and runs are not one to one"
    return {number: runs[json.loads(run)] for number, run in trials}


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory: pytest.TempPathFactory, tensorflow: None) -> Path:
    """A file as Keras would fetch it, but for what is in it."""
    import keras

    keras.utils.set_random_seed(0)
    base = keras.applications.ResNet50(weights=None, include_top=False, input_shape=(32, 32, 3), pooling="avg")
    file = tmp_path_factory.mktemp("weights") / "resnet50.weights.h5"
    base.save_weights(file)
    return file


@pytest.mark.parametrize("study", ["mlp", "lenet5", "cnn", "resnet50", "siamese"])
def test_a_search_leaves_runs_whose_models_give_the_figures_that_were_logged(
    study: str, tmp_path: Path, random_weights: Path
) -> None:
    weights = (
        ["--weights", str(random_weights), "--fix", "image_size=32", "--fix", "preprocessing=scaled"]
        if study == "resnet50"
        else []
    )
    said = run(tmp_path, study, "--trials", "2", "--epochs", "1", *weights)
    assert linked(tmp_path) == {0: "FINISHED", 1: "FINISHED"}
    assert any(command.endswith(f"-m search ui --home {tmp_path}") for command in said["commands"])
    best = said["best"]
    assert accuracy_of(tmp_path, best["model"], study, best["parameters"]) == best["metrics"]["test_accuracy"]
    # After an epoch on 2,000 images there is nothing to hold against a report.
    assert said["report"] == {}


def test_a_search_that_was_wiped_is_there_again_with_models_that_work(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "mlp.zip"
    run(home, "mlp", "--trials", "2", "--epochs", "1")
    before = report(home)
    assert call(["export", "mlp", "--home", str(home), "--out", str(file)]) == 0
    shutil.rmtree(home)
    assert call(["import", str(file), "--home", str(home)]) == 0
    assert call(["doctor", "--home", str(home)]) == 0
    assert report(home) == before
    with storage.reading(Place.at(home, None, None).storage) as store:
        best = results.named(store, "mlp")
    assert accuracy_of(home, best.model, "mlp", best.parameters) == best.metrics["test_accuracy"]


def report(home: Path) -> str:
    """Return the report, but for its date and for what MLflow calls runs."""
    out = home.parent / "report.html"
    assert call(["report", "--home", str(home), "--out", str(out)]) == 0
    dated = re.sub("<time.*?</time>", "", out.read_text("utf-8"))
    return re.sub(r'\\u003cbr\\u003e +\\"mlflow_run_id\\": \\"[0-9a-f]{32}\\",?', "", dated)


def accuracy_of(home: Path, address: str, study: str, parameters: Mapping[str, Any]) -> float:
    """Load a logged model as anyone would, and score it on the test images."""
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{home / 'mlflow.db'}")
    images = load(cache=home / "cache", images=2000)
    if study == "siamese":
        network = mlflow.keras.load_model(address)
        embeddings = {name: network.predict(part.images, batch_size=1000, verbose=0) for name, part in images.splits()}
        judge = Siamese.suggest(Given(parameters))
        return judge.judge(embeddings, images, "test").metrics["accuracy"]
    probabilities = mlflow.pyfunc.load_model(address).predict(images.test.images)
    return int((np.asarray(probabilities).argmax(axis=1) == images.test.labels).sum()) / len(images.test)


def test_a_search_killed_and_begun_again_ends_with_exactly_the_trials_asked_for(tmp_path: Path) -> None:
    arguments = ("--trials", "4", "--epochs", "2", "--workers", "2", "--pruner", "none")
    with subprocess.Popen(
        command(tmp_path, "mlp", *arguments),
        cwd=ROOT,
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
        stdout=subprocess.DEVNULL,
    ) as first:
        assert first.stderr is not None
        next(line for line in first.stderr if "epoch 1/2" in line)
        first.kill()
    run(tmp_path, "mlp", *arguments)
    assert linked(tmp_path) == dict.fromkeys(range(4), "FINISHED")
    assert rows(tmp_path / "optuna.db", "SELECT state, count(*) FROM trials GROUP BY state") == [("COMPLETE", 4)]
    doubled = "SELECT run_uuid, key, step FROM metrics GROUP BY run_uuid, key, step HAVING count(*) > 1"
    assert rows(tmp_path / "mlflow.db", doubled) == []


def test_ctrl_c_ends_a_search_with_130_and_the_same_command_goes_on(tmp_path: Path) -> None:
    arguments = ("--trials", "3", "--epochs", "2", "--workers", "1")
    with subprocess.Popen(
        command(tmp_path, "mlp", *arguments),
        cwd=ROOT,
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
        stdout=subprocess.DEVNULL,
    ) as first:
        assert first.stderr is not None
        next(line for line in first.stderr if "epoch 1/2" in line)
        began = time.monotonic()
        os.kill(first.pid, signal.SIGINT)
        said = first.stderr.read()
        assert first.wait(timeout=60) == 130
    assert "Traceback" not in said
    assert "the same command goes on" in said
    assert time.monotonic() - began < 30
    run(tmp_path, "mlp", *arguments)
    assert set(linked(tmp_path)) == {0, 1, 2}
