"""Whether memory grows from trial to trial: two workers, 50 fully connected networks, all processes together.

Workers live for many trials, and Keras is known to leave something of each network behind. Pages that processes share
are counted once.
"""

import argparse
import sqlite3
import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks import fixed
from benchmarks.fixed import Case
from benchmarks.table import Cell, Table, show

COLUMNS = ("trials finished", "all processes: median MB", "driver: MB", "workers: MB", "all / at the first row")
# Trials of one row of the table.
STEP = 10


@dataclass
class Samples:
    """What was seen while a search ran: finished trials, megabytes of the driver, and of all other processes.

    When all `trials` are finished the workers end, so what is seen then does not count.
    """

    database: Path
    trials: int
    seen: list[tuple[int, float, float]] = field(default_factory=list)

    def look(self, megabytes: Mapping[int, float]) -> None:
        """Take a look in."""
        driver, *others = megabytes.values()
        finished = _finished(self.database)
        if finished < self.trials:
            self.seen.append((finished, driver, sum(others)))


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--images", type=int, default=12_800)
    parser.add_argument("--json", type=Path, help="a file for the table")
    given = parser.parse_args()
    case = Case("MLP", "mlp", fixed.drawn("mlp", given.trials, given.epochs), given.images, workers=2)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "ours"
        samples = Samples(folder / "home" / "optuna.db", given.trials)
        measured = fixed.ours(case, folder, samples.look)
    notes = (
        f"{given.trials} trials of {given.epochs} epochs on {given.images:,} images, 2 workers",
        f"peak of all processes {measured.peak_megabytes:,.0f} MB",
        f"growth after trial {STEP}: {_growth(samples):.2f} MB a trial",
    )
    show(Table("Memory over the trials of a search", COLUMNS, tuple(rows(samples)), notes), given.json)


def rows(samples: Samples) -> list[tuple[Cell, ...]]:
    """Return medians over every so many trials, from the first that is finished."""
    found: list[tuple[Cell, ...]] = []
    first = 0.0
    groups = sorted({(finished - 1) // STEP for finished, *_ in samples.seen if finished})
    for group in groups:
        inside = [sample for sample in samples.seen if sample[0] and (sample[0] - 1) // STEP == group]
        total = median(driver + workers for _, driver, workers in inside)
        first = first or total
        drivers, workers = (median(sample[column] for sample in inside) for column in (1, 2))
        found.append((f"{group * STEP + 1} to {(group + 1) * STEP}", total, drivers, workers, total / first))
    return found


def _growth(samples: Samples) -> float:
    """Return megabytes a trial, by least squares over what was seen after the first trials."""
    import numpy as np

    late = [(finished, driver + workers) for finished, driver, workers in samples.seen if finished > STEP]
    if len({finished for finished, _ in late}) < 2:
        return 0.0
    trials, megabytes = zip(*late, strict=True)
    return float(np.polyfit(trials, megabytes, 1)[0])


def _finished(database: Path) -> int:
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=10)) as store:
        return int(store.execute("SELECT count(*) FROM trials WHERE state = 'COMPLETE'").fetchone()[0])


if __name__ == "__main__":
    main()
