"""Whether our way of training costs accuracy: the same configurations, epochs and seeds, ours and by Keras's `fit`.

Ours is what `python -m search run` does by itself: compiled epochs, and whatever precision it chooses. Plain is `fit`
in float32. Both begin with the same weights; the order of the images and what is drawn in training differ, so single
differences scatter, and their mean with its standard error says whether there is one. They scatter less where the
learning rate falls to nothing. Schedule, activation, optimiser, L1 and batch size are given, the rest is drawn:
networks that learn nothing would agree whatever is done to them.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import mean, stdev

from benchmarks import fixed
from benchmarks.fixed import Case
from benchmarks.table import Cell, Table, show
from models.family import Choice

COLUMNS = ("networks", "pairs", "plain: accuracy", "ours: accuracy", "ours - plain", "standard error")


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--configurations", type=int, default=10, help="half fully connected, half convolutional")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--images", type=int, default=24_000, help="take so many training images")
    parser.add_argument("--json", type=Path, help="a file for the table")
    given = parser.parse_args()
    differences: list[tuple[float, float]] = []
    rows: list[tuple[Cell, ...]] = []
    with tempfile.TemporaryDirectory() as place:
        for family, configurations in _lists(given.configurations, given.epochs).items():
            found = [
                pair
                for seed in range(given.seeds)
                for pair in _pairs(Case(family, family, configurations, given.images, seed=seed), Path(place))
            ]
            rows.append(_row(family, found))
            differences += found
    rows.append(_row("all", differences))
    notes = (
        (
            f"{given.configurations} configurations x {given.seeds} seed(s), {given.epochs} epochs on {given.images:,} "
            "images; validation accuracy after the last epoch"
        ),
    )
    show(Table("Equality: accuracy of our training against plain fit", COLUMNS, tuple(rows), notes), given.json)


def _lists(count: int, epochs: int) -> dict[str, tuple[fixed.Configuration, ...]]:
    """Return configurations by family: such as learn in a few epochs, the convolutional ones small."""
    learning: dict[str, Choice] = {
        "optimizer": "adam",
        "activation": "relu",
        "l1": 0.0,
        "batch_size": 64,
        "schedule": "cosine",
    }
    small: dict[str, Choice] = {
        "depth": 2,
        "filters_1": 16,
        "filters_2": 32,
        "convolutions": 1,
        "kernel_size": 3,
        "padding": "valid",
    }
    return {
        "mlp": fixed.drawn("mlp", count - count // 2, epochs, **learning),
        "cnn": fixed.drawn("cnn", count // 2, epochs, **learning, **small),
    }


def _pairs(case: Case, place: Path) -> list[tuple[float, float]]:
    """Return for each configuration the last accuracy of plain, and of ours."""
    folder = place / f"{case.family}-{case.seed}"
    plain, own = fixed.raw(case, folder / "plain", "fit"), fixed.ours(case, folder / "ours")
    return [(theirs[-1], mine[-1]) for theirs, mine in zip(plain.values, own.values, strict=True)]


def _row(name: str, pairs: list[tuple[float, float]]) -> tuple[Cell, ...]:
    gains = [own - plain for plain, own in pairs]
    error = stdev(gains) / len(gains) ** 0.5 if len(gains) > 1 else None
    return (name, len(pairs), mean(plain for plain, _ in pairs), mean(own for _, own in pairs), mean(gains), error)


if __name__ == "__main__":
    main()
