"""Networks from their files, asked about images."""

import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models import unloadable
from models.data.images import Images, Shape
from models.prediction import Predictor, Unusable, names
from tests.support import configuration

MINE = '"module": "mine", "class_name": "Squash"'

pytestmark = pytest.mark.usefixtures("tensorflow")


@pytest.fixture(scope="module")
def mlp(tmp_path_factory: pytest.TempPathFactory, tensorflow: None) -> Path:
    """The file of a network that was not trained."""
    file = tmp_path_factory.mktemp("model") / "model.keras"
    configuration("mlp").build(Shape(28, 28, 1, 10), seed=1).save(file)
    return file


def test_a_network_ranks_as_its_own_probabilities_do(mlp: Path, bars: Images) -> None:
    predictor = Predictor.load(mlp)
    assert predictor.frame.shape == (28, 28, 1)
    assert predictor.outputs == 10
    assert predictor.takes_bytes
    probabilities = predictor.network.predict(bars.test.images, verbose=0)
    ranking = predictor.rank(bars.test.images)
    assert np.array_equal(ranking.classes[:, 0], probabilities.argmax(axis=1))
    assert np.allclose(ranking.probabilities, np.sort(probabilities)[:, :-4:-1])
    first = next(ranking.named(bars.class_names))
    assert first[0] == (bars.class_names[ranking.classes[0, 0]], float(ranking.probabilities[0, 0]))


def test_of_two_classes_two_are_ranked(tmp_path: Path) -> None:
    configuration("mlp").build(Shape(6, 6, 3, 2), seed=1).save(tmp_path / "model.keras")
    ranking = Predictor.load(tmp_path / "model.keras").rank(np.zeros((4, 6, 6, 3), np.uint8))
    assert ranking.classes.shape == (4, 2)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda data: b"", "it is no .keras file"),
        (lambda data: b"no model", "it is no .keras file"),
        (lambda data: data[:-2000], "it is cut short; copy it again"),
    ],
)
def test_a_damaged_file_is_named(mlp: Path, tmp_path: Path, damage: Callable[[bytes], bytes], said: str) -> None:
    (tmp_path / "model.keras").write_bytes(damage(mlp.read_bytes()))
    with pytest.raises(Unusable, match=rf"model\.keras cannot be loaded as a network of Keras: {said}"):
        Predictor.load(tmp_path / "model.keras")


def rewritten(file: Path, out: Path, wrote: str, change: Callable[[str], str] = str) -> Path:
    """Write a file as another version of Keras might have written it."""
    with zipfile.ZipFile(file) as before, zipfile.ZipFile(out, "w") as after:
        for name in before.namelist():
            content = before.read(name)
            if name == "metadata.json":
                content = json.dumps(json.loads(content) | {"keras_version": wrote}).encode()
            after.writestr(name, change(content.decode()) if name == "config.json" else content)
    return out


@pytest.mark.parametrize(
    ("wrote", "way"), [("3.99.0", r"pip install 'keras==3\.99\.0'"), ("2.15.0", r"where Keras 2\.15\.0 is installed")]
)
def test_of_a_file_that_another_keras_wrote_both_versions_are_named(
    mlp: Path, tmp_path: Path, wrote: str, way: str
) -> None:
    other = rewritten(
        mlp, tmp_path / "model.keras", wrote, lambda text: text.replace('"units"', '"breadth": 1, "units"')
    )
    with pytest.raises(Unusable, match=rf"Keras {wrote} wrote it, and Keras 3\.[0-9.]+ is here; .*{way}"):
        Predictor.load(other)
    # What can be loaded is, whoever wrote it.
    assert Predictor.load(rewritten(mlp, tmp_path / "model.keras", wrote)).outputs == 10


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace('"module": "keras.layers", "class_name": "Flatten"', MINE), r"own \(Squash\)"),
        (lambda text: text.replace('"class_name": "Flatten"', '"class_name": "TorchModuleWrapper"'), "needs torch"),
    ],
)
def test_layers_that_keras_alone_does_not_know_are_named(
    mlp: Path, tmp_path: Path, change: Callable[[str], str], said: str
) -> None:
    with pytest.raises(Unusable, match=said):
        Predictor.load(rewritten(mlp, tmp_path / "model.keras", "3.15.1", change))


def test_a_file_of_an_older_kind_becomes_one_that_can_be_asked_as_is_advised(mlp: Path, tmp_path: Path) -> None:
    import keras

    keras.saving.load_model(mlp, compile=False).save(tmp_path / "old.h5")
    (tmp_path / "renamed.keras").write_bytes((tmp_path / "old.h5").read_bytes())
    with pytest.raises(Unusable, match="it is HDF5, as Keras wrote before"):
        Predictor.load(tmp_path / "renamed.keras")
    advised = re.search("`(.*?)`", unloadable.converted(tmp_path / "old.h5"))
    assert advised
    exec(advised[1], {"keras": keras})
    assert Predictor.load(tmp_path / "old.keras").outputs == 10


def foreign(case: str) -> Any:
    """Return a network of somebody else's that cannot be asked."""
    import keras
    from keras import layers

    image = keras.Input((6, 6, 1))
    flat = layers.Flatten()(image)
    match case:
        case "code":
            return keras.Model(image, layers.Lambda(lambda x: x + 1)(flat))
        case "vectors":
            vector = keras.Input((36,))
            return keras.Model(vector, layers.Dense(3)(vector))
        case "two images":
            other = keras.Input((6, 6, 1))
            return keras.Model([image, other], layers.Dense(3)(layers.Add()([flat, layers.Flatten()(other)])))
        case "an image out":
            return keras.Model(image, layers.Conv2D(1, 3)(image))
        case "any size":
            anything = keras.Input((None, None, 1))
            return keras.Model(anything, layers.GlobalAveragePooling2D()(anything))
    raise LookupError(case)


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("code", "it has a Lambda layer, which is code, and is not run"),
        ("vectors", "it has to take one image"),
        ("two images", "it has to take one image"),
        ("any size", "it has to take one image"),
        ("an image out", "it has to give one vector for an image"),
    ],
)
def test_a_network_that_cannot_be_asked_is_refused_when_it_is_loaded(tmp_path: Path, case: str, message: str) -> None:
    foreign(case).save(tmp_path / "model.keras")
    with pytest.raises(Unusable, match=message):
        Predictor.load(tmp_path / "model.keras")


def test_numbers_that_are_no_probabilities_or_not_finite_are_no_answers(mlp: Path, bars: Images) -> None:
    predictor = Predictor.load(mlp)
    last = predictor.network.get_layer("classes")
    last.activation = lambda x: x
    with pytest.raises(Unusable, match="are no probabilities"):
        predictor.rank(bars.test.images)
    last.set_weights([weights * np.nan for weights in last.get_weights()])
    with pytest.raises(Unusable, match="not finite numbers; train it again"):
        Predictor(predictor.network, predictor.frame).numbers(bars.test.images)


def test_classes_nobody_has_named_are_called_by_their_numbers() -> None:
    assert names((), 3) == ("0", "1", "2")
    assert names(("a", "b"), 2) == ("a", "b")
    with pytest.raises(Unusable, match="gives 3 numbers for 2 classes: a, b"):
        names(("a", "b"), 3)
