"""What a search of a family may well begin with: a few configurations, one of which does well on most data sets.

python -m search run --study digits --family mlp --data digits.npz --home HOME ...      # one for each data set
python -m benchmarks.portfolio exchange HOME digits shirts drawn --best 6
python -m search run --study digits --home HOME --trials 60 --pruner none               # and so for the others
python -m benchmarks.portfolio choose HOME digits shirts drawn --count 3

`exchange` puts the best configurations of each study into the line of all others, so that each is tried on every data
set. `choose` then takes the configuration with the best rank on average, next to it the one that helps most where that
does badly, and so on, and prints them as they stand in `search/problem/beginnings.toml`.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from models.family import Choice
from search.problem.settings import Place

Array = NDArray[np.float64]
Configuration = frozenset[tuple[str, Choice]]


def main() -> None:
    """Do as the first word says."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.portfolio", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("exchange", "choose"))
    parser.add_argument("home", type=Path)
    parser.add_argument("studies", nargs="+")
    parser.add_argument("--best", type=int, default=6, help="of each study, to try on the other data sets")
    parser.add_argument("--count", type=int, default=3, help="configurations to begin with")
    given = parser.parse_args()
    address = Place.at(given.home, None, None).storage
    studies = [optuna.load_study(study_name=name, storage=address) for name in given.studies]
    if given.what == "exchange":
        exchange(studies, given.best)
        return
    values = together(studies)
    for chosen in portfolio(np.array([*values.values()]), given.count):
        print(written(studies[0].user_attrs["settings"]["family"], dict([*values][chosen])))


def exchange(studies: Sequence[optuna.Study], best: int) -> None:
    """Put the best of each study into the line of the others, unless they have tried it."""
    known = [{_configuration(trial) for trial in study.get_trials(deepcopy=False)} for study in studies]
    wanted = [_configuration(trial) for study in studies for trial in _ranked(study)[:best]]
    for study, there in zip(studies, known, strict=True):
        new = [one for one in dict.fromkeys(wanted) if one not in there]
        for one in new:
            study.enqueue_trial(dict(one))
        print(f"{study.study_name}: {len(new)} more in line, {len(study.trials)} trials in all")


def together(studies: Sequence[optuna.Study]) -> Mapping[Configuration, Sequence[float]]:
    """Return the values in every study of what all of them have tried to its end, the higher the better."""
    tried = [{_configuration(trial): trial.values[0] for trial in _ranked(study)} for study in studies]
    return {one: [known[one] for known in tried] for one in tried[0] if all(one in known for known in tried)}


def portfolio(values: Array, count: int) -> list[int]:
    """Return the places of configurations: each lowers the best rank of all chosen the most, on average over data sets.

    `values` (configurations, data sets), the higher the better.
    """
    ranks = np.argsort(np.argsort(-values, axis=0, kind="stable"), axis=0, kind="stable").astype(float)
    chosen: list[int] = []
    reached = np.full(values.shape[1], np.inf)
    while len(chosen) < min(count, len(values)):
        # Of those that help as much, the one that does better by itself.
        means = np.minimum(ranks, reached).mean(axis=1) + ranks.mean(axis=1) / values.size**2
        means[chosen] = np.inf
        best = int(means.argmin())
        chosen.append(best)
        reached = np.minimum(reached, ranks[best])
    return chosen


def written(family: str, parameters: Mapping[str, Choice]) -> str:
    """Return a configuration as it stands in the list."""
    lines = [f"{name} = {_value(value)}" for name, value in parameters.items()]
    return "\n".join([f"[[{family}]]", 'label = ""', "", f"[{family}.parameters]", *lines, ""])


def _value(value: Choice) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _ranked(study: optuna.Study) -> list[FrozenTrial]:
    """Return the complete trials, the best first."""
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return sorted(trials, key=lambda trial: (-trial.values[0], trial.number))


def _configuration(trial: FrozenTrial) -> Configuration:
    return frozenset((trial.params or trial.system_attrs.get("fixed_params", {})).items())


if __name__ == "__main__":
    main()
