"""What it costs to draw a configuration: milliseconds of a processor, by how many trials a study has.

python -m benchmarks.suggesting
python -m benchmarks.suggesting --family cnn --trials 100 --repeats 50

Nothing is trained: trials come to values that fall with the distance from a best configuration. A third of them go on
from each rung. Optuna's TPE is asked of the same study.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import optuna
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import TrialState, create_trial

import models
from benchmarks.table import Table, show
from models import space as shared
from search.policies.ensemble.coordinates import Coordinates
from search.policies.ensemble.sampler import EnsembleSampler
from search.policies.ensemble.sources import Sources, Traits
from search.policies.pruners.halving import FACTOR, ladder

EPOCHS = 10
SEED = 0


def main() -> None:
    """Fill a study, ask for more, and print a table."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.suggesting", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--family", default="mlp", choices=models.names())
    parser.add_argument("--trials", type=int, nargs="+", default=[100, 1000, 3000])
    parser.add_argument("--repeats", type=int, default=20, help="drawn of each study")
    parser.add_argument("--json", type=Path, help="write the table there, too")
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    family = models.family(given.family)
    known = Coordinates(family.suggest, shared.belief)
    contenders: dict[str, Callable[[], BaseSampler]] = {
        "ensemble": lambda: EnsembleSampler(known, ladder(EPOCHS).rungs, SEED),
        "TPE": lambda: TPESampler(seed=SEED, multivariate=False),
    }
    rows = []
    for trials in given.trials:
        study = filled(known, trials)
        rows += [
            (name, trials, *measured(make(), study, family.suggest, given.repeats)) for name, make in contenders.items()
        ]
    columns = ("drawn by", "trials before", "CPU ms", "fastest", "slowest")
    notes = (f"medians of {given.repeats}; the space of {given.family}",)
    show(Table("A configuration is drawn", columns, tuple(rows), notes), given.json)


def filled(known: Coordinates, trials: int) -> optuna.Study:
    """Return a study of so many trials that are over, drawn by belief."""
    rng, rungs = np.random.default_rng(SEED), ladder(EPOCHS).rungs
    points = Sources(known, Traits()).believed(trials + 1, rng)
    best, points = points[0], points[1:]
    distances = np.nanmean(np.abs(points - best), axis=1)
    values = 0.9 - 0.1 * distances + 0.003 * rng.standard_normal(trials)
    study = optuna.create_study(direction="maximize")
    for number, (point, value) in enumerate(zip(points, values, strict=True)):
        came = next((rung for rung in range(len(rungs) - 1) if number % FACTOR ** (rung + 1)), len(rungs) - 1)
        parameters = known.parameters(point)
        over = came == len(rungs) - 1
        study.add_trial(
            create_trial(
                state=TrialState.COMPLETE if over else TrialState.PRUNED,
                value=float(value) if over else None,
                params=parameters,
                distributions={name: known.scales[known.columns[name]].distribution for name in parameters},
                intermediate_values={step: float(value) * (1 - 0.1 / step) for step in range(1, rungs[came] + 1)},
            )
        )
    return study


def measured(
    sampler: BaseSampler, study: optuna.Study, suggest: Callable[[optuna.Trial], object], repeats: int
) -> tuple[float, float, float]:
    """Return milliseconds of a processor that a configuration takes: the median, the least and the most."""
    study.sampler = sampler
    found = []
    for _ in range(repeats + 1):
        began = time.process_time()
        trial = study.ask()
        suggest(trial)
        found.append(1000 * (time.process_time() - began))
        study.tell(trial, state=TrialState.FAIL)
    # The first one reads the whole study.
    del found[0]
    return median(found), min(found), max(found)


if __name__ == "__main__":
    main()
