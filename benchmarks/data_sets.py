"""Two data sets that are unlike Fashion-MNIST, as files that `--data` takes: small grey digits, and figures in colour.

python -m benchmarks.data_sets digits digits.npz      # 1,797 handwritten digits of scikit-learn, at 28x28 pixels
python -m benchmarks.data_sets figures figures.npz    # 8,000 figures of ten kinds, drawn by chance, at 32x32 pixels
"""

import argparse
from collections.abc import Callable
from math import cos, pi, sin
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from sklearn.datasets import load_digits

Pixels = NDArray[np.uint8]
Labels = NDArray[np.uint8]
FIGURES, SIZE, TEST_SHARE = 8000, 32, 0.2
# Corners of figures around (0, 0), inside and outside by turns: how many, and how far the inner ones are.
CORNERED = ((3, 1.0), (4, 1.0), (5, 1.0), (4, 0.35), (5, 0.45), (6, 0.55), (8, 0.7))


def main() -> None:
    """Write a file."""
    makers: dict[str, Callable[[], tuple[Pixels, Labels]]] = {"digits": digits, "figures": figures}
    parser = argparse.ArgumentParser(
        "python -m benchmarks.data_sets", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=makers)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    images, labels = makers[given.what]()
    order = np.random.default_rng(0).permutation(len(images))
    images, labels = images[order], labels[order]
    test = round(len(images) * TEST_SHARE)
    np.savez_compressed(
        given.out, x_train=images[test:], y_train=labels[test:], x_test=images[:test], y_test=labels[:test]
    )


def digits() -> tuple[Pixels, Labels]:
    """Return scikit-learn's digits (n, 28, 28) and what they are."""
    found = load_digits()
    small = (found.images * (255 / 16)).astype(np.uint8)
    return np.stack([np.asarray(Image.fromarray(one).resize((28, 28))) for one in small]), found.target.astype(np.uint8)


def figures() -> tuple[Pixels, Labels]:
    """Return figures in colour (n, 32, 32, 3), and their kinds: of any size, place and turn, on a ground that varies.

    Bars lie across some of them, and all are noisy.
    """
    rng = np.random.default_rng(1)
    labels = rng.integers(len(CORNERED) + 3, size=FIGURES).astype(np.uint8)
    return np.stack([_figure(int(label), rng) for label in labels]), labels


def _figure(kind: int, rng: np.random.Generator) -> Pixels:
    scale = 4
    canvas = Image.fromarray(rng.integers(0, 256, (3, 3, 3), np.uint8)).resize((SIZE * scale,) * 2)
    canvas = Image.blend(canvas, Image.new("RGB", canvas.size, _colour(rng)), 0.6)
    draw, colour = ImageDraw.Draw(canvas), _colour(rng)
    radius = float(rng.uniform(0.2, 0.4)) * SIZE * scale
    x, y = (float(place) * SIZE * scale for place in rng.uniform(0.35, 0.65, 2))
    box = (x - radius, y - radius, x + radius, y + radius)
    turned = float(rng.uniform(0, 2 * pi))
    if kind < len(CORNERED):
        count, inner = CORNERED[kind]
        lengths = [radius, radius * inner] if inner < 1 else [radius]
        corners = count * len(lengths)
        places = [(lengths[corner % len(lengths)], turned + 2 * pi * corner / corners) for corner in range(corners)]
        draw.polygon([(x + far * cos(at), y + far * sin(at)) for far, at in places], fill=colour)
    elif kind == len(CORNERED):
        draw.ellipse(box, fill=colour)
    elif kind == len(CORNERED) + 1:
        draw.ellipse(box, outline=colour, width=round(radius * 0.35))
    else:
        draw.pieslice(box, turned * 180 / pi, turned * 180 / pi + 240, fill=colour)
    if rng.random() < 0.3:
        ends = rng.uniform(0, SIZE * scale, 4)
        draw.line([float(end) for end in ends], fill=_colour(rng), width=3 * scale)
    small = np.asarray(canvas.filter(ImageFilter.GaussianBlur(scale / 2)).resize((SIZE, SIZE)), float)
    return np.clip(small + rng.normal(0, 12, small.shape), 0, 255).astype(np.uint8)


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = (int(part) for part in rng.integers(0, 256, 3))
    return red, green, blue


if __name__ == "__main__":
    main()
