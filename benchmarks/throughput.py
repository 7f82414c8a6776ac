"""How many trials an hour: our search against the plain loop of the reports, on the same configurations.

python -m benchmarks.throughput                             # rows of report B's MLP, in full
python -m benchmarks.throughput --cases cnn1 cnn2 lenet5    # convolutional networks, an epoch a trial

Plain is one `fit` after another in one process, Keras's defaults, validation after each epoch as in the report; ours
is `python -m search run`, with as many workers as it chooses, everything recorded. In the order plain, ours, plain.
MLP trials are in full, at the rows' own epochs. Convolutional ones are cut short, so that the start and each trial's
recording weigh more than they do in full: a disadvantage for ours.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import median

from benchmarks import fixed
from benchmarks.fixed import Case
from benchmarks.table import Cell, Table, median_ratio, show

COLUMNS = (
    "case",
    "plain: seconds",
    "ours: seconds",
    "plain: trials/hour",
    "ours: trials/hour",
    "ours / plain",
    "started, ours / plain",
    "accuracy, ours - plain",
)
# ReLU with four hidden layers by SGD, and the same by Adam and Nadam, the report's best.
MLP_ROWS = ("B4/2", "B4/16", "B4/20")


def cases(rows: int, epochs: int, trials: int, images: int | None) -> dict[str, Case]:
    """Return every case by its name."""
    text = fixed.rows("lenet5", "A1/text-0.0001", epochs=epochs)
    return {
        "mlp": Case(f"{rows} MLP rows in full", "mlp", fixed.rows("mlp", *MLP_ROWS[:rows]), images),
        "cnn1": _short("CNN 1", "cnn", fixed.rows("cnn", "B4/21", epochs=epochs), trials, images),
        "cnn2": _short("CNN 2", "cnn", fixed.rows("cnn", "B4/22", epochs=epochs), trials, images),
        "lenet5": _short("LeNet-5", "lenet5", text, trials, images),
    }


def _short(name: str, family: str, rows: tuple[fixed.Configuration, ...], trials: int, images: int | None) -> Case:
    return Case(f"{trials} x {name}, {rows[0].epochs} epoch(s)", family, rows * trials, images)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", default=["mlp"], choices=list(cases(1, 1, 1, None)))
    parser.add_argument("--rows", type=int, default=2, choices=(1, 2, 3), help="how many MLP rows")
    parser.add_argument("--trials", type=int, default=2, help="how many convolutional trials of a kind")
    parser.add_argument("--epochs", type=int, default=1, help="of a convolutional trial; the report has 20")
    parser.add_argument("--images", type=int, help="take so many training images, to try this script")
    parser.add_argument("--rounds", type=int, default=1, help="how often ours is measured, plain before and after each")
    parser.add_argument("--json", type=Path, help="a file for the table")
    given = parser.parse_args()
    known = cases(given.rows, given.epochs, given.trials, given.images)
    with tempfile.TemporaryDirectory() as place:
        rows = [_compare(known[name], Path(place) / name, given.rounds) for name in given.cases]
    notes = (
        f"{given.rounds} round(s), in the order plain, ours, plain; from the cold start, which is in all seconds",
        (
            "ours / plain: of trials an hour. started: the same without the start, from the first epoch's begin to the "
            "last trial's end"
        ),
        "accuracy: best validation accuracy of a trial, mean difference over the list",
    )
    show(Table("Throughput: trials an hour", COLUMNS, tuple(rows), notes), given.json)


def _compare(case: Case, folder: Path, rounds: int) -> tuple[Cell, ...]:
    plain = [fixed.raw(case, folder / "plain-0", "fit")]
    own = []
    for number in range(rounds):
        own.append(fixed.ours(case, folder / f"ours-{number}"))
        plain.append(fixed.raw(case, folder / f"plain-{number + 1}", "fit"))
    trials = len(case.configurations)
    usual, seconds = median(one.seconds for one in plain), median(one.seconds for one in own)
    gains = zip(own[0].values, plain[0].values, strict=True)
    return (
        case.name,
        usual,
        seconds,
        3600 * trials / usual,
        3600 * trials / seconds,
        1 / median_ratio([one.seconds for one in own], [one.seconds for one in plain]),
        1 / median_ratio([one.training_seconds for one in own], [one.training_seconds for one in plain]),
        sum(max(mine) - max(theirs) for mine, theirs in gains) / trials,
    )


if __name__ == "__main__":
    main()
