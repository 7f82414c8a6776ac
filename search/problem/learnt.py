"""What other studies have come to: configurations to begin with, and where good values lie.

It is kept as the configurations themselves. What follows from them for a family is made of them by each call, so that a
study of other images, or even of another family, is told of what has the same name there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median, pstdev
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution

import models
from models import space as shared
from models.belief import Around, Belief, Mostly
from models.family import Choice
from search.problem import space
from search.problem.beginnings import Start
from search.problem.scale import Scale
from search.problem.space import Values

# Of each study the best quarter counts, at least four and at most so many.
MOST = 20
# A search begins with at most so many of them.
MOST_STARTS = 5
# From fewer values of a hyperparameter nothing is learnt about it.
FEWEST = 4
# A standard deviation is not taken to be narrower, nor wider.
NARROWEST, WIDEST = 0.08, 0.25


@dataclass(frozen=True)
class Known:
    """A trial of another study: its name, its value there, and its hyperparameters."""

    name: str
    value: float
    parameters: Values


@dataclass(frozen=True)
class Learnt:
    """The best trials of each of other studies, the best first."""

    studies: Mapping[str, Sequence[Known]] = field(default_factory=dict)

    def data(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            study: [{"name": one.name, "value": one.value, "parameters": dict(one.parameters)} for one in known]
            for study, known in self.studies.items()
        }

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Learnt":
        """Return what `data` has written."""
        return cls({study: [Known(**one) for one in known] for study, known in data.items()})

    def starts(self, family: str, otherwise: Sequence[Start]) -> tuple[Start, ...]:
        """Return what to begin with: the best of each study, then the second, no two alike.

        What a family asks for and the other study does not know is as in the first of `otherwise`.
        """
        found: dict[frozenset[tuple[str, Choice]], Start] = {}
        for place in range(MOST):
            for known in self.studies.values():
                if place < len(known) and len(found) < MOST_STARTS:
                    parameters = _fitted(family, known[place].parameters, otherwise)
                    label = f"as {known[place].name}, which came to {known[place].value:.4f}"
                    found.setdefault(frozenset(parameters.items()), Start(label, parameters))
        return tuple(found.values())

    def beliefs(self, family: str) -> Callable[[str], Belief | None]:
        """Return where good values of the family's hyperparameters lie: as in the other studies, else as usual."""
        good = [one.parameters for known in self.studies.values() for one in known]
        distributions = space.of(models.family(family).suggest)
        found = {name: _belief(name, distribution, good) for name, distribution in distributions.items()}
        return lambda name: found.get(name) or shared.belief(name)

    @property
    def words(self) -> str:
        """What was learnt from, in a few words."""
        return ", ".join(f"{study} (best {known[0].value:.4f})" for study, known in self.studies.items())


def _fitted(family: str, known: Values, otherwise: Sequence[Start]) -> dict[str, Choice]:
    """Return the family's configuration that is most like a known one."""
    usual: Values = otherwise[0].parameters if otherwise else {}
    found: dict[str, Choice] = {}

    def decide(name: str, distribution: BaseDistribution) -> Choice:
        there = [values[name] for values in (known, usual) if name in values]
        # Where neither knows a value, one from the middle.
        several = space.levels(distribution, 3)
        fitting = [value for value in there if space.contains(distribution, value)]
        found[name] = [*fitting, several[len(several) // 2]][0]
        return found[name]

    space.ask(models.family(family).suggest, decide)
    return found


def _belief(name: str, distribution: BaseDistribution, good: Sequence[Values]) -> Belief | None:
    """Return what good configurations say of a hyperparameter; None where they say too little."""
    usual = shared.belief(name)
    theirs = [values for values in good if name in values and space.contains(distribution, values[name])]
    if len(theirs) < FEWEST:
        return None
    if isinstance(distribution, CategoricalDistribution):
        return _weighed(distribution, usual, [values[name] for values in theirs])
    scale = Scale(distribution)
    if isinstance(usual, Around) and usual.of:
        # It hangs on another, as a rate does on its optimizer: what is learnt is how far from the usual one.
        if not isinstance(usual.center, Mapping):
            return None
        centers = usual.center
        apart = [
            scale.place(values[name]) - scale.place(centers[values[usual.of]])
            for values in theirs
            if values.get(usual.of) in centers
        ]
        if len(apart) < FEWEST:
            return None
        moved = {choice: scale.value(scale.place(center) + median(apart)) for choice, center in centers.items()}
        return Around(moved, _spread(apart), usual.of)
    places = [scale.place(values[name]) for values in theirs]
    return Around(float(scale.value(median(places))), _spread(places))


def _weighed(distribution: CategoricalDistribution, usual: Belief | None, values: Sequence[Choice]) -> Mostly:
    """Return how likely choices are: a third as is usual, the rest as often as they were among the good."""
    before = usual.weights if isinstance(usual, Mostly) else {}
    weights = {choice: float(before.get(choice, 1.0)) for choice in distribution.choices if choice is not None}
    total = sum(weights.values())
    return Mostly({choice: one / total + 2 * values.count(choice) / len(values) for choice, one in weights.items()})


def _spread(places: Sequence[float]) -> float:
    return min(max(pstdev(places), NARROWEST), WIDEST)
