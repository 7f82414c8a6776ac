"""How soon a search has what report B's loop over 21 fully connected networks comes to in the end.

python -m benchmarks.loop                 # 6 epochs a network
python -m benchmarks.loop --epochs 20     # as the report, for half an hour

The loop is one `fit` after another, each network judged on the test images at its end; its result is the best of them
on these, as the report chose. Ours is `python -m search run` with the same number of epochs a trial. It chooses by
validation, so what counts is when the best by validation so far first had that test accuracy, and was recorded.
"""

import argparse
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from benchmarks import fixed, processes
from benchmarks.fixed import Case
from benchmarks.table import Cell, Table, show
from search.problem import baselines

COLUMNS = ("", "seconds", "validation accuracy", "test accuracy", "loop's seconds / these")
STUDY = "mlp"


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=6, help="of every network; the report has 20")
    parser.add_argument("--trials", type=int, default=12, help="of our search")
    parser.add_argument("--images", type=int, help="take so many training images, to try this script")
    parser.add_argument("--json", type=Path, help="a file for the table")
    given = parser.parse_args()
    rows = fixed.rows("mlp", *(row.row for row in baselines.of("mlp")), epochs=given.epochs)
    with tempfile.TemporaryDirectory() as place:
        loop = fixed.raw(Case("loop", "mlp", rows, given.images, judge=True), Path(place) / "loop", "fit")
        bests = _search(given, Path(place) / "ours")
    target = max(loop.tests)
    reached = next((best for best in bests if best[2] >= target), None)
    table_rows: list[tuple[Cell, ...]] = [
        ("loop over 21 networks: all", loop.seconds, None, target, 1.0),
        ("search: as good on test", *(reached or (None, None, None)), loop.seconds / reached[0] if reached else None),
        *(("search: best by validation so far", *best, loop.seconds / best[0]) for best in bests),
    ]
    notes = (
        f"{given.epochs} epochs a network; the start is in all seconds",
        "the standard error of a test accuracy on 10,000 images is 0.003",
    )
    show(Table("Time to what the loop comes to", COLUMNS, tuple(table_rows), notes), given.json)


def _search(given: argparse.Namespace, folder: Path) -> list[tuple[float, float, float]]:
    """Search, and return when there was a new best by validation, and its accuracies on validation and test."""
    home = folder / "home"
    words = ["--study", STUDY, "--home", str(home), "--epochs", str(given.epochs), "--trials", str(given.trials)]
    words += ["--images", str(given.images)] if given.images else []
    command = processes.python("search", "run", *words)
    finished = processes.run_well(command, folder / "printed.log")
    with closing(sqlite3.connect(home / "optuna.db")) as database:
        done = database.execute(
            "SELECT datetime_complete, value, value_json FROM trials JOIN trial_values USING (trial_id) "
            "JOIN trial_user_attributes USING (trial_id) WHERE state = 'COMPLETE' AND key = 'test_accuracy' ORDER BY 1"
        ).fetchall()
    return improvements([(fixed.seconds(end) - finished.began, value, float(test)) for end, value, test in done])


def improvements(done: Sequence[tuple[float, float, float]]) -> list[tuple[float, float, float]]:
    """Return of trials in the order of time those that were the best by validation so far."""
    found: list[tuple[float, float, float]] = []
    for trial in done:
        if not found or trial[1] > found[-1][1]:
            found.append(trial)
    return found


if __name__ == "__main__":
    main()
