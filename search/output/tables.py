"""Tables and lines on stdout: for people in a terminal, and as CSV, Markdown or JSON."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from models.data.names import shortened
from search.system import next_commands
from search.system.formats import count, csv_line, literal, number, points

Format = Literal["text", "json"]
TableFormat = Literal["text", "json", "csv", "markdown"]


class Points(float):
    """A difference of two shares, which people read in points of a hundred."""


class Margin(float):
    """A standard error of such a difference."""


class Count(int):
    """A number so large that people want to know how large: `245 k`, `2.04 M`."""


# Columns of words, which give way where a terminal is narrow; figures stay whole.
WRAPPED = ("what", "space", "reported", "study", "image", "data")
# The column of names that people gave their classes; they are shortened, since figures have to stand beside them.
CLASS: Final = "class"
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
            for row in (sheet.columns, *sheet.rows):
                print(end=csv_line([exact(value) for value in row]))
        return
    for sheet in found:
        if output == "markdown":
            print(_markdown(sheet))
        else:
            _show(sheet)
    for note in notes:
        say(f"{note}\n" if output == "markdown" else note)


def _markdown(sheet: Sheet) -> str:
    """Return a table to be pasted into a text: it is not cut where a terminal ends."""
    head, *rows = [[literal(cell(value)) for value in row] for row in (sheet.columns, *sheet.rows)]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    written = (map(str.ljust, row, widths) for row in (head, ["-" * max(width, 3) for width in widths], *rows))
    title = f"**{literal(sheet.title)}**\n\n" if sheet.title else ""
    return title + "".join(f"| {' | '.join(row)} |\n" for row in written)


def _show(sheet: Sheet) -> None:
    if sheet.title:
        say(f"{sheet.title}:")
    made = columns(*sheet.columns)
    for row in sheet.rows:
        # Class names are a person's own, and may look like Rich's markup.
        cells = zip(sheet.columns, map(cell, row), strict=True)
        made.add_row(*(Text(_named(name, text)) for name, text in cells))
    console().print(made, highlight=False)


def _named(column: str, text: str) -> str:
    return shortened(text) if column == CLASS else text


def exact(value: Cell) -> Cell:
    """Return a cell as programs read it, in the same unit as people do."""
    # Without the digits that only binary fractions have: -8.6, and not -8.599999999999996.
    return round(100 * value, 10) if isinstance(value, Points | Margin) else value


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
            return count(value)
    return number(value)


def columns(*names: str) -> Table:
    """Return a table with these columns, two spaces apart, and no row yet."""
    made = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
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
    text = next_commands.wrapped(what, out.width) if isinstance(what, str) and out.is_terminal else what
    out.print(text, highlight=False, markup=False, soft_wrap=isinstance(what, str))


def console() -> Console:
    """Return what is printed on."""
    # Names are shown as they are written: `:bug:` is no emoji.
    out = Console(emoji=False)
    # A pipe has no width of its own; what is cut to 80 columns there cannot be read by anything.
    return out if out.is_terminal else Console(width=160, emoji=False)


def as_json(value: object) -> None:
    """Print a value for programs. JSON has no number that is none: it is `null`."""
    print(json.dumps(_finite(value), indent=2, default=str, allow_nan=False))


def _finite(value: object) -> object:
    match value:
        case float() if not math.isfinite(value):
            return None
        case Mapping():
            return {name: _finite(part) for name, part in value.items()}
        case list() | tuple():
            return [_finite(part) for part in value]
    return value
