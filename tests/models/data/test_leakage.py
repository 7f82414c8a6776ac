"""Test images that a network was trained on are found, as they are and mirrored."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data import Images, Split, load
from models.data.leakage import leakage

SIZES = {"train": 12, "validation": 6, "test": 8}


def made(seed: int, channels: int) -> Images:
    """Return images that are all different, and none of them the mirror image of any."""
    random = np.random.default_rng(seed)
    splits = {}
    for name, size in SIZES.items():
        pixels = random.integers(0, 256, (size, 5, 4, channels), np.uint8)
        splits[name] = Split(pixels, np.arange(size, dtype=np.int64) % 2)
    return Images("some", "made up", ("a", "b"), **splits)


@given(
    seed=st.integers(0, 1000),
    channels=st.sampled_from([1, 3]),
    copies=st.dictionaries(
        st.integers(0, SIZES["test"] - 1), st.tuples(st.sampled_from(["train", "validation"]), st.booleans())
    ),
)
def test_planted_copies_are_found_and_nothing_else(
    seed: int, channels: int, copies: dict[int, tuple[str, bool]]
) -> None:
    images = made(seed, channels)
    pixels = images.test.images.copy()
    for position, (split, mirrored) in copies.items():
        seen = getattr(images, split).images[position % SIZES[split]]
        pixels[position] = seen[:, ::-1] if mirrored else seen
    found = leakage(replace(images, test=Split(pixels, images.test.labels)))
    assert found.exact == tuple(sorted(position for position, (_, mirrored) in copies.items() if not mirrored))
    assert found.mirrored == tuple(sorted(position for position, (_, mirrored) in copies.items() if mirrored))


def test_what_was_found_is_said_in_a_sentence(images: Images) -> None:
    assert leakage(images).text == (
        "none of the 3 test images is among the 18 training and validation images, as it is or mirrored"
    )
    copied = replace(images, test=Split(images.train.images[:3], images.test.labels))
    assert leakage(copied).text.startswith("3 of the 3 test images are among the 18 training and validation images")


@pytest.mark.real
def test_fashion_mnist_has_no_test_image_among_those_to_train_on(tmp_path: Path) -> None:
    found = leakage(load(cache=tmp_path))
    assert (found.trained, found.tested) == (60_000, 10_000)
    assert found.exact == found.mirrored == ()
