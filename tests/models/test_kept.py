"""What is kept answers the same however it is called, and a file that was kept before can be made so."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import models
from models import kept
from models.data.images import Images
from models.family import Resources
from models.prediction import Predictor
from tests.support import configuration

pytestmark = pytest.mark.usefixtures("tensorflow")
# In float32, of sums that are taken in another order.
CLOSE = {"rtol": 1e-5, "atol": 1e-6}
AUGMENTATIONS = ("none", "flip", "shift", "rotation", "zoom", "flip+shift", "all")


def built(name: str, images: Images, **values: Any) -> Any:
    return configuration(name, dropout=0.3, batch_norm=True, **values).build(images.shape, seed=1)


def exported(name: str, images: Images, resources: Resources, **values: Any) -> Any:
    return configuration(name, **values).export(built(name, images, **values), images.shape, resources)


@pytest.mark.parametrize("augmentation", AUGMENTATIONS)
@pytest.mark.parametrize("name", models.names())
def test_a_kept_network_that_is_called_answers_as_it_predicts(
    name: str, augmentation: str, bars: Images, resources: Resources
) -> None:
    if name == "resnet50" and augmentation != "none":
        pytest.skip("its images are not varied")
    network = exported(name, bars, resources, augmentation=augmentation)
    images = bars.test.images[:24]
    expected = network.predict_on_batch(images)
    np.testing.assert_allclose(network(images), expected, **CLOSE)
    # Image by image, too: no answer depends on who else is asked about.
    np.testing.assert_allclose(np.concatenate([network(images[:1]), network(images[1:])]), expected, **CLOSE)


@pytest.mark.slow
@pytest.mark.parametrize("name", models.names())
def test_it_does_so_in_graphs_in_other_networks_and_outside_of_keras(
    name: str, bars: Images, resources: Resources, tmp_path: Path
) -> None:
    import keras
    import tensorflow as tf

    network = exported(name, bars, resources, augmentation="all")
    images = bars.test.images[:24]
    expected = network.predict_on_batch(images)
    network.save(tmp_path / "model.keras")
    network.export(tmp_path / "saved", verbose=False)
    source = keras.Input(bars.test.images.shape[1:], dtype="uint8")
    # What is called of it does not live longer than it.
    elsewhere = tf.saved_model.load(str(tmp_path / "saved"))
    answers = {
        "a graph": tf.function(network)(images),
        "another network": keras.Model(source, network(source))(images),
        "a SavedModel": elsewhere.serve(images),
        "a file": keras.models.load_model(tmp_path / "model.keras")(images),
        "predict and serve": Predictor.load(tmp_path / "model.keras").numbers(images),
    }
    for answer in answers.values():
        np.testing.assert_allclose(answer, expected, **CLOSE)


@pytest.mark.parametrize("values", [{"augmentation": "all"}, {"augmentation": "flip", "pairing": "in_batch"}])
@pytest.mark.parametrize("name", [name for name in models.names() if name != "resnet50"])
def test_it_is_the_network_that_was_trained(
    name: str, values: dict[str, str], bars: Images, resources: Resources
) -> None:
    network = built(name, bars, **values)
    trained = network.get_layer("branch") if name == "siamese" and "pairing" not in values else network
    expected = trained.predict_on_batch(bars.test.images)
    kept_one = configuration(name, **values).export(network, bars.shape, resources)
    np.testing.assert_array_equal(kept_one.predict_on_batch(bars.test.images), expected)
    assert not kept_one.compiled


@pytest.fixture
def old(bars: Images, tmp_path: Path) -> Path:
    """A file as it was kept before."""
    from models import layers

    network = built("cnn", bars, augmentation="all")
    layers.network(network.input, network.output).save(tmp_path / "old.keras")
    return tmp_path / "old.keras"


def test_a_file_kept_before_is_written_again_with_the_same_answers(old: Path, bars: Images, tmp_path: Path) -> None:
    import keras

    names = kept.acting(kept.read(old))
    assert [name.rstrip("_0123456789") for name in names] == [
        f"random_{kind}" for kind in ("flip", "translation", "rotation", "zoom")
    ]
    kept.write_still(old, tmp_path / "new.keras")
    assert kept.acting(kept.read(tmp_path / "new.keras")) == []
    before, after = (keras.models.load_model(tmp_path / f"{name}.keras") for name in ("old", "new"))
    expected = before.predict_on_batch(bars.test.images)
    assert np.abs(before(bars.test.images) - expected).max() > 0.01
    np.testing.assert_array_equal(after.predict_on_batch(bars.test.images), expected)
    np.testing.assert_allclose(after(bars.test.images), expected, **CLOSE)


def test_it_is_written_in_the_same_way_each_time(old: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        kept.write_still(old, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_networks_inside_a_network_are_looked_into(bars: Images, tmp_path: Path) -> None:
    import keras
    from keras import layers

    front = keras.Sequential([keras.Input((28, 28, 1)), layers.RandomFlip(), layers.Conv2D(2, 3)], name="front")
    source = keras.Input((28, 28, 1), dtype="uint8")
    x = front(layers.RandomZoom(0.2)(layers.Rescaling(1 / 255)(source)))
    # What comes last varies as well, and one layer is used twice.
    twice = layers.RandomFlip("vertical", name="twice")
    network = keras.Model(source, [twice(x), layers.Add()([twice(x), x])])
    assert len(kept.acting(kept.read(saved(network, tmp_path)))) == 3
    found = kept.still(network)
    expected = network.predict_on_batch(bars.test.images)
    for answer, wanted in zip(found(bars.test.images), expected, strict=True):
        np.testing.assert_allclose(answer, wanted, **CLOSE)


def test_what_converts_bytes_as_well_goes_on_converting_them(bars: Images) -> None:
    import keras
    from keras import layers

    source = keras.Input((28, 28, 1), dtype="uint8")
    network = keras.Model(source, layers.Conv2D(2, 3)(layers.RandomFlip()(source)))
    found = kept.still(network)
    np.testing.assert_allclose(found(bars.test.images), network.predict_on_batch(bars.test.images), **CLOSE)


def test_what_resizes_does_not_let_others_act_as_in_training(bars: Images, tmp_path: Path) -> None:
    """Batch normalisation would go by the images at hand, and what is dropped be another thing each time."""
    import keras
    from keras import layers

    vector = keras.Input((10,))
    head = keras.Model(vector, layers.Dropout(0.5)(layers.BatchNormalization()(vector)), name="head")
    source = keras.Input((28, 28, 1), dtype="uint8")
    resized = layers.Resizing(8, 8)(layers.Rescaling(1 / 255)(source))
    network = keras.Model(source, head(layers.Dense(10)(layers.Flatten()(resized))))
    expected = network.predict_on_batch(bars.test.images)
    kept.write_still(saved(network, tmp_path), tmp_path / "still.keras")
    for found in (kept.still(network), keras.models.load_model(tmp_path / "still.keras")):
        np.testing.assert_allclose(found(bars.test.images), expected, **CLOSE)
    assert np.abs(network(bars.test.images) - expected).max() > 0.1


def saved(network: Any, folder: Path) -> Path:
    network.save(folder / "model.keras")
    return folder / "model.keras"


def test_every_layer_of_keras_that_acts_unless_told_otherwise_is_known() -> None:
    import inspect

    from keras import layers

    acting = {
        name
        for name, kind in inspect.getmembers(layers, inspect.isclass)
        if issubclass(kind, layers.Layer)
        and (training := inspect.signature(kind.call).parameters.get("training"))
        and training.default is True
    }
    found = {"config": {"layers": [{"class_name": name, "config": {"name": name}} for name in acting | {"Dropout"}]}}
    assert set(kept.acting(found)) == acting - set(kept.CERTAIN)
    assert acting >= set(kept.CERTAIN)


@pytest.mark.parametrize("content", [b"", b"weights", b"PK\x03\x04 torn"])
def test_what_is_no_network_has_no_such_layers(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.keras").write_bytes(content)
    assert kept.acting(kept.read(tmp_path / "model.keras")) == []
