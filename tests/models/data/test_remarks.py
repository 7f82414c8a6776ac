"""What is odd about images is told, and nothing of images as they should be."""

from dataclasses import replace

import numpy as np
import pytest

from models.data import Images, Split
from models.data.leakage import leakage
from models.data.remarks import remarks


def told(images: Images) -> tuple[str, ...]:
    return remarks(images, leakage(images))


def made(**splits: Split) -> Images:
    """Return a few images of three classes, all different, some splits replaced."""
    random = np.random.default_rng(0)
    usual = {
        name: Split(random.integers(0, 256, (size, 5, 4, 1), np.uint8), np.arange(size, dtype=np.int64) % 3)
        for name, size in (("train", 12), ("validation", 6), ("test", 3))
    }
    return Images("some", "made up", ("a", "b", "c"), **{**usual, **splits})


def of(pixels: object, labels: object = None) -> Split:
    images = np.broadcast_to(np.asarray(pixels, np.uint8), (12, 5, 4, 1)).copy()
    return Split(images, np.arange(12) % 3 if labels is None else np.asarray(labels))


def test_nothing_is_told_of_images_as_they_should_be() -> None:
    assert told(made()) == ()


def test_what_was_done_to_images_is_told_first() -> None:
    assert told(replace(made(), notes=("1 image(s) are turned",))) == ("1 image(s) are turned",)


RANDOM = made().train.images
ODD = {
    "black": (of(0), "12 of the 12 training images show nothing: all their pixels have one value"),
    "some black": (of(RANDOM * (np.arange(12) > 1)[:, None, None, None]), "2 of the 12 training images show nothing"),
    "0 and 1": (of(RANDOM > 99), "all pixels of the training images are 0 or 1, where 255 is white: if 1 is meant"),
    "one image": (of(RANDOM[0], np.zeros(12, int)), "all training images of class 'a' are equal"),
    "a class of one image": (
        of(np.where((np.arange(12) % 3 == 1)[:, None, None, None], RANDOM[1], RANDOM)),
        "of class 'b' are",
    ),
    "two classes": (of(RANDOM[np.arange(12) // 2 * 2]), "12 training and validation images are there under more than"),
}


@pytest.mark.parametrize("case", ODD)
def test_images_that_show_little_are_told_of(case: str) -> None:
    split, words = ODD[case]
    assert sum(words in remark for remark in told(made(train=split))) == 1


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_class_without_an_image_to_judge_by_is_named(split: str) -> None:
    usual = getattr(made(), split)
    without = Split(usual.images, np.zeros(len(usual), np.int64))
    assert told(made(**{split: without})) == (
        f"there is no {split} image of class 'b', 'c': how it is told is not judged there",
    )


def test_test_images_among_those_to_train_on_are_told_of() -> None:
    images = made()
    assert told(replace(images, test=images.train))[0].startswith("12 of the 12 test images are among the 18 training")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("Bag", "bag", "c"), "the classes 'Bag' and 'bag' look alike"),
        (("\ufb01n", "fin", "c"), "look alike"),
        (("b\u200b", "a", "c"), r"the class 'b\u200b' has in its name what cannot be seen"),
        (("b ", "a", "c"), "the class 'b ' has in its name"),
        (("\u202eb", "a", "c"), r"the class '\u202eb' has"),
        (("b\x1b[31m", "a", "c"), r"the class 'b\x1b[31m' has"),
    ],
)
def test_names_in_which_people_cannot_see_what_is_there_are_told_of(names: tuple[str, ...], words: str) -> None:
    (remark,) = told(replace(made(), class_names=names))
    assert words in remark
