"""A space, read off what asks for its values: to show it, to check values against it, and to walk it as a grid."""

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
)
from optuna.trial import create_trial

from models.family import Choice, Family, Suggest
from models.naming import hint
from search.system.errors import UsageError

Space = dict[str, BaseDistribution]
Values = Mapping[str, Choice]
# Asks a trial, or what stands in for one, for every hyperparameter of a configuration: a family's `suggest`.
Asking = Callable[[Suggest], object]


class _Recorder:
    """Stands in for a trial: notes every hyperparameter asked for, and answers as `decide` says."""

    def __init__(self, decide: Callable[[str, BaseDistribution], Any]) -> None:
        self.space: Space = {}
        self._decide = decide

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        return float(self._record(name, FloatDistribution(low, high, log=log, step=step)))

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        return int(self._record(name, IntDistribution(low, high, log=log, step=step)))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        return self._record(name, CategoricalDistribution(choices))

    def _record(self, name: str, distribution: BaseDistribution) -> Any:
        self.space[name] = distribution
        return self._decide(name, distribution)


def ask(suggest: Asking, decide: Callable[[str, BaseDistribution], Any]) -> None:
    """Have it ask for a configuration, which `decide` answers, one hyperparameter after the other."""
    suggest(_Recorder(decide))


def of(suggest: Asking, fixed: Values | None = None) -> Space:
    """Return every hyperparameter that can be asked for, those included that depend on others (`units_3`).

    With some values fixed, only what can still be asked for.
    """
    fixed = fixed or {}
    found: Space = {}
    scripts: list[dict[str, Any]] = [dict(fixed)]
    while scripts:
        script = scripts.pop()
        for name, distribution in _asked(suggest, script).items():
            if name not in found:
                found[name] = distribution
                if name not in fixed:
                    scripts += [script | {name: value} for value in levels(distribution, 2)]
    return _in_order(suggest, found, fixed)


def _in_order(suggest: Asking, found: Space, fixed: Values) -> Space:
    """Return the space in the order in which it is asked for where most is."""
    most = _asked(suggest, {n: levels(d, 2)[-1] for n, d in found.items()} | dict(fixed))
    return most | {name: distribution for name, distribution in found.items() if name not in most}


def _asked(suggest: Asking, script: Values) -> Space:
    recorder = _Recorder(lambda name, distribution: script.get(name, levels(distribution, 2)[0]))
    suggest(recorder)
    return recorder.space


def levels(distribution: BaseDistribution, count: int) -> list[Any]:
    """Return every choice of a categorical distribution, else `count` values from end to end, even on its scale."""
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    low, high = float(distribution.low), float(distribution.high)
    shares = [index / (count - 1) for index in range(count)]
    if distribution.log:
        values = [math.exp(math.log(low) + share * (math.log(high) - math.log(low))) for share in shares]
    else:
        values = [low + share * (high - low) for share in shares]
    # The ends themselves, not what rounding made of them.
    values[0], values[-1] = low, high
    if distribution.step:
        values = [min(low + round((value - low) / distribution.step) * distribution.step, high) for value in values]
    unique = dict.fromkeys(int(value) if isinstance(distribution, IntDistribution) else value for value in values)
    return list(unique)


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Say in what two fingerprints differ."""
    differing = [
        f"{name}: {before.get(name, 'not there')} became {now.get(name, 'not there')}"
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    ]
    return ", ".join(differing) or "in its kinds of values"


def fingerprint(space: Space) -> dict[str, str]:
    """Return each hyperparameter's distribution in words that two versions of a space can be compared by."""
    return {name: describe(distribution) for name, distribution in sorted(space.items())}


def digest(family: type[Family]) -> str:
    """Return what changes when the family's space or goal does."""
    parts = {name: distribution_to_json(distribution) for name, distribution in of(family.suggest).items()}
    content = json.dumps([parts, family.goal.metric, family.goal.direction], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def describe(distribution: BaseDistribution) -> str:
    """Return a range or the choices, as a person would write them."""
    if isinstance(distribution, CategoricalDistribution):
        return ", ".join(str(choice) for choice in distribution.choices)
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    scale = ", logarithmic" if distribution.log else ""
    step = f", in steps of {distribution.step:g}" if distribution.step not in (None, 1) else ""
    return f"{distribution.low:g} to {distribution.high:g}{scale}{step}"


def parse(family: type[Family], fixes: Sequence[str]) -> dict[str, Choice]:
    """Return the values of `NAME=VALUE` pairs, each checked against the family's space. Raises `UsageError`.

    One text may hold several, with commas between them: no value has any.
    """
    space = of(family.suggest)
    values: dict[str, Choice] = {}
    for fix in (pair for several in fixes for pair in several.split(",")):
        name, equals, text = fix.partition("=")
        if not equals:
            raise UsageError(f"--fix {fix}: not of the form NAME=VALUE")
        if name not in space:
            raise UsageError(
                f"--fix {fix}: no hyperparameter {name!r}{hint(name, space)}; there are {', '.join(space)}"
            )
        values[name] = _value(fix, text, space[name])
    return values


def _value(fix: str, text: str, distribution: BaseDistribution) -> Choice:
    if isinstance(distribution, CategoricalDistribution):
        candidates: list[Any] = [choice for choice in distribution.choices if _same(choice, text)]
    else:
        whole = isinstance(distribution, IntDistribution)
        try:
            number = int(text) if whole else float(text)
        except ValueError:
            raise UsageError(f"--fix {fix}: {text!r} is not a {'whole ' * whole}number") from None
        candidates = [number] if contains(distribution, number) else []
    if not candidates:
        choices = map(str, distribution.choices) if isinstance(distribution, CategoricalDistribution) else ()
        near = hint(text, choices)
        raise UsageError(f"--fix {fix}: outside the space{near}, which is {describe(distribution)}")
    chosen: Choice = candidates[0]
    return chosen


def contains(distribution: BaseDistribution, value: object) -> bool:
    """Whether a value lies inside, for which Optuna has no word but that it takes no trial that has another one."""
    try:
        create_trial(value=0.0, params={"it": value}, distributions={"it": distribution})
    except ValueError:
        return False
    return True


def _same(choice: object, text: str) -> bool:
    if isinstance(choice, float):
        try:
            return float(text) == choice
        except ValueError:
            return False
    return str(choice).lower() == text.lower()


def grid(suggest: Asking, fixed: Values, count: int = 3) -> Iterator[dict[str, Choice]]:
    """Yield every configuration of the grid with `count` levels a number, no two of them alike.

    A hyperparameter that others decide about (`units_3`) is varied only where it is asked for.
    """
    # The levels of each hyperparameter asked for, in order, and which of them is next: an odometer.
    path: list[tuple[list[Any], int]] = []
    while True:
        chosen: dict[str, Choice] = {}
        turned: list[str] = []
        recorder = _Recorder(partial(_turn, path=path, turned=turned, chosen=chosen, fixed=fixed, count=count))
        suggest(recorder)
        yield chosen
        while path and path[-1][1] == len(path[-1][0]) - 1:
            path.pop()
        if not path:
            return
        options, index = path[-1]
        path[-1] = (options, index + 1)


def _turn(
    name: str,
    distribution: BaseDistribution,
    *,
    path: list[tuple[list[Any], int]],
    turned: list[str],
    chosen: dict[str, Choice],
    fixed: Values,
    count: int,
) -> Any:
    """Return the level at which the odometer stands for the hyperparameter asked for now."""
    if name in fixed:
        chosen[name] = fixed[name]
        return chosen[name]
    if len(turned) == len(path):
        path.append((levels(distribution, count), 0))
    options, index = path[len(turned)]
    turned.append(name)
    chosen[name] = options[index]
    return chosen[name]
