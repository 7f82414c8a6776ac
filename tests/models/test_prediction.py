"""Networks from their files, asked about images."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.data.images import Images, Shape
from models.prediction import Predictor, Unusable, names
from tests.support import configuration

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


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: b"no model", lambda data: data[:-2000]])
def test_a_damaged_file_is_named(mlp: Path, tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    (tmp_path / "model.keras").write_bytes(damage(mlp.read_bytes()))
    with pytest.raises(Unusable, match=r"model\.keras cannot be loaded as a network of Keras: \S"):
        Predictor.load(tmp_path / "model.keras")


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
        ("code", "cannot be loaded as a network of Keras"),
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
