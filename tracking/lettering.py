"""Colours and lettering of the pictures."""

import contextlib
import warnings
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

import matplotlib
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

DPI: Final = 100
INK: Final = "#1f2933"
MUTED: Final = "#5f6b76"
FAINT: Final = "#c3cad1"
# Told apart by every kind of colour blindness: Okabe and Ito, "Color Universal Design", 2008.
BLUE: Final = "#0072b2"
VERMILION: Final = "#d55e00"
# Bold letters are about a tenth wider than those that are measured: so much of the room is left.
BOLD: Final = 0.88


def head(figure: Figure, title: str, subtitle: str) -> None:
    """Write the title at the upper left, and the subtitle under it; together they take 60 pixels."""
    width, height = figure.get_size_inches()
    room = width * DPI - 30
    for text, points, weight, colour, down in (
        (title, 12, "bold", INK, 0.13),
        (subtitle, 9, "normal", MUTED, 0.38),
    ):
        fitting = shortened(text, room * (BOLD if weight == "bold" else 1), points)
        figure.text(
            0.15 / width,
            1 - down / height,
            fitting,
            va="top",
            fontsize=points,
            weight=weight,
            color=colour,
            parse_math=False,
        )


@lru_cache(maxsize=1024)
def text_width(text: str, points: float) -> float:
    """Width of a line of text in pixels."""
    with ours():
        in_points, _, _ = text_to_path.get_text_width_height_descent(text, FontProperties(size=points), ismath=False)
    return float(in_points) * DPI / 72


def shortened(text: str, pixels: float, points: float) -> str:
    """Return as much of the text as `pixels` hold, leaving out its middle: names often differ at their ends only."""
    if text_width(text, points) <= pixels:
        return text
    # Every measurement costs as much as a text is long, and more letters are never narrower.
    fits, too_long = 1, len(text)
    while too_long - fits > 1:
        kept = (fits + too_long) // 2
        if text_width(_both_ends(text, kept), points) <= pixels:
            fits = kept
        else:
            too_long = kept
    return _both_ends(text, fits)


def _both_ends(text: str, kept: int) -> str:
    return f"{text[: kept - kept // 3].rstrip()}…{text[len(text) - kept // 3 :].lstrip()}"


@contextlib.contextmanager
def ours() -> Iterator[None]:
    """Draw as matplotlib draws by itself: what a person's `matplotlibrc` says is about pictures of the person's own.

    Class names in scripts that the font lacks show as boxes, no reason to stop or to speak up.
    """
    # What draws on a screen is not asked, and choosing it would be seen elsewhere.
    usual: dict[Any, Any] = {name: value for name, value in matplotlib.rcParamsDefault.items() if name != "backend"}
    with matplotlib.rc_context(usual), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        yield
