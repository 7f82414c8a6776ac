"""Sheets of images: many small pictures with a line or three under each, drawn as one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tracking.lettering import BOLD, DPI, INK, MUTED, VERMILION, head, shortened
from tracking.thinning import SIDE, stride

_FRAME = 4
_GAP = 14
_LINE = 13
_HEAD = 66
_MARGIN = 15
_NARROWEST = 460


@dataclass(frozen=True, eq=False)
class Tile:
    """An image at a row and a column, or between two; whether it is right (None: not judged); what stands under it."""

    image: NDArray[np.uint8]
    place: tuple[int, float]
    right: bool | None
    lines: tuple[str, ...]


def sheet(tiles: Sequence[Tile], title: str, subtitle: str) -> Figure:
    """Draw the tiles, wrong ones in a frame and crossed. Images keep square pixels, enlarged by a whole number."""
    rows = max((tile.place[0] for tile in tiles), default=-1) + 1
    columns = max((tile.place[1] for tile in tiles), default=-1.0) + 1
    lines = max((len(tile.lines) for tile in tiles), default=0)
    pictures = [_enlarged(tile.image) for tile in tiles]
    high, wide, _ = pictures[0].shape if pictures else (SIDE, SIDE, 3)
    down, across = high + lines * _LINE + 26, wide + _GAP
    breadth = max(round(columns * across) + 2 * _MARGIN - _GAP, _NARROWEST)
    paper = np.full((_HEAD + rows * down, breadth, 3), 255, np.uint8)
    figure = Figure(figsize=(paper.shape[1] / DPI, paper.shape[0] / DPI), dpi=DPI)
    for tile, picture in zip(tiles, pictures, strict=True):
        y, x = _HEAD + tile.place[0] * down, _MARGIN + round(tile.place[1] * across)
        if tile.right is False:
            frame = np.asarray(to_rgb(VERMILION)) * 255
            paper[y - _FRAME : y + high + _FRAME, x - _FRAME : x + wide + _FRAME] = frame.astype(np.uint8)
        paper[y : y + high, x : x + wide] = picture
        _write_under(figure, tile, (x, y + high + _LINE + 1), wide)
    # One picture instead of one pair of axes a tile, and no resampling: ten times cheaper, and sharp.
    figure.figimage(paper, origin="upper")
    head(figure, title, subtitle)
    return figure


def _write_under(figure: Figure, tile: Tile, corner: tuple[int, int], wide: int) -> None:
    mark = {True: "✓ ", False: "✗ ", None: ""}[tile.right]
    colour = {True: MUTED, False: "#a84300", None: INK}[tile.right]
    room = wide * (1 if tile.right else BOLD)
    text = "\n".join(shortened(line, room, 8) for line in (mark + tile.lines[0], *tile.lines[1:]))
    last = corner[1] + _LINE * (len(tile.lines) - 1)
    width, height = figure.get_size_inches() * DPI
    figure.text(
        corner[0] / width,
        1 - last / height,
        text,
        va="baseline",
        fontsize=8,
        linespacing=1.15,
        color=colour,
        weight="normal" if tile.right else "bold",
        parse_math=False,
    )


def _enlarged(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the image in colour and about 112 pixels large."""
    step = stride(image.shape[:2])
    thinned = image[::step, ::step]
    times = max(1, round(SIDE / max(thinned.shape[:2])))
    enlarged = thinned.repeat(times, axis=0).repeat(times, axis=1)
    return np.broadcast_to(enlarged, (*enlarged.shape[:2], 3))
