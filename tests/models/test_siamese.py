"""Pairs drawn as report A does, and all pairs of a batch: two ways to train the same branch."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models import pairs
from models.data.images import Images
from models.families.siamese import PAIRINGS, THRESHOLD
from models.family import Diverged, Resources
from tests.support import configuration, make_images

pytestmark = pytest.mark.usefixtures("tensorflow")
FEWER = settings(max_examples=60)

batches = st.integers(1, 24).flatmap(
    lambda count: st.tuples(
        arrays(np.int64, count, elements=st.integers(0, 3)),
        arrays(np.float32, (count, 3), elements=st.floats(-4, 4, width=32)),
    )
)
# A kind of pairs that counts next to nothing is one too little to divide by.
shares = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(1e-3, 1 - 1e-3))


def kinds(labels: np.ndarray, embeddings: np.ndarray) -> tuple[list[float], list[float]]:
    """Return the distances of all equal pairs, and of all others."""
    found: dict[bool, list[float]] = {True: [], False: []}
    for one, other in itertools.combinations(range(len(labels)), 2):
        distance = np.linalg.norm(embeddings[one].astype(float) - embeddings[other])
        found[bool(labels[one] == labels[other])].append(float(distance))
    return found[True], found[False]


def mean(values: Any) -> float:
    values = list(values)
    return float(np.mean(values)) if values else 0.0


@given(batch=batches, margin=st.floats(0.25, 4), share=shares)
@FEWER
def test_the_loss_of_a_batch_is_the_weighted_mean_over_every_pair_in_it(
    batch: tuple[np.ndarray, np.ndarray], margin: float, share: float
) -> None:
    from models import losses

    equal, others = kinds(*batch)
    apart = mean(max(margin - distance, 0) ** 2 for distance in others)
    expected = share * mean(distance**2 for distance in equal) + (1 - share) * apart
    assert float(losses.in_batch_contrastive(margin, share)(*batch)) == pytest.approx(expected, rel=1e-3, abs=3e-3)


def test_with_the_share_that_a_batch_has_the_loss_is_that_of_drawing_each_of_its_pairs_once() -> None:
    from models import losses

    rng = np.random.default_rng(0)
    labels, embeddings = rng.integers(0, 4, 40), rng.normal(0, 0.3, (40, 8)).astype(np.float32)
    first, second = np.triu_indices(40, k=1)
    every = pairs.Pairs(first, second, labels[first] == labels[second])
    distance = pairs.distances(embeddings, every).astype(np.float32)
    expected = losses.contrastive(1.0)(every.same.astype(np.float32), distance)
    ours = losses.in_batch_contrastive(1.0, float(every.same.mean()))(labels, embeddings)
    assert float(ours) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_distances_are_right_however_far_from_zero_the_embeddings_lie(offset: float) -> None:
    from models import losses

    # Eighths, which float32 holds exactly beside a thousand.
    embeddings = np.random.default_rng(0).integers(0, 8, (30, 4)) / 8
    labels = np.arange(30) % 3
    equal, others = kinds(labels, embeddings)
    expected = 0.5 * mean(d**2 for d in equal) + 0.5 * mean(max(1 - d, 0) ** 2 for d in others)
    loss = losses.in_batch_contrastive(1.0, 0.5)(labels, (embeddings + offset).astype(np.float32))
    assert float(loss) == pytest.approx(expected, rel=1e-3)


@given(batch=batches, share=shares)
@FEWER
def test_the_accuracy_of_a_batch_is_the_weighted_share_of_its_pairs_judged_right(
    batch: tuple[np.ndarray, np.ndarray], share: float
) -> None:
    from models import losses

    labels, embeddings = batch[0], np.round(batch[1])
    equal, others = kinds(labels, embeddings)
    weights = share * bool(equal) + (1 - share) * bool(others)
    right = share * mean(d < THRESHOLD for d in equal) + (1 - share) * mean(d >= THRESHOLD for d in others)
    accuracy = float(losses.in_batch_pair_accuracy(THRESHOLD, share)(labels, embeddings.astype(np.float32)))
    assert accuracy == pytest.approx(right / weights if weights else 0.0, abs=1e-5)


@pytest.mark.parametrize(
    "labels",
    [[3], [3, 3], [3, 4], [5] * 8, list(range(8)), [0, 0, 1, 1, 3, 3]],
    ids=["one image", "an equal pair", "another pair", "one class", "all different", "a class missing"],
)
@pytest.mark.parametrize("spread", [0.0, 1.0], ids=["all in one place", "apart"])
def test_no_batch_gives_a_loss_or_a_slope_that_is_no_number(labels: list[int], spread: float) -> None:
    import tensorflow as tf

    from models import losses

    points = np.random.default_rng(0).normal(0, spread, (len(labels), 5)).astype(np.float32)
    embeddings = tf.Variable(points)
    with tf.GradientTape() as tape:
        loss = losses.in_batch_contrastive(1.0, 0.4)(tf.constant(labels), embeddings)
    assert np.isfinite(float(loss))
    assert np.isfinite(tape.gradient(loss, embeddings).numpy()).all()
    accuracy = losses.in_batch_pair_accuracy(THRESHOLD, 0.4)(tf.constant(labels), embeddings)
    assert np.isfinite(float(accuracy))


def test_embeddings_of_half_precision_are_compared_in_single() -> None:
    import tensorflow as tf

    from models import losses

    rough = np.random.default_rng(0).normal(0, 20, (16, 32)).astype(np.float16)
    labels = np.arange(16) % 4
    loss = losses.in_batch_contrastive(1.0, 0.4)
    assert loss(labels, tf.constant(rough)).dtype == tf.float32
    assert float(loss(labels, tf.constant(rough))) == float(loss(labels, rough.astype(np.float32)))


def test_drawn_pairs_train_the_twins_of_the_report_as_keras_does(bars: Images) -> None:
    import keras

    from models import layers, losses, runtime

    family = configuration("siamese", dropout=0.0, optimizer="nadam")
    ours = family.build(bars.shape, seed=1)
    (epoch,) = family.fit(ours, bars, epochs=1, seed=5)

    runtime.seed(1)
    source, x = layers.images(bars.shape)
    hidden = keras.layers.Dense(family.units[0], activation="relu")(layers.flatten(x))
    theirs = layers.twins(keras.Model(source, layers.embedding(hidden, family.embedding_size, "relu")))
    rate = keras.optimizers.Nadam(family.learning_rate)
    metric = losses.pair_accuracy(THRESHOLD)
    theirs.compile(rate, losses.contrastive(family.margin), metrics=[metric], jit_compile=False)
    drawn = pairs.draw_pairs(bars.train.labels, family.equal_pairs, (5, 0))
    images = (bars.train.images[drawn.first], bars.train.images[drawn.second])
    history = theirs.fit(images, drawn.same.astype(np.float32), family.batch_size, shuffle=False, verbose=0).history

    assert epoch["loss"] == pytest.approx(history["loss"][0], rel=1e-5)
    assert epoch["pair_accuracy"] == pytest.approx(history["accuracy"][0], rel=1e-6)
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_both_pairings_begin_with_the_same_branch_and_keep_the_same_variables(bars: Images) -> None:
    drawn, in_batch = (configuration("siamese", pairing=pairing).build(bars.shape, seed=3) for pairing in PAIRINGS)
    for one, other in zip(drawn.get_weights(), in_batch.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_pairs_of_a_batch_teach_to_find_images_of_the_same_class(bars: Images) -> None:
    family = configuration("siamese", pairing="in_batch", units_1=64)
    network = family.build(bars.shape, seed=7)
    first, *_, last = family.fit(network, bars, epochs=8, seed=7)
    assert last["loss"] < first["loss"]
    assert last["pair_accuracy"] > 0.9
    assert family.evaluate(network, bars, "test").metrics["recall_at_1"] > 0.9


def test_a_last_batch_of_one_colour_image_spoils_nothing() -> None:
    images = make_images(height=20, width=24, channels=3, classes=2, train=65)
    family = configuration("siamese", pairing="in_batch")
    network = family.build(images.shape, seed=7)
    (epoch,) = family.fit(network, images, epochs=1, seed=7)
    assert np.isfinite(list(epoch.values())).all()
    assert set(family.evaluate(network, images, "test").predictions) <= {0, 1}


def test_pairs_of_a_batch_that_leave_the_finite_numbers_end_training_at_once(bars: Images) -> None:
    family = configuration("siamese", pairing="in_batch", activation="elu", optimizer="sgd", learning_rate=1e30)
    with pytest.raises(Diverged, match="diverged at epoch 1"):
        list(family.fit(family.build(bars.shape, 7), bars, epochs=3, seed=7))


def test_a_branch_trained_on_batches_is_exported_as_it_is(bars: Images, resources: Resources, tmp_path: Path) -> None:
    import keras

    family = configuration("siamese", pairing="in_batch")
    network = family.build(bars.shape, seed=7)
    list(family.fit(network, bars, epochs=1, seed=7))
    family.export(network, bars.shape, resources).save(tmp_path / "model.keras")
    keras.saving.get_custom_objects().clear()
    loaded = keras.models.load_model(tmp_path / "model.keras")
    embeddings = {n: loaded.predict(part.images, batch_size=1000, verbose=0) for n, part in bars.splits()}
    judged = family.judge(embeddings, bars, "test").metrics
    assert judged == family.evaluate(network, bars, "test").metrics
