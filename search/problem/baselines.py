"""The configurations that the two reports published, and what they reported of them."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from models.family import Choice

# Of a report's epochs. What was given fewer has not had its chance, and its distance says nothing but that.
FAIR_SHARE = 0.5


@dataclass(frozen=True)
class Baseline:
    """One row of a report. `reported` is by the names of our own metrics, the one to compare by first."""

    report: str
    title: str
    data: str
    row: str
    label: str
    family: str
    parameters: Mapping[str, Choice]
    epochs: int
    patience: int | None
    reported: Mapping[str, float]
    is_best: bool

    @property
    def name(self) -> str:
        """The report and the place in it, such as `garments-2024/B4/20`."""
        return f"{self.report}/{self.row}"

    @property
    def headline(self) -> tuple[str, float]:
        """The metric by which the report judges this row, and its value."""
        return next(iter(self.reported.items()))

    def is_comparable(self, settings: Mapping[str, Any], epochs: int | None) -> bool:
        """Whether a figure of ours can stand beside the report's, given what a study is set to and a trial's epochs.

        On the report's images, all of them, on weights from elsewhere where the report's were, and for about as long.
        """
        return (
            settings.get("data") == self.data
            and settings.get("images") is None
            and settings.get("weights") != "none"
            and (epochs or settings.get("epochs", 0)) >= FAIR_SHARE * self.epochs
        )


def of(family: str) -> tuple[Baseline, ...]:
    """Every row that the reports print for a family, in their order. Empty for a family they do not know."""
    return tuple(baseline for baseline in everything() if baseline.family == family)


def best(family: str) -> Baseline | None:
    """The row with which a report did best, if the family is in a report."""
    return next((baseline for baseline in of(family) if baseline.is_best), None)


@cache
def everything() -> tuple[Baseline, ...]:
    """Every row of every report."""
    files = sorted(
        (file for file in resources.files("search.problem.reports").iterdir() if file.name.endswith(".toml")),
        key=lambda file: file.name,
    )
    return tuple(baseline for file in files for baseline in _read(tomllib.loads(file.read_text("utf-8"))))


def _read(report: Mapping[str, Any]) -> list[Baseline]:
    return [
        Baseline(
            report=report["report"],
            title=report["title"],
            data=report["data"],
            row=row["row"],
            label=row["label"],
            family=row["family"],
            parameters=report["families"][row["family"]]["parameters"] | row["parameters"],
            epochs=row["epochs"],
            patience=row.get("patience"),
            reported=row["reported"],
            is_best=report["families"][row["family"]]["best"] == row["row"],
        )
        for row in report["rows"]
    ]
