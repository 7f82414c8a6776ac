"""Makes a table of curves of a study that was searched.

python -m search run --study mlp --home HOME --images 3000 --trials 16 --epochs 6 --pruner none --sampler random
python -m tests.search.workers.recorded HOME mlp tests/search/workers/curves.json
"""

import sys
from pathlib import Path

from search.analysis import predictions
from search.problem.settings import Place
from search.store import results, storage
from search.workers.replay import Recorded, Table

METRICS = ("val_accuracy", "val_loss", "loss", "accuracy", "seconds")


def table(home: Path, study: str) -> Table:
    """Return the complete trials of a study, with their epochs as they stand in their runs, to four digits."""
    place = Place.at(home, None, None)
    with storage.reading(place.storage) as store, predictions.opened(place) as tracker:
        summary, trials = results.everything(storage.load(store, study))
        found = []
        for trial in (one for one in trials if one.state == "COMPLETE"):
            curves = {name: [value for _, value in tracker.values(trial.run, name)] for name in METRICS}
            epochs = [{name: float(f"{curves[name][epoch]:.4g}") for name in METRICS} for epoch in range(trial.epochs)]
            found.append(Recorded(trial.parameters, epochs))
    return Table(summary.family, found)


if __name__ == "__main__":
    table(Path(sys.argv[1]), sys.argv[2]).write(Path(sys.argv[3]))
