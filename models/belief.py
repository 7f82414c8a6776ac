"""Where good values of a hyperparameter usually lie, beside its range: a search draws there first."""

from collections.abc import Mapping
from dataclasses import dataclass

from models.family import Choice


@dataclass(frozen=True)
class Around:
    """A number, most likely near `center`; `spread` is a standard deviation, as a share of the range on its scale.

    Where it hangs on `of`, another hyperparameter that is asked for before it, `center` is given for each of its
    values, or is a multiple of its value.
    """

    center: float | Mapping[Choice, float]
    spread: float
    of: str = ""


@dataclass(frozen=True)
class Mostly:
    """One of several choices, by weights; a choice that is not named has a weight of 1."""

    weights: Mapping[Choice, float]


Belief = Around | Mostly
