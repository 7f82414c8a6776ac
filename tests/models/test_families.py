"""What every family promises; a new file in `models/families` is tested without a new line here."""

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import models
from models import metrics
from models.data.images import Images
from models.family import Diverged, Family, Infeasible, Resources
from tests.support import Scripted, configuration, make_images

pytestmark = pytest.mark.usefixtures("tensorflow")
NAMES = models.names()


def train(
    family: Family, images: Images, resources: Resources, epochs: int = 2, seed: int = 7
) -> tuple[Any, Images, list]:
    prepared = family.prepare(images, resources)
    network = family.build(images.shape, seed)
    history = list(family.fit(network, prepared, epochs=epochs, seed=seed))
    return network, prepared, history


Trained = tuple[Family, Any, Images, list]


@pytest.fixture(scope="module", params=NAMES)
def trained(request: pytest.FixtureRequest, bars: Images, resources: Resources, tensorflow: None) -> Trained:
    """A network of each family after two epochs, for the tests that only look at it."""
    family = configuration(request.param)
    return family, *train(family, bars, resources)


def without_time(history: list) -> list[dict[str, float]]:
    return [{name: value for name, value in epoch.items() if name != "seconds"} for epoch in history]


@pytest.mark.parametrize("name", NAMES)
def test_a_space_can_be_read_without_tensorflow(name: str) -> None:
    code = (
        f"import sys, models; from search.problem import space; assert space.of(models.family({name!r}).suggest); "
        "assert not {'tensorflow', 'keras', 'mlflow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("name", NAMES)
def test_a_configuration_is_a_frozen_dataclass_of_which_every_field_is_asked_for(name: str) -> None:
    family = configuration(name)
    assert all(hasattr(family, field.name) for field in dataclasses.fields(family))
    with pytest.raises(dataclasses.FrozenInstanceError):
        family.learning_rate = 1.0


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_same_parameters_and_seed_give_the_same_training_to_the_last_bit(
    name: str, bars: Images, resources: Resources
) -> None:
    family = configuration(name, dropout=0.2, batch_norm=True, augmentation="all")
    first, second = (without_time(train(family, bars, resources)[2]) for _ in range(2))
    assert first == second


def test_another_seed_gives_another_training(trained: Trained, bars: Images, resources: Resources) -> None:
    family, _, _, history = trained
    other = train(family, bars, resources, epochs=1, seed=8)[2]
    assert without_time(other)[0] != without_time(history)[0]


def test_every_epoch_tells_the_goal_the_losses_and_the_time(trained: Trained) -> None:
    family, _, _, history = trained
    assert len(history) == 2
    assert all({family.goal.metric, "loss", "val_loss", "learning_rate", "seconds"} <= set(epoch) for epoch in history)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "resnet50"])
def test_a_network_learns_what_is_easy(name: str, bars: Images, resources: Resources) -> None:
    # What a frozen network of random weights makes of images says too little for the others' test.
    family = configuration(name, units_1=64, filters_1=8, filters_2=8)
    network, prepared, _ = train(family, bars, resources, epochs=8)
    assert family.evaluate(network, prepared, "test").metrics["accuracy"] > 0.8


@pytest.mark.parametrize("name", NAMES)
def test_training_never_looks_at_the_test_split(name: str, bars: Images, resources: Resources) -> None:
    family = configuration(name)
    prepared = family.prepare(bars, resources)
    # Any look at no images at all raises.
    blind = dataclasses.replace(prepared, test=prepared.test.at(np.array([], np.int64)))
    network = family.build(bars.shape, 7)
    assert len(list(family.fit(network, blind, epochs=1, seed=7))) == 1


def test_the_figures_of_an_evaluation_follow_from_its_predictions(trained: Trained, bars: Images) -> None:
    family, network, prepared, history = trained
    judged = family.evaluate(network, prepared, "validation")
    counts = metrics.confusion_counts(judged.labels, judged.predictions, 10)
    assert judged.metrics["accuracy"] == metrics.accuracy(counts)
    assert judged.metrics[family.goal.metric.removeprefix("val_")] == history[-1][family.goal.metric]
    assert len(judged.confidence) == len(bars.validation)


@pytest.mark.slow
def test_the_exported_network_takes_images_and_is_loaded_as_it_was_saved(
    trained: Trained, bars: Images, resources: Resources, tmp_path: Path
) -> None:
    import keras

    family, network, prepared, _ = trained
    exported = family.export(network, bars.shape, resources)
    exported.save(tmp_path / "model.keras")
    keras.saving.get_custom_objects().clear()
    loaded = keras.models.load_model(tmp_path / "model.keras")
    images = bars.test.images
    assert images.dtype == np.uint8
    expected = exported.predict(images, batch_size=1000, verbose=0)
    np.testing.assert_array_equal(loaded.predict(images, batch_size=1000, verbose=0), expected)
    if expected.shape[1] == 10:
        judged = family.evaluate(network, prepared, "test")
        np.testing.assert_array_equal(expected.argmax(axis=1), judged.predictions)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_exported_network_is_as_sure_as_its_evaluation_says(name: str, bars: Images, resources: Resources) -> None:
    network, prepared, _ = train(configuration(name), bars, resources, epochs=2)
    family = configuration(name)
    temperature = family.temperature(network, prepared)
    if temperature is None:
        assert name == "siamese"
        return
    judged = family.evaluate(network, prepared, "test", temperature)
    said = family.export(network, bars.shape, resources, temperature).predict(bars.test.images, verbose=0)
    np.testing.assert_allclose(said.max(axis=1), judged.confidence, atol=1e-5)
    assert temperature != 1.0
    assert judged.metrics["ece"] != judged.metrics["ece_uncalibrated"]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_colour_images_of_another_size_with_two_classes_will_do(name: str, resources: Resources) -> None:
    images = make_images(height=20, width=24, channels=3, classes=2)
    network, prepared, _ = train(configuration(name), images, resources, epochs=1)
    assert set(configuration(name).evaluate(network, prepared, "test").predictions) <= {0, 1}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_class_missing_from_the_test_split_has_no_figures_and_spoils_none(name: str, resources: Resources) -> None:
    images = make_images(classes=3)
    present = images.test.labels != 1
    test = dataclasses.replace(images.test, images=images.test.images[present], labels=images.test.labels[present])
    network, prepared, _ = train(configuration(name), dataclasses.replace(images, test=test), resources, epochs=1)
    judged = configuration(name).evaluate(network, prepared, "test").metrics
    assert "f1.class 1" not in judged
    assert judged["recall_macro"] == np.mean([judged["recall.class 0"], judged["recall.class 2"]])


@pytest.mark.parametrize("name", NAMES)
def test_a_loss_that_leaves_the_finite_numbers_ends_training_at_once(
    name: str, bars: Images, resources: Resources
) -> None:
    family = dataclasses.replace(configuration(name, activation="elu"), optimizer="sgd", learning_rate=1e30)
    with pytest.raises(Diverged, match="diverged at epoch 1"):
        train(family, bars, resources, epochs=3)


class Drawn(Scripted):
    """Draws from the whole space."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.rng = np.random.default_rng(seed)

    def suggest_float(self, name: str, low: float, high: float, **how: Any) -> float:
        return float(self.rng.uniform(low, high))

    def suggest_int(self, name: str, low: int, high: int, **how: Any) -> int:
        return int(self.rng.integers(low, high, endpoint=True))

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        return choices[self.rng.integers(len(choices))]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(4))
def test_any_configuration_can_be_built_or_says_why_not(name: str, seed: int, bars: Images) -> None:
    family = models.family(name).suggest(Drawn(seed))
    try:
        assert family.build(bars.shape, seed).count_params() > 0
    except Infeasible as error:
        assert "does not fit" in str(error)


@pytest.mark.parametrize("name", ["cnn", "lenet5"])
def test_an_image_too_small_for_the_convolutions_is_infeasible(name: str) -> None:
    shape = make_images(height=4, width=4).shape
    with pytest.raises(Infeasible, match="does not fit on what is left of the image"):
        configuration(name, depth=3, filters_1=4).build(shape, seed=0)


def test_an_unknown_family_is_named_with_the_ones_there_are() -> None:
    with pytest.raises(LookupError, match=r"no family named 'lenet' \(did you mean lenet5\?\); the families are cnn"):
        models.family("lenet")


def test_two_padded_convolutions_of_each_width_go_deeper_than_one_without_padding_could(bars: Images) -> None:
    narrow = {f"filters_{width}": 4 for width in (1, 2, 3, 4)} | {"depth": 4, "kernel_size": 5}
    with pytest.raises(Infeasible):
        configuration("cnn", **narrow, padding="valid").build(bars.shape, seed=0)
    network = configuration("cnn", **narrow, padding="same", convolutions=2).build(bars.shape, seed=0)
    assert sum("conv2d" in layer.name for layer in network.layers) == 8
