import io
import warnings

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.typing import NDArray
from PIL import Image

from tracking import figures, lettering
from tracking.pictures import Found

GARMENTS = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
CYRILLIC = ["Футболка", "Брюки", "Свитер", "Платье", "Пальто", "Сандалии", "Рубашка", "Кеды", "Сумка", "Ботинки"]

HOSTILE = {
    "font.size": 21,
    "font.family": "serif",
    "axes.facecolor": "yellow",
    "lines.antialiased": False,
    "savefig.dpi": 37,
    "savefig.bbox": "tight",
    "figure.autolayout": True,
    "image.origin": "lower",
    "image.interpolation": "bilinear",
}


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def words(figure: Figure) -> str:
    return "\n".join(texts(figure))


def pixels(figure: Figure) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(figures.png(lambda: figure))) as picture:
        return np.asarray(picture.convert("RGB"))


def counts(classes: int) -> NDArray[np.int64]:
    """No two alike, so that each can be looked for."""
    return np.arange(1000, 1000 + classes**2, dtype=np.int64).reshape(classes, classes)


def grey(count: int, height: int = 28, width: int = 28, channels: int = 1) -> NDArray[np.uint8]:
    return np.full((count, height, width, channels), 200, np.uint8)


def judged(labels: list[int], predictions: list[int], names: list[str] = GARMENTS) -> Figure:
    sure = np.linspace(0.5, 0.99, len(labels))
    return figures.predictions(grey(len(labels)), np.array(labels), np.array(predictions), sure, names, "Samples")


@pytest.mark.parametrize("classes", [2, 10, 30])
def test_a_confusion_matrix_shows_every_count_and_class(classes: int) -> None:
    names = [f"class {label}" for label in range(classes)]
    shown = texts(figures.confusion_matrix(counts(classes), names, "Test images"))
    assert {str(count) for count in counts(classes).flat} <= set(shown)
    assert {*names, "Test images"} <= set(shown)


def test_a_confusion_matrix_says_accuracy_recall_and_precision() -> None:
    shown = words(figures.confusion_matrix(np.array([[90, 10], [60, 40]]), ["cat", "dog"], "t"))
    assert "accuracy 0.6500 on 200 images" in shown
    assert {"90%", "40%", "60%", "80%"} <= set(shown.split("\n"))


def test_a_class_that_never_occurs_has_no_recall() -> None:
    shown = texts(figures.confusion_matrix(np.array([[5, 0], [0, 0]]), ["cat", "dog"], "t"))
    assert shown.count("–") == 2


def test_the_colour_of_a_cell_is_its_share_of_the_row() -> None:
    figure = figures.confusion_matrix(np.array([[1, 1], [1000, 1000]]), ["rare", "frequent"], "t")
    (picture,) = figure.axes[0].images
    assert np.array_equal(np.asarray(picture.get_array()), np.full((2, 2), 0.5))


@pytest.mark.parametrize("names", [CYRILLIC, [f"{name} — длинное имя папки {name}" for name in CYRILLIC]])
def test_cyrillic_names_are_in_the_font(names: list[str]) -> None:
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        figures.confusion_matrix(counts(10), names, "Проверка").canvas.draw()
        judged([0, 1, 2], [0, 1, 3], names).canvas.draw()
    assert raised == []


def test_names_that_the_font_lacks_or_takes_for_formulas_are_drawn_all_the_same() -> None:
    names = ["衣服", "$x_1$ and $", "\\frac{a}", ""]
    pixels(figures.confusion_matrix(counts(4), names, "$"))
    pixels(judged([0, 1, 2, 3], [1, 2, 3, 0], names))


def test_long_names_that_differ_at_their_ends_stay_apart() -> None:
    names = [f"a folder's quite unreasonably long name {number}" for number in (1, 2)]
    shown = texts(figures.confusion_matrix(counts(2), names, "t"))
    assert len({text for text in shown if "…" in text}) == 2


@pytest.mark.parametrize("epochs", [1, 10])
def test_learning_curves_set_training_against_validation(epochs: int) -> None:
    history = {name: [0.5] * epochs for name in ("loss", "val_loss", "accuracy", "val_accuracy", "learning_rate")}
    figure = figures.learning_curves(history, "lenet5-0017", best_epoch=epochs - 1)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["loss: 0.5000", "accuracy: 0.5000"]
    assert {"training", "validation", "lenet5-0017"} <= set(texts(figure))
    assert f"best epoch: {epochs}" in words(figure)
    pixels(figure)


def test_what_names_the_lines_covers_none_of_them() -> None:
    """Nor is a place for it looked for among the points: matplotlib warns where that took long."""
    figure = figures.learning_curves({"loss": [1.0, 0.5], "val_loss": [1.0, 0.75]}, "t", best_epoch=1)
    pixels(figure)
    (axes,) = figure.axes
    legend = axes.get_legend()
    assert legend is not None
    assert legend.get_window_extent().y0 >= axes.get_window_extent().y1


def test_a_metric_without_training_values_is_drawn_alone() -> None:
    history = {"val_recall_at_1": [0.4, 0.6], "loss": [1.0, 0.5], "val_loss": [1.0, 0.75]}
    figure = figures.learning_curves(history, "siamese-0003", best_epoch=1)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["loss: 0.7500", "recall at 1: 0.6000"]


@pytest.mark.parametrize("history", [{}, {"loss": []}, {"loss": [float("nan")] * 2, "val_loss": [float("inf")] * 2}])
def test_learning_curves_of_nothing_still_make_a_picture(history: dict[str, list[float]]) -> None:
    pixels(figures.learning_curves(history, "t", best_epoch=0))


def test_mistakes_are_marked_by_colour_and_by_more() -> None:
    figure = judged([0, 1], [0, 9])
    right, wrong = (text for text in figure.findobj(Text) if "sure" in text.get_text())
    assert right.get_text() == "✓ T-shirt/top\n50% sure"
    assert wrong.get_text() == "✗ Ankle boot\n99% sure\nis Trouser"
    assert right.get_color() != wrong.get_color()
    assert "1 of 2 are right" in words(figure)


def test_no_mistakes_still_make_a_picture() -> None:
    figure = judged([], [])
    assert "there are none" in words(figure)
    pixels(figure)


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (200, 150, 3), (300, 10, 1), (1, 1, 1)])
def test_images_of_any_size_and_colour_fit_on_a_sheet(shape: tuple[int, int, int]) -> None:
    ones = np.ones(9, np.int64)
    picture = pixels(figures.predictions(grey(9, *shape), ones, ones, ones / 2, GARMENTS, "t"))
    assert (picture == 200).all(axis=2).sum() > 0
    assert max(picture.shape) < 2000


def test_pixels_reach_the_sheet_unchanged() -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 28, 28, 3)).astype(np.uint8)
    picture = pixels(figures.predictions(image, np.zeros(1, int), np.zeros(1, int), np.ones(1), GARMENTS, "t"))
    enlarged = image[0].repeat(4, axis=0).repeat(4, axis=1)
    found = np.lib.stride_tricks.sliding_window_view(picture[:200, :200], enlarged.shape)[:, :, 0]
    assert (found == enlarged).all(axis=(2, 3, 4)).sum() == 1


def test_what_was_found_stands_beside_what_was_looked_for_with_class_and_distance() -> None:
    labels, distances = np.array([[1, 2], [5, 5]]), np.array([[0.125, 0.25], [0.5, 1.0]], np.float32)
    sheet = Found(
        grey(2), ["юбка.png", "b.png"], grey(4).reshape(2, 2, 28, 28, 1), labels, distances, GARMENTS, "Found"
    )
    shown = words(sheet.draw())
    assert {"юбка.png", "b.png", "Trouser", "0.125", "Pullover", "0.250", "Sandal", "0.500", "1.000"} <= set(
        shown.split("\n")
    )
    assert pixels(sheet.draw()).shape[0] > 300


def test_the_nearest_images_stand_beside_what_was_looked_for() -> None:
    labels, others = np.array([0, 1]), np.array([[0, 0, 2], [1, 3, 4]])
    neighbours = np.stack([grey(3), grey(3)])
    figure = figures.nearest(grey(2), labels, neighbours, others, GARMENTS, "Nearest")
    assert {"T-shirt/top", "✓ T-shirt/top", "✗ Pullover", "Trouser", "✓ Trouser", "✗ Coat"} <= set(texts(figure))
    assert "3 of 6 images found are of its class" in words(figure)
    pixels(figure)


def test_nothing_looked_for_still_makes_a_picture() -> None:
    none = np.zeros((0, 5), np.int64)
    pixels(figures.nearest(grey(0), none[:, 0], grey(0)[:, None], none, GARMENTS, "t"))


@pytest.mark.parametrize("length", [30, 300, 3000])
def test_a_name_of_any_length_is_shortened_in_few_measurements_to_the_most_that_fits(length: int) -> None:
    lettering.text_width.cache_clear()
    one, other = (lettering.shortened("long" * length + end, 140, 9) for end in "12")
    assert lettering.text_width.cache_info().misses < 40
    assert (one[-1], other[-1]) == ("1", "2")
    assert 100 < lettering.text_width(one, 9) <= 140


@pytest.mark.parametrize("classes", [51, 271, 1000, 3000])
def test_a_picture_is_not_larger_for_very_many_classes(classes: int) -> None:
    right = np.eye(classes, dtype=np.int64)
    picture = pixels(figures.confusion_matrix(right, [f"class {label}" for label in range(classes)], "t"))
    assert max(picture.shape) < 800
    # Every cell of the diagonal is there, dark, and there is nothing else as dark.
    dark = (picture.sum(axis=2) < 200) & (np.ptp(picture, axis=2) > 60)
    down, across = np.nonzero(dark)
    assert np.ptp(down) == np.ptp(across) >= 250
    assert {*down} == {*range(down.min(), down.max() + 1)}


def test_what_very_many_classes_are_taken_for_is_seen_beside_the_diagonal() -> None:
    counts = np.eye(1000, dtype=np.int64) * 5
    clean = pixels(figures.confusion_matrix(counts, ["class"] * 1000, "t"))
    counts[700, 200:204] = 1
    assert not np.array_equal(pixels(figures.confusion_matrix(counts, ["class"] * 1000, "t"))[100:], clean[100:])


def test_no_setting_of_a_persons_own_changes_a_picture() -> None:
    drawings = (
        lambda: figures.confusion_matrix(counts(4), GARMENTS[:4], "Test images"),
        lambda: figures.learning_curves({"loss": [1.0, 0.5], "val_loss": [1.1, 0.7]}, "Epochs", 1),
        lambda: judged([0, 1, 2], [0, 1, 3]),
    )
    usual = [figures.png(draw) for draw in drawings]
    lettering.text_width.cache_clear()
    with matplotlib.rc_context(HOSTILE):
        assert [figures.png(draw) for draw in drawings] == usual
