"""Every search that a table is made of: on processes that each take a core, and kept in a file."""

import argparse
import itertools
import json
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol

import optuna

from benchmarks.replay import contenders, scores, simulated
from benchmarks.replay.peers import playing
from benchmarks.replay.scores import Score
from benchmarks.replay.simulated import Noise, Task, Terms
from models.family import Choice

# By which Python each of the other tools is run.
Peers = Mapping[str, Path]


class Bench(Protocol):
    """Tasks, and what is known of them."""

    @property
    def halves(self) -> Mapping[str, Sequence[str]]:
        """What the tasks are called: those to tune on, and those that are looked at once, at the end."""

    def task(self, name: str) -> Task:
        """Return a task."""

    def best(self, name: str) -> float:
        """Return the best percent that is known of a task."""

    def starts(self, name: str, kind: str) -> Sequence[Mapping[str, Choice]]:
        """Return what a search begins with: `good`, `bad` or `none`."""

    def noise(self, name: str, seed: int) -> Noise:
        """Return what is seen beside the truth."""


def run(bench: Bench, given: argparse.Namespace) -> Iterator[Score]:
    """Yield every search that was asked for: those that the file has, and those that are done now."""
    before = kept(given.out) if given.out and given.out.exists() else []
    known = {(one.contender, one.task, one.seed, one.start, one.workers): one for one in before}
    names = bench.halves[given.half][: given.tasks]
    wanted = [
        (contender, task, seed, start, given.workers)
        for seed, task, start, contender in itertools.product(
            range(given.seeds), names, given.starts, [*given.contenders, *given.peers]
        )
    ]
    yield from (known[one] for one in wanted if one in known)
    new = [one for one in wanted if one not in known]
    # Each takes one core; numbers are added in one order then, too.
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with ProcessPoolExecutor(given.processes, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(search, bench, given.peers, given.budget, *one) for one in new]
        for done in as_completed(waiting):
            if given.out:
                with given.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(done.result().data()) + "\n")
            yield done.result()


def kept(file: Path) -> list[Score]:
    """Return the searches of a file."""
    told = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    return [Score(**{**one, "regret": tuple(one["regret"])}) for one in told]


def search(
    bench: Bench, peers: Peers, budget: float, contender: str, name: str, seed: int, start: str, workers: int
) -> Score:
    """Search once."""
    warnings.filterwarnings("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    task, began, starts = bench.task(name), _seconds(), bench.starts(name, start)
    terms = Terms(workers, budget, bench.noise(name, seed))
    if contender in contenders.ALL:
        searcher = contenders.ALL[contender](task, seed, starts)
        seen = simulated.search(task, searcher, terms)
        trials = len(searcher.study.get_trials(deepcopy=False))
    else:
        seen, trials = playing.search(task, peers[contender], contender, seed, starts, terms)
    regret, near = scores.regrets(seen, task.epochs, bench.best(name))
    return Score(contender, name, seed, start, workers, regret, near, trials, round(_seconds() - began, 2))


def _seconds() -> float:
    """Return the seconds of a processor that this process has taken, and those that it has started and awaited."""
    taken = os.times()
    return taken.user + taken.system + taken.children_user + taken.children_system
