"""How single values are written: numbers for people, and texts for CSV and Markdown."""

import csv
import io
import math
import re
from collections.abc import Iterable


def csv_line(cells: Iterable[object]) -> str:
    """Return a line of CSV, from which every cell is read again as it was."""
    line = io.StringIO(newline="")
    # Before Python 3.13 a carriage return is quoted only where lines end with one.
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue().removesuffix("\r\n") + "\n"


def literal(text: str) -> str:
    """Return Markdown, on one line, that shows this text and nothing else, in a cell of a table as well."""
    escaped = re.sub(r"[\\`*\[\]<>|~&$]|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", text)
    # A line's end would end the row; and spaces at an end are not part of a cell.
    return re.sub(r"[\x00-\x1f\x7f]|^\s|\s$", lambda found: f"&#{ord(found[0])};", escaped)


def count(value: int) -> str:
    """Return a number in the largest unit of which there is at least one, once it is rounded."""
    if value < 1_000:
        return str(value)
    return f"{value / 1e3:.0f} k" if value < 999_500 else f"{value / 1e6:.2f} M"


def number(value: float | None) -> str:
    """Return a metric in four places, a count without any, and `-` for nothing."""
    if value is None:
        return "-"
    if isinstance(value, int) or (value == math.floor(value) and abs(value) > 1):
        return f"{value:,.0f}"
    return f"{value:.4g}" if abs(value) < 1e-3 else f"{value:.4f}"


def points(difference: float | None) -> str:
    """Return a difference of shares in points of a hundred."""
    return "-" if difference is None else f"{100 * difference:+z.2f}"
