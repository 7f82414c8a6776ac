"""Tables and lines on stdout: for people in a terminal, and as CSV, Markdown or JSON."""

import csv
import json
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.box import MARKDOWN, SIMPLE_HEAD, Box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from search import advice

Format = Literal["text", "json"]
TableFormat = Literal["text", "json", "csv", "markdown"]


class Points(float):
    """A difference of two shares, which people read in points of a hundred."""


class Margin(float):
    """A standard error of such a difference."""


class Count(int):
    """A number so large that people want to know how large: `245 k`, `2.04 M`."""


# Columns of words, which give way where a terminal is narrow; figures stay whole.
WRAPPED = ("what", "space", "reported", "study", "image")
# Wide enough for any table.
WHOLE = 1_000
Cell = str | float | None


@dataclass(frozen=True)
class Sheet:
    """A table before anybody chose how to print it: a title, columns, and a cell for each in every row."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]


def sheets(found: Sequence[Sheet], notes: Iterable[str], output: Literal["text", "csv", "markdown"]) -> None:
    """Print sheets, with notes where people read them. CSV has numbers in full, and an empty line between sheets."""
    if output == "csv":
        for place, sheet in enumerate(found):
            print(end="\n" if place else "")
            rows = [[exact(value) for value in row] for row in sheet.rows]
            csv.writer(sys.stdout, lineterminator="\n").writerows((sheet.columns, *rows))
        return
    markdown = output == "markdown"
    for sheet in found:
        if sheet.title:
            say(f"**{sheet.title}**" if markdown else f"{sheet.title}:")
        made = columns(*sheet.columns, box=MARKDOWN if markdown else SIMPLE_HEAD)
        for row in sheet.rows:
            # Class names are a person's own, and may look like Rich's markup, or end a cell of Markdown.
            made.add_row(*(Text(cell(value).replace("|", r"\|") if markdown else cell(value)) for value in row))
        # What is to be pasted into a text is not cut where this terminal ends.
        (Console(width=WHOLE) if markdown else console()).print(made, highlight=False)
    for note in notes:
        say(f"{note}\n" if markdown else note)


def exact(value: Cell) -> Cell:
    """Return a cell as programs read it, in the same unit as people do."""
    # Without what a hundred times 0.086 has behind its twelfth digit.
    return float(f"{100 * value:.12g}") if isinstance(value, Points | Margin) else value


def cell(value: Cell) -> str:
    """Return a cell as people read it."""
    match value:
        case str():
            return value
        case Points():
            return points(value)
        case Margin():
            return f"{100 * value:.2f}"
        case Count():
            million = f"{value / 1e6:.2f} M"
            return str(int(value)) if value < 1000 else million if value >= 999_500 else f"{value / 1e3:.0f} k"
    return number(value)


def number(value: float | None) -> str:
    """Return a metric in four places, a count without any, and `-` for nothing."""
    if value is None:
        return "-"
    if isinstance(value, int) or (value == math.floor(value) and abs(value) > 1):
        return f"{value:,.0f}"
    return f"{value:.4g}" if abs(value) < 1e-3 else f"{value:.4f}"


def points(difference: float | None) -> str:
    """Return a difference of shares in points of a hundred."""
    return "-" if difference is None else f"{100 * difference:+.2f}"


def columns(*names: str, box: Box = SIMPLE_HEAD) -> Table:
    """Return a table with these columns, and no row yet."""
    # Two spaces between columns, or what Markdown has.
    padding = (0, 1, 0, 0) if box is SIMPLE_HEAD else (0, 1)
    made = Table(box=box, padding=padding, pad_edge=box is not SIMPLE_HEAD, header_style="bold")
    for name in names:
        made.add_column(name, no_wrap=name not in WRAPPED)
    return made


def lines(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a line a row, however many: Rich takes a millisecond for each. Cut where the line ends."""
    end = console().width
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    # On a narrow terminal, space between columns is taken from what the last one says.
    gap = " " * (3 if sum(widths) + 3 * (len(widths) - 1) <= end else 2)
    written = [gap.join(map(str.ljust, row, widths)) for row in (head, ["-" * width for width in widths], *rows)]
    # A reason may have been written over several lines.
    whole = (" ".join(line.split("\n")).rstrip() for line in written)
    cut = (line if len(line) <= end else f"{line[: end - 1]}…" for line in whole)
    print("", *cut, "", sep="\n")


def say(what: Table | str) -> None:
    """Print a table or a sentence."""
    out = console()
    text = advice.wrapped(what, out.width) if isinstance(what, str) and out.is_terminal else what
    out.print(text, highlight=False, markup=False, soft_wrap=isinstance(what, str))


def console() -> Console:
    """Return what is printed on."""
    out = Console()
    # A pipe has no width of its own; what is cut to 80 columns there cannot be read by anything.
    return out if out.is_terminal else Console(width=160)


def as_json(value: object) -> None:
    """Print a value for programs."""
    print(json.dumps(value, indent=2, default=str))
