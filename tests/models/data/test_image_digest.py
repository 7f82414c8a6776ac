from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.data import Images, Shape, Split, summary


@given(data=st.data())
def test_every_bit_of_every_array_counts(images: Images, data: st.DataObject) -> None:
    copies = {name: Split(split.images.copy(), split.labels.copy()) for name, split in images.splits()}
    changed = replace(images, **copies)
    _, array = data.draw(st.sampled_from(list(changed.arrays())))
    octets = array.reshape(-1).view(np.uint8)
    octets[data.draw(st.integers(0, octets.size - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert changed.digest != images.digest


def test_a_class_name_counts(images: Images) -> None:
    assert replace(images, class_names=("a", "b", "Жакет")).digest != images.digest


def test_where_the_images_came_from_does_not_count(images: Images) -> None:
    assert replace(images, name="copy", source="elsewhere").digest == images.digest


def test_the_same_bytes_in_another_shape_or_split_are_other_images(images: Images) -> None:
    turned = Split(images.train.images.reshape(12, 4, 5, 1), images.train.labels)
    swapped = replace(images, validation=images.test, test=images.validation)
    assert len({images.digest, replace(images, train=turned).digest, swapped.digest}) == 3


def test_a_view_that_is_not_contiguous_has_the_digest_of_its_copy(images: Images) -> None:
    view = Split(images.train.images[::2], images.train.labels[::2])
    copy = Split(view.images.copy(), view.labels.copy())
    assert replace(images, train=view).digest == replace(images, train=copy).digest


def test_a_summary_counts_the_images_of_each_class(images: Images) -> None:
    found = summary(images)
    assert found.shape == Shape(5, 4, 1, 3)
    assert found.digest == images.digest
    assert found.counts == {"train": (4, 4, 4), "validation": (2, 2, 2), "test": (1, 1, 1)}


def test_the_background_is_how_bright_the_edges_of_training_images_are(images: Images) -> None:
    pixels = np.full((6, 5, 5, 1), 250, np.uint8)
    pixels[:, 1:-1, 1:-1] = 10
    assert replace(images, train=Split(pixels, np.zeros(6, np.int64))).background == 250
    assert replace(images, train=Split(255 - pixels, np.zeros(6, np.int64))).background == 5


def test_images_on_light_and_on_dark_have_no_background(images: Images) -> None:
    pixels = np.full((1000, 5, 5, 1), 250, np.uint8)
    pixels[0] = 10
    assert replace(images, train=Split(pixels, np.zeros(1000, np.int64))).background == 250
    pixels[1] = 10
    assert replace(images, train=Split(pixels, np.zeros(1000, np.int64))).background is None
