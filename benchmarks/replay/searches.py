"""Every search that a table is made of: on processes that each take a core, and kept in a file."""

import argparse
import itertools
import json
import os
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import optuna

from benchmarks.replay import contenders, scores, simulated
from benchmarks.replay.lcbench import EPOCHS, NOISY, Prepared, Surrogate, Task, halves, prepare
from benchmarks.replay.scores import Score

# Standard deviation of what is seen beside the truth, in points.
NOISE = 0.3


def run(given: argparse.Namespace) -> Iterator[Score]:
    """Yield every search that was asked for: those that the file has, and those that are done now."""
    known = {}
    if given.out and given.out.exists():
        for line in given.out.read_text("utf-8").splitlines():
            score = Score(**{**json.loads(line), "regret": tuple(json.loads(line)["regret"])})
            known[score.contender, score.task, score.seed, score.start, score.workers] = score
    names = halves(Surrogate(given.lcbench).names)[given.half == "held-out"][: given.tasks]
    wanted = [
        (contender, task, seed, start, given.workers)
        for seed, task, start, contender in itertools.product(range(given.seeds), names, given.starts, given.contenders)
    ]
    yield from (known[one] for one in wanted if one in known)
    new = [one for one in wanted if one not in known]
    if not new:
        return
    # Each takes one core; numbers are added in one order then, too.
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with ProcessPoolExecutor(given.processes, mp_context=get_context("spawn")) as pool:
        prepared = prepare(_surrogate(given.lcbench), given.salt)
        waiting = [pool.submit(search, given.lcbench, given.budget, prepared, *one) for one in new]
        for done in as_completed(waiting):
            if given.out:
                with given.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(done.result().data()) + "\n")
            yield done.result()


@cache
def _surrogate(folder: Path) -> Surrogate:
    return Surrogate(folder)


def search(
    folder: Path, budget: float, prepared: Prepared, contender: str, task_name: str, seed: int, start: str, workers: int
) -> Score:
    """Search once."""
    warnings.filterwarnings("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    task, began = Task(_surrogate(folder), task_name, prepared.salt), time.process_time()
    searcher = contenders.ALL[contender](task, seed, prepared.starts(task_name, start))
    seen = simulated.search(task, searcher, workers=workers, budget=budget, noise=noise(seed))
    regret, near = scores.regrets(seen, EPOCHS, prepared.best[task_name])
    trials = len(searcher.study.get_trials(deepcopy=False))
    return Score(contender, task_name, seed, start, workers, regret, near, trials, time.process_time() - began)


def noise(seed: int) -> simulated.Noise:
    """Return what is seen beside the truth: the same for a trial of the same number, whoever drew it."""

    def of(number: int) -> scores.Array:
        drawn = np.random.default_rng((seed, number)).normal(0.0, NOISE, len(NOISY))
        return np.interp(np.arange(1, EPOCHS + 1), NOISY, drawn)

    return of
