"""Training in bfloat16: what computes in it, and what stays as it is."""

import numpy as np
import pytest

import models
from models import precision, probe
from models.data.images import Images
from models.family import Resources
from tests.support import configuration

pytestmark = pytest.mark.usefixtures("tensorflow")


@pytest.mark.parametrize("name", models.names())
def test_every_family_trains_in_bfloat16_on_variables_that_are_float32(
    name: str, bars: Images, resources: Resources
) -> None:
    family = configuration(name, batch_norm=True, augmentation="all", dropout=0.2)
    prepared = family.prepare(bars, resources)
    with precision.computing("bfloat16"):
        network = family.build(bars.shape, seed=1)
    (epoch,) = family.fit(network, prepared, epochs=1, seed=1)
    assert np.isfinite(list(epoch.values())).all()
    assert {variable.dtype for variable in network.trainable_variables} == {"float32"}
    assert network.output.dtype == "float32"


def test_what_is_made_afterwards_computes_in_float32_again(bars: Images) -> None:
    family = configuration("cnn")
    with pytest.raises(ZeroDivisionError), precision.computing("bfloat16"):
        raise ZeroDivisionError
    assert {layer.compute_dtype for layer in family.build(bars.shape, seed=1).layers} == {"float32"}


def test_hidden_layers_compute_in_bfloat16_images_and_classes_do_not(bars: Images) -> None:
    with precision.computing("bfloat16"):
        network = configuration("lenet5", augmentation="all").build(bars.shape, seed=1)
    computed = {layer.__class__.__name__: layer.compute_dtype for layer in network.layers if layer.name != "classes"}
    assert computed["Conv2D"] == computed["Dense"] == "bfloat16"
    assert computed["Rescaling"] == computed["RandomRotation"] == computed["RandomZoom"] == "float32"
    assert network.get_layer("classes").compute_dtype == "float32"


def test_both_precisions_begin_with_the_same_weights_and_learn_the_same(bars: Images) -> None:
    family = configuration("cnn")
    losses = {}
    for name in probe.PRECISIONS:
        with precision.computing(name):
            network = family.build(bars.shape, seed=1)
        losses[name] = [epoch["loss"] for epoch in family.fit(network, bars, epochs=2, seed=1)]
    np.testing.assert_allclose(losses["bfloat16"], losses["float32"], rtol=0.05)


def test_a_race_times_both_and_judges_both(bars: Images) -> None:
    paces = probe.race(configuration("cnn"), probe.some_of(bars))
    assert set(paces) == {"float32", "bfloat16"}
    for pace in paces.values():
        assert pace.seconds > 0
        assert 0 <= pace.value <= 1


def test_a_race_is_run_on_images_from_all_of_the_split(bars: Images) -> None:
    some = probe.some_of(bars)
    assert some.shape == bars.shape
    assert len(some.train) == min(len(bars.train), probe.IMAGES)
    np.testing.assert_array_equal(some.train.labels[[0, -1]], bars.train.labels[[0, -1]])
