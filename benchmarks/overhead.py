"""What recording costs: our search with everything on against the same training with nothing recorded.

No search: a fixed list of configurations, drawn once from the whole space, 2 epochs each on 12,800 images (a tenth of
them for validation), all in float32. Ours is `python -m search run` with one worker on all cores; raw is one process on
the same cores that loads the images once and trains by the same compiled loop; `fit` is one that trains by Keras's.
Each is started cold. In the order raw, ours, raw.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import median

from benchmarks import fixed
from benchmarks.fixed import Case, Measured
from benchmarks.table import Cell, Table, median_ratio, show

COLUMNS = (
    "list",
    "trained by",
    "seconds",
    "of them training",
    "CPU s",
    "seconds / raw",
    "training / raw",
    "CPU s / raw",
    "ms a trial beyond raw",
)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mlp", type=int, default=30, help="how many fully connected networks")
    parser.add_argument("--cnn", type=int, default=2, help="how many times CNN 1, at other learning rates")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--images", type=int, default=12_800)
    parser.add_argument("--rounds", type=int, default=1, help="how often ours is measured, raw before and after each")
    parser.add_argument("--json", type=Path, help="a file for the table")
    given = parser.parse_args()
    cases = [
        Case(name, family, configurations, given.images, workers=1, precision="float32")
        for name, family, configurations in (
            ("MLP", "mlp", fixed.drawn("mlp", given.mlp, given.epochs)),
            ("CNN 1", "cnn", _first_cnn(given.cnn, given.epochs)),
        )
    ]
    with tempfile.TemporaryDirectory() as place:
        rows = [row for case in cases if case.configurations for row in _compare(case, Path(place), given.rounds)]
    notes = (
        f"{given.epochs} epochs on {given.images:,} images; {given.rounds} round(s), in the order raw, ours, raw",
        "seconds count from the cold start; training from the first epoch's begin to the last trial's end",
    )
    title = "Overhead: ours with both stores, artifacts and models, against nothing recorded"
    show(Table(title, COLUMNS, tuple(rows), notes), given.json)


def _first_cnn(count: int, epochs: int) -> tuple[fixed.Configuration, ...]:
    row = fixed.rows("cnn", "B4/21", epochs=epochs)[0]
    rates = [0.0001 * 2**number for number in range(count)]
    return tuple(fixed.Configuration({**row.parameters, "learning_rate": rate}, epochs) for rate in rates)


def _compare(case: Case, place: Path, rounds: int) -> list[tuple[Cell, ...]]:
    folder = place / case.family
    raw = [fixed.raw(case, folder / "raw-0", "family")]
    own = []
    for number in range(rounds):
        own.append(fixed.ours(case, folder / f"ours-{number}"))
        raw.append(fixed.raw(case, folder / f"raw-{number + 1}", "family"))
    usual = [fixed.raw(case, folder / "fit", "fit")]
    name = f"{len(case.configurations)} x {case.name}"
    return [
        _row(name, "raw: the same loop", raw, raw, case),
        _row(name, "ours", own, raw, case),
        _row(name, "Keras's fit", usual, raw, case),
    ]


def _row(name: str, what: str, shown: list[Measured], raw: list[Measured], case: Case) -> tuple[Cell, ...]:
    seconds = median(one.seconds for one in shown)
    beyond = 1000 * (seconds - median(one.seconds for one in raw)) / len(case.configurations)
    return (
        name,
        what,
        seconds,
        median(one.training_seconds for one in shown),
        median(one.cpu_seconds for one in shown),
        _ratio([one.seconds for one in shown], [one.seconds for one in raw]),
        _ratio([one.training_seconds for one in shown], [one.training_seconds for one in raw]),
        _ratio([one.cpu_seconds for one in shown], [one.cpu_seconds for one in raw]),
        beyond,
    )


def _ratio(shown: list[float], raw: list[float]) -> float:
    """Return the median over rounds where it was measured between raw ones, else the ratio of medians."""
    between = len(raw) == len(shown) + 1
    return median_ratio(shown, raw) if between else median(shown) / median(raw)


if __name__ == "__main__":
    main()
