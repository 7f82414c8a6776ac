"""Configurations from which a search may well begin, as `beginnings.toml` lists them.

They are tried after the reports' best, and then are trials like any other.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from models.family import Choice


@dataclass(frozen=True)
class Start:
    """A configuration and what it is in a few words."""

    label: str
    parameters: Mapping[str, Choice]


def of(family: str) -> tuple[Start, ...]:
    """Return the configurations for a family, the textbook's first; none for a family that is not known here."""
    return tuple(Start(**one) for one in _listed().get(family, ()))


@cache
def _listed() -> Mapping[str, list[dict[str, Any]]]:
    return tomllib.loads(resources.files("search.problem").joinpath("beginnings.toml").read_text("utf-8"))
