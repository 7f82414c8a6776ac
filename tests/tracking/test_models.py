"""Models come back from MLflow as they went in."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

import tracking
from search.output import suggestions
from tracking.run import MODEL_SHA256_TAG, MODEL_TAG, Model, Tensor

REQUIREMENTS = ("keras==3.15.1", "tensorflow==2.21.0")


@pytest.fixture(scope="module")
def network(tensorflow: None) -> Any:
    import keras

    keras.utils.set_random_seed(0)
    layers = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax")]
    return keras.Sequential([keras.Input((28, 28, 1), dtype="uint8"), *layers])


@pytest.fixture
def saved(network: Any, tmp_path: Path) -> Model:
    import keras

    network.save(tmp_path / "trained.keras")
    image, classes = Tensor("uint8", (-1, 28, 28, 1)), Tensor("float32", (-1, 10))
    return Model(tmp_path / "trained.keras", image, classes, REQUIREMENTS, keras.__version__)


@pytest.fixture(params=["sqlite", "server"])
def store(request: pytest.FixtureRequest) -> str:
    if request.param == "server":
        return request.getfixturevalue("server")
    return f"sqlite:///{request.getfixturevalue('database')}"


def test_what_a_model_says_of_itself_is_found_with_it(
    store: str, saved: Model, tmp_path: Path, experiment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = tracking.connect(store, tmp_path / "artifacts")
    run = tracker.run(experiment, "uuid/18", "mlp-0018", {})
    run.log_model(replace(saved, metadata={"class_names": ["Сорочка", "Кросівка"], "background": 0}))
    address = tracking.model_address(run.id, "mlp-0018")
    tracker.close()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    from mlflow.models import get_model_info

    assert get_model_info(address).metadata == {"class_names": ["Сорочка", "Кросівка"], "background": 0}


def test_a_model_comes_back_and_predicts_the_very_same(
    store: str, network: Any, saved: Model, tmp_path: Path, experiment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = tracking.connect(store, tmp_path / "artifacts")
    run = tracker.run(experiment, "uuid/17", "lenet5.b-0017", {})
    run.log_model(saved)
    address = tracking.model_address(run.id, "lenet5.b-0017")
    tracker.close()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    import mlflow.keras

    images = np.random.default_rng(0).integers(0, 256, (32, 28, 28, 1)).astype(np.uint8)
    expected = network.predict(images, verbose=0)
    assert np.array_equal(mlflow.keras.load_model(address).predict(images, verbose=0), expected)
    loaded = mlflow.pyfunc.load_model(address)
    assert np.array_equal(loaded.predict(images), expected)
    with pytest.raises(MlflowException, match="uint8"):
        loaded.predict(images / 255)


def test_what_is_said_of_mlflows_own_server_is_so() -> None:
    from mlflow.types import Schema, TensorSpec
    from mlflow.utils.proto_json_utils import parse_tf_serving_input

    schema = Schema([TensorSpec(np.dtype("uint8"), (-1, 2))])
    assert "takes 0.5 for 0" in suggestions.TAKES
    assert parse_tf_serving_input({"inputs": [[0.5, 0.99]]}, schema).tolist() == [[0, 0]]


def test_the_layout_is_the_one_that_mlflow_writes_itself(
    database: Path, network: Any, saved: Model, tmp_path: Path
) -> None:
    import mlflow.keras
    from mlflow.models import infer_signature

    images = np.zeros((1, 28, 28, 1), np.uint8)
    signature = infer_signature(images, network.predict(images, verbose=0))
    theirs = tmp_path / "theirs"
    mlflow.keras.save_model(network, str(theirs), signature=signature, pip_requirements=list(REQUIREMENTS))
    tracker = tracking.connect(f"sqlite:///{database}", tmp_path / "artifacts")
    tracker.run("lenet5", "uuid/17", "lenet5-0017", {}).log_model(saved)
    tracker.close()
    ours = next((tmp_path / "artifacts").rglob("MLmodel")).parent
    names = [sorted(str(file.relative_to(folder)) for file in folder.rglob("*")) for folder in (ours, theirs)]
    assert names[0] == names[1]
    described = [yaml.safe_load((folder / "MLmodel").read_text()) for folder in (ours, theirs)]
    assert described[0]["flavors"] == described[1]["flavors"]
    assert described[0]["signature"] == described[1]["signature"]
    requirements = [set((folder / "requirements.txt").read_text().split()) for folder in (ours, theirs)]
    assert requirements[0] == requirements[1]


def test_the_run_shows_its_model_and_the_model_its_results(database: Path, tmp_path: Path, keras_file: Path) -> None:
    tracker = tracking.connect(f"sqlite:///{database}", tmp_path / "artifacts")
    run = tracker.run("lenet5", "uuid/17", "lenet5-0017", {})
    run.log_parameters({"depth": 2})
    run.log_metrics({"val_loss": 0.4}, step=0)
    run.log_metrics({"val_loss": 0.3}, step=1)
    run.log_metrics({"test_accuracy": 0.9})
    run.log_model(Model(keras_file, Tensor("uint8", (-1, 4)), Tensor("float32", (-1, 2)), (), "3.15.1"))
    client = MlflowClient(f"sqlite:///{database}")
    (output,) = client.get_run(run.id).outputs.model_outputs
    shown = client.get_logged_model(output.model_id)
    address = client.get_run(run.id).data.tags[MODEL_TAG]
    assert (address, shown.status.value) == (f"models:/{output.model_id}", "READY")
    assert (shown.params, [(metric.key, metric.value) for metric in shown.metrics]) == (
        {"depth": "2"},
        [("test_accuracy", 0.9)],
    )
    assert shown.tags[MODEL_SHA256_TAG] == client.get_run(run.id).data.tags[MODEL_SHA256_TAG]
    tracker.close()


@pytest.mark.parametrize("text", ["flavors: [", "flavors: {}", "[1]", ""])
def test_a_model_whose_description_is_damaged_is_refused(
    text: str, database: Path, tmp_path: Path, keras_file: Path
) -> None:
    tracker = tracking.connect(f"sqlite:///{database}", tmp_path / "artifacts")
    run = tracker.run("lenet5", "uuid/17", "lenet5-0017", {})
    run.log_model(Model(keras_file, Tensor("uint8", (-1, 4)), Tensor("float32", (-1, 2)), (), "3.15.1"))
    (described,) = (tmp_path / "artifacts").rglob("MLmodel")
    described.write_text(text)
    with pytest.raises(tracking.TrackingError, match="does not describe a model as this program does"):
        tracker.model(run.id, tmp_path)
    tracker.close()


@pytest.mark.slow
def test_recording_imports_neither_keras_nor_pyplot_and_says_nothing(
    database: Path, tmp_path: Path, keras_file: Path
) -> None:
    record = f"""
import pathlib, sys, numpy, tracking
tracker = tracking.connect("sqlite:///{database}", pathlib.Path({str(tmp_path)!r}))
run = tracker.run("lenet5", "uuid/1", "lenet5-0001", {{}})
tensor = tracking.Tensor("float32", (-1, 2))
run.log_model(tracking.Model(pathlib.Path({str(keras_file)!r}), tensor, tensor, ("keras",), "3.15.1"))
from tracking.pictures import ConfusionMatrix
run.log_picture("a.png", ConfusionMatrix(numpy.eye(2, dtype=int), ["a", "b"], "t"))
run.finish(tracking.Status.FINISHED)
assert not {{"keras", "tensorflow", "optuna", "matplotlib.pyplot"}} & set(sys.modules)
"""
    said = subprocess.run([sys.executable, "-c", record], check=True, capture_output=True, text=True)
    assert (said.stdout, said.stderr) == ("", "")
