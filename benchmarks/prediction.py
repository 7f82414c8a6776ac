"""How many images a second `predict` asks about, against Keras's `predict` alone, and what memory a million take.

python -m benchmarks.prediction                                    # three families, a million images
python -m benchmarks.prediction --families mlp --million 10000     # to try this script

Keras's `predict` is given the test images as an array in memory, and what it returns is thrown away. Ours reads them
from an .npz file, ranks the classes, and writes a CSV file of 10,000 rows. In turns, in one process, after one round
that does not count. The commands are processes of their own; their memory is the most that was seen of it.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks import processes
from benchmarks.table import Cell, Table, median_ratio, show
from models.data import asked, load
from search.commands.predict import answers, loading, predicting
from search.commands.predict.loading import Ready
from search.problem.settings import Place
from search.registry import named

COLUMNS = ("", "images", "images a second", "ours / this", "images a CPU second", "ours / this, CPU", "peak MB")
BATCHES = (32, 1000)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", nargs="+", default=["mlp", "lenet5", "cnn"])
    parser.add_argument("--million", type=int, default=1_000_000, help="images of the last row")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="a file for the table")
    given = parser.parse_args()
    processes.require()
    rows: list[tuple[Cell, ...]] = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        images = load(cache=folder / "home" / "cache").test
        few = _written(folder / "few.npz", images.images, len(images))
        for family in given.families:
            _train(family, folder)
            with named.opened(family, Place.at(folder / "home", None, None)) as kept:
                ready = loading.classifier(Console(stderr=True), kept, "predict")
            rows += _compare(ready, few, images.images, folder / "told.csv", given.rounds)
        many = _written(folder / "many.npz", images.images, given.million)
        rows += [_command(given.families[0], file, folder) for file in (few, many)]
    notes = (
        f"medians of {given.rounds} rounds; ours / this: median of the ratios of speeds to those on either side",
        "CPU: of all cores together; what else a busy machine does weighs less on it",
        "the commands' seconds begin with a cold start; a million images are 784 MB, not compressed",
    )
    show(Table("Prediction: images a second, and memory", COLUMNS, tuple(rows), notes), given.json)


def _train(family: str, folder: Path) -> None:
    words = ["--study", family, "--home", str(folder / "home"), "--images", "2000", "--epochs", "1", "--trials", "1"]
    processes.run_well(processes.python("search", "run", *words), folder / "printed.log")


def _written(file: Path, images: Any, count: int) -> Path:
    np.savez(file, x_test=np.resize(images, (count, *images.shape[1:])))
    return file


def _compare(ready: Ready, file: Path, images: Any, out: Path, rounds: int) -> list[tuple[Cell, ...]]:
    """Return a row for each size of batch that Keras is given, and one for ours."""

    def ours() -> None:
        tally, sources = predicting.Tally(), asked.sources([str(file)])
        told = predicting.answered(Console(stderr=True), ready, sources, tally, lambda _: None)
        with out.open("w", encoding="utf-8", newline="") as stream:
            answers.write(told, stream, "csv", ready.class_names, 80)

    family = ready.kept.family
    own: list[Spent] = []
    rows: list[tuple[Cell, ...]] = []
    for size in BATCHES:

        def plain(size: int = size) -> None:
            ready.predictor.network.predict(images, batch_size=size, verbose=0)

        mine, theirs = _in_turns(ours, plain, rounds)
        own += mine
        title = f"{family}: Keras's predict, batches of {size}"
        rows.append((title, len(images), *_rates(len(images), theirs, mine), None))
    return [*rows, (f"{family}: ours, from file to file", len(images), *_rates(len(images), own), None)]


@dataclass(frozen=True)
class Spent:
    """What a piece of work took: seconds, and seconds of all cores together."""

    seconds: float
    cpu_seconds: float


def _in_turns(ours: Callable[[], None], plain: Callable[[], None], rounds: int) -> tuple[list[Spent], list[Spent]]:
    """Return what ours takes, and what that takes which is measured before the first and after each of them."""
    _spent(ours), _spent(plain)
    mine, theirs = [], [_spent(plain)]
    for _ in range(rounds):
        mine.append(_spent(ours))
        theirs.append(_spent(plain))
    return mine, theirs


def _spent(work: Callable[[], None]) -> Spent:
    began, cpu_began = time.perf_counter(), time.process_time()
    work()
    return Spent(time.perf_counter() - began, time.process_time() - cpu_began)


def _rates(count: int, spent: Sequence[Spent], ours: Sequence[Spent] = ()) -> Iterator[float]:
    """Yield images a second and how much faster ours is, then the same of CPU seconds."""
    for of in (lambda one: one.seconds, lambda one: one.cpu_seconds):
        yield count / median(map(of, spent))
        yield 1 / median_ratio(list(map(of, ours)), list(map(of, spent))) if ours else 1.0


def _command(family: str, file: Path, folder: Path) -> tuple[Cell, ...]:
    words: Sequence[str] = (family, str(file), "--home", str(folder / "home"), "--out", str(folder / "out.csv"))
    finished = processes.run_well(processes.python("search", "predict", *words), folder / "printed.log")
    with (folder / "out.csv").open("rb") as stream:
        count = sum(1 for _ in stream) - 1
    rates = (count / finished.seconds, None, count / finished.cpu_seconds, None)
    return f"{family}: the command", count, *rates, finished.peak_megabytes


if __name__ == "__main__":
    main()
