"""One table a script: for people as markdown, for programs as JSON."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

Cell = str | int | float | None
PACKAGES = ("keras", "tensorflow", "optuna", "mlflow", "keras-tuner", "ray")


@dataclass(frozen=True)
class Table:
    """Rows under `columns`; `notes` say what a reader has to know to believe them."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()

    def markdown(self) -> str:
        """Return the table as people read it."""
        lines = [f"**{self.title}**", "", _line(self.columns), _line(["---"] * len(self.columns))]
        lines += [_line([_text(cell) for cell in row]) for row in self.rows]
        return "\n".join([*lines, "", *(f"* {note}" for note in (*self.notes, machine()))])

    def json(self) -> str:
        """Return the same for programs, not rounded: a row is an object by the names of the columns."""
        rows = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        about = {"title": self.title, "rows": rows, "notes": list(self.notes), "machine": machine()}
        return json.dumps(about | {"versions": versions()}, indent=2)


def show(table: Table, file: Path | None) -> None:
    """Print the table, and write it to `file` where one is given."""
    print(table.markdown(), flush=True)
    if file:
        file.write_text(table.json() + "\n", "utf-8")


def ratios(ours: Sequence[float], raw: Sequence[float]) -> list[float]:
    """Return what ours is of raw, round by round; `raw` was measured before the first and after each of ours."""
    if len(raw) != len(ours) + 1:
        raise ValueError(f"{len(ours)} measurements of ours lie between {len(ours) + 1} of raw, not {len(raw)}")
    return [own / ((before + after) / 2) for own, before, after in zip(ours, raw, raw[1:], strict=False)]


def median_ratio(ours: Sequence[float], raw: Sequence[float]) -> float:
    """Return the median over the rounds of what ours is of the mean of the raw ones on either side."""
    return median(ratios(ours, raw))


def machine() -> str:
    """Say on what this was measured, and how busy that was with other work."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = os.getloadavg()[1]
    return f"{cores} cores, {platform.machine()}, Python {platform.python_version()}; load at the end {load:.1f}"


def versions() -> dict[str, str]:
    """Return the versions of what was measured; what is not installed is left out."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if not isinstance(cell, float):
        return str(cell)
    return f"{cell:,.4f}" if abs(cell) < 1 else f"{cell:,.2f}" if abs(cell) < 100 else f"{cell:,.0f}"
