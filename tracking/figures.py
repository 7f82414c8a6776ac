"""Arrays to pictures. Nothing here knows where a picture is recorded, nor keeps any state between two of them."""

import io
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from tracking.lettering import BLUE, DPI, FAINT, INK, MUTED, VERMILION, head, ours, shortened, text_width
from tracking.sheets import Tile, sheet

_COLUMNS = 8
_LONGEST_NAME = 140
_MANY_CLASSES = 12
# Beyond so many, names and numbers have no room: a picture stays as large as it is, and `report/*.csv` has them.
_MOST_NAMED = 50
# Pixels at most of a matrix that names nobody, and at least those of one of its cells.
_CROWD, _SMALLEST = 540, 2
# Shares are drawn to this power: what one image in twenty is taken for would be as good as white.
_FAINTER = 0.5


def png(draw: Callable[[], Figure]) -> bytes:
    """Return what `draw` draws as a PNG file, whatever matplotlib is told to do elsewhere."""
    buffer = io.BytesIO()
    with ours():
        draw().savefig(buffer, format="png", pil_kwargs={"compress_level": 4})
    return buffer.getvalue()


def confusion_matrix(counts: NDArray[np.int64], class_names: Sequence[str], title: str) -> Figure:
    """Rows are true classes, columns predicted ones; the colour is a cell's share of its row.

    To the right of each row stands its recall, under each column its precision. Of many classes, zeros are left blank;
    of very many, only the colours are drawn.
    """
    if len(counts) > _MOST_NAMED:
        return _crowd(counts, title)
    names = [shortened(name, _LONGEST_NAME, 9) for name in class_names]
    label = max(text_width(name, 9) for name in names) / DPI
    cell = min(1.1, max(0.38, 5.4 / len(counts)))
    size = cell * len(counts)
    left, bottom = label + 0.5, label * 0.72 + 0.7
    width, height = max(left + size + 0.75, 5.0), bottom + size + 0.85
    figure = Figure(figsize=(width, height), dpi=DPI)
    axes = figure.add_axes((left / width, bottom / height, size / width, size / height))
    shares = _shares(counts)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    _write_counts(axes, counts, shares, cell)
    _write_margins(axes, counts, cell)
    _name_classes(axes, names)
    head(figure, title, f"{_accuracy(counts)}; the colour is the share of the true class")
    return figure


def _crowd(counts: NDArray[np.int64], title: str) -> Figure:
    """Draw the shares of very many classes by their numbers, several in one cell where there are more than pixels."""
    together = -(-len(counts) * _SMALLEST // _CROWD)
    starts = np.arange(0, len(counts), together)
    shares = _shares(np.add.reduceat(np.add.reduceat(counts, starts, axis=0), starts, axis=1))
    # Whole pixels a cell: of cells that are not, some would be left out.
    left, bottom, size = 0.75, 0.6, _CROWD // len(starts) * len(starts) / DPI
    width, height = max(left + size + 0.3, 6.6), bottom + size + 0.85
    figure = Figure(figsize=(width, height), dpi=DPI)
    axes = figure.add_axes((left / width, bottom / height, size / width, size / height))
    reach = (-0.5, len(starts) * together - 0.5)
    axes.imshow(shares**_FAINTER, cmap="Blues", vmin=0, vmax=1, interpolation="nearest", extent=(*reach, *reach[::-1]))
    axes.tick_params(labelsize=8, colors=MUTED)
    axes.spines[:].set_color(FAINT)
    number = f"class, by its number{f' ({together} in a cell)' if together > 1 else ''}"
    axes.set_ylabel(f"true {number}", color=MUTED, fontsize=9)
    axes.set_xlabel(f"predicted {number}", color=MUTED, fontsize=9)
    head(figure, title, f"{_accuracy(counts)} of {len(counts):,} classes; the darker, the more of a true class")
    return figure


def _shares(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return each count as a share of its row; zeros where a row is empty."""
    shares: NDArray[np.float64] = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return shares


def _accuracy(counts: NDArray[np.int64]) -> str:
    images = int(counts.sum())
    return f"accuracy {np.trace(counts) / max(images, 1):.4f} on {images:,} images"


def learning_curves(history: Mapping[str, Sequence[float]], title: str, best_epoch: int) -> Figure:
    """Draw each metric that has a `val_` twin, training against validation; `best_epoch` is a place in the history.

    Epochs are counted from 1, as people do.
    """
    names = [name.removeprefix("val_") for name in history if name.startswith("val_")] or list(history)
    names.sort(key=lambda name: (name != "loss", name != "accuracy"))
    width = 4.7 * max(len(names), 1)
    figure = Figure(figsize=(width, 3.8), dpi=DPI)
    for column, name in enumerate(names):
        axes = figure.add_axes(((column * 4.7 + 0.6) / width, 0.13, 3.9 / width, 0.62))
        _draw_curves(axes, name, history, best_epoch)
    head(
        figure,
        title,
        f"best epoch: {best_epoch + 1} (shaded); its validation values are in the headings"
        if names
        else "there are none",
    )
    return figure


def predictions(
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    predictions: NDArray[np.int64],
    confidence: NDArray[np.float64],
    class_names: Sequence[str],
    title: str,
) -> Figure:
    """Show images, predicted class and confidence; wrong ones are framed, crossed, and say what they are."""
    tiles = []
    for number, (image, label, predicted, sure) in enumerate(zip(images, labels, predictions, confidence, strict=True)):
        right = bool(label == predicted)
        lines = (class_names[predicted], f"{sure:.0%} sure", *(() if right else (f"is {class_names[label]}",)))
        tiles.append(Tile(image, divmod(number, _COLUMNS), right, lines))
    rights = sum(tile.right is True for tile in tiles)
    return sheet(tiles, title, f"{rights} of {len(tiles)} are right" if tiles else "there are none")


def nearest(
    queries: NDArray[np.uint8],
    query_labels: NDArray[np.int64],
    neighbours: NDArray[np.uint8],
    neighbour_labels: NDArray[np.int64],
    class_names: Sequence[str],
    title: str,
) -> Figure:
    """Show each query at the left of a row, then its nearest images, nearest first: `neighbours` is (q, k, h, w, c)."""
    tiles = []
    for row, (query, label) in enumerate(zip(queries, query_labels, strict=True)):
        tiles.append(Tile(query, (row, 0), None, (class_names[label],)))
        for column, (image, other) in enumerate(zip(neighbours[row], neighbour_labels[row], strict=True), start=1):
            tiles.append(Tile(image, (row, column + 0.15), bool(other == label), (class_names[other],)))
    rights, found = sum(tile.right is True for tile in tiles), sum(tile.right is not None for tile in tiles)
    subtitle = f"at the left what was looked for; {rights} of {found} images found are of its class"
    return sheet(tiles, title, subtitle if tiles else "there are none")


def found(
    queries: NDArray[np.uint8],
    names: Sequence[str],
    neighbours: NDArray[np.uint8],
    labels: NDArray[np.int64],
    distances: NDArray[np.float32],
    class_names: Sequence[str],
    title: str,
) -> Figure:
    """Show each query at the left of a row, then its nearest images with class and distance, nearest first."""
    tiles = [Tile(query, (row, 0), None, (name,)) for row, (query, name) in enumerate(zip(queries, names, strict=True))]
    for (row, column), distance in np.ndenumerate(distances):
        lines = (class_names[int(labels[row, column])], f"{distance:.3f}")
        tiles.append(Tile(neighbours[row, column], (row, column + 1.15), None, lines))
    return sheet(tiles, title, "left: what was looked for; then the nearest, with class and distance")


def _write_counts(axes: Axes, counts: NDArray[np.int64], shares: NDArray[np.float64], cell: float) -> None:
    digits = max(len(str(counts.max(initial=0))), 2)
    crowded = len(counts) > _MANY_CLASSES
    points = min(11.0, cell * 72 / (0.72 * digits))
    for (row, column), count in np.ndenumerate(counts):
        if crowded and not count:
            continue
        colour = "white" if shares[row, column] > 0.55 else INK if count else FAINT
        axes.text(column, row, str(count), ha="center", va="center", fontsize=points, color=colour)


def _write_margins(axes: Axes, counts: NDArray[np.int64], cell: float) -> None:
    """Write recall and precision; a class that has none, since it never occurs or is never predicted, gets a dash."""
    beyond = len(counts) - 0.5 + 0.1 / cell
    hits, occurring, predicted = np.diagonal(counts), counts.sum(axis=1), counts.sum(axis=0)
    for place in range(len(counts)):
        recall = f"{hits[place] / occurring[place]:.0%}" if occurring[place] else "–"
        precision = f"{hits[place] / predicted[place]:.0%}" if predicted[place] else "–"
        axes.text(beyond, place, recall, va="center", fontsize=8, color=MUTED)
        axes.text(place, beyond, precision, ha="center", va="top", fontsize=8, color=MUTED)
    axes.text(beyond, -0.5 - 0.06 / cell, "recall", va="bottom", fontsize=8, color=MUTED)
    axes.text(-0.5 - 0.08 / cell, beyond, "precision", ha="right", va="top", fontsize=8, color=MUTED)


def _name_classes(axes: Axes, names: Sequence[str]) -> None:
    places = range(len(names))
    axes.set_yticks(places, names, fontsize=9, parse_math=False)
    axes.set_xticks(places, names, rotation=45, ha="right", rotation_mode="anchor", fontsize=9, parse_math=False)
    axes.tick_params(length=0, labelcolor=INK)
    axes.tick_params(axis="x", pad=22)
    axes.spines[:].set_visible(False)
    axes.set_ylabel("true class", color=MUTED, fontsize=9)
    axes.set_xlabel("predicted class", color=MUTED, fontsize=9)


def _draw_curves(axes: Axes, name: str, history: Mapping[str, Sequence[float]], best_epoch: int) -> None:
    axes.axvspan(best_epoch + 0.5, best_epoch + 1.5, color="#eef1f4", linewidth=0, zorder=0)
    for key, label, colour, style in ((name, "training", BLUE, "o--"), (f"val_{name}", "validation", VERMILION, "s-")):
        values = history.get(key, ())
        if len(values):
            axes.plot(range(1, len(values) + 1), values, style, color=colour, label=label, markersize=4, linewidth=1.6)
    judged = history.get(f"val_{name}", ())
    best = f": {judged[best_epoch]:.4f}" if 0 <= best_epoch < len(judged) else ""
    axes.set_title(name.replace("_", " ") + best, loc="left", fontsize=10, color=INK)
    axes.set_xlim(0.5, max(len(history.get(name, ())), len(judged), 1) + 0.5)
    axes.set_xlabel("epoch", fontsize=9, color=MUTED)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.tick_params(labelsize=8, colors=MUTED)
    axes.grid(axis="y", color=FAINT, linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_lines():
        # The place called "best" is looked for among the points, and matplotlib warns where that took a second.
        axes.legend(loc="lower right", bbox_to_anchor=(1, 0.99), ncols=2, frameon=False, fontsize=8, borderpad=0)
