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


def described(belief: Belief | None) -> str:
    """Return where values usually lie, in a few words; of choices those at least half as likely as the first."""
    if isinstance(belief, Mostly):
        most = max(belief.weights.values())
        return "mostly " + ", ".join(str(choice) for choice, weight in belief.weights.items() if weight >= most / 2)
    if belief is None:
        return ""
    if isinstance(belief.center, Mapping):
        return f"near what is usual for the {belief.of}"
    return f"near {belief.center:g}" + (f" times {belief.of}" if belief.of else "")
