"""How good a network each contender has found after the same time, its start included.

python -m benchmarks.time_to_quality                                    # MLP, 120 s, one seed
python -m benchmarks.time_to_quality --budget 300 --seeds 3             # MLP in full
python -m benchmarks.time_to_quality --family cnn --budget 900 --seeds 3    # from CNN 1 on, in full
python -m benchmarks.time_to_quality --budget 180                       # the best validation accuracy after 180 s
python -m benchmarks.time_to_quality --contenders ours_unaided ours_halving ours_screening  # when to give a trial up

Everybody gets the same arrays, split, space, network and budget; the order rotates from seed to seed. Every epoch is
timed from the cold start; when the budget is used up, the contender is ended, and what came later does not count.
Validation accuracy chose the networks; test accuracy is scored afterwards, by one judge in a process of its own.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from statistics import median

from benchmarks import contenders, journal, processes
from benchmarks.contenders import Run
from benchmarks.peers.task import Task
from benchmarks.table import Cell, Table, show

SHARES = {"B/4": 0.25, "B/2": 0.5, "B": 1.0}
COLUMNS = (
    "contender",
    *(f"validation at {name}" for name in SHARES),
    "test at B",
    "seconds to the best peer's best",
    "best peer's seconds / its",
    "trials",
    "epochs",
    "CPU s",
    "peak MB",
)


def main() -> None:
    """Run every contender with every seed, and print the table."""
    given = _arguments()
    if given.keep and given.keep.exists():
        raise SystemExit(f"--keep {given.keep}: is there already; name a new folder, so that nothing old is measured")
    with nullcontext(given.keep) if given.keep else tempfile.TemporaryDirectory() as place:
        folder = Path(place).absolute()
        runs = race(given.contenders, given, folder)
        accuracies = judge(runs, folder)
    show(table(runs, accuracies, f"{given.family}, B = {given.budget:g} s, {given.seeds} seed(s)"), given.json)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", default="mlp", choices=("mlp", "cnn", "lenet5"))
    parser.add_argument("--budget", type=float, default=120.0, help="seconds for each contender, its start included")
    parser.add_argument("--seeds", type=int, default=1, help="how many")
    parser.add_argument("--images", type=int, help="take so many training images, to try this script")
    parser.add_argument("--contenders", nargs="+", default=list(contenders.USUAL), choices=list(contenders.ALL))
    parser.add_argument("--keep", type=Path, help="a folder in which everything stays; by default nothing does")
    parser.add_argument("--json", type=Path, help="a file for the table")
    return parser.parse_args()


def race(names: Sequence[str], given: argparse.Namespace, folder: Path) -> list[Run]:
    """Run the contenders in turn, each seed beginning with another one. Those that are not installed are left out."""
    there = [contenders.ALL[name] for name in names if not contenders.ALL[name].missing]
    runs = []
    for seed in range(given.seeds):
        for place in range(len(there)):
            contender = there[(place + seed) % len(there)]
            task = Task(given.family, given.budget, seed, folder / f"{contender.name}-{seed}", 0.0, given.images)
            task.folder.mkdir(parents=True, exist_ok=True)
            runs.append(contenders.run(contender, task))
    return runs


def judge(runs: Sequence[Run], folder: Path) -> dict[str, float]:
    """Return the test accuracy of each contender's best network, by its file."""
    files = [str(run.model) for run in runs if run.model and run.model.exists()]
    out = folder / "test.json"
    words = [*files, "--cache", str(folder / "cache"), "--out", str(out)]
    processes.run_well(processes.python("benchmarks.evaluate", *words), folder / "judge.log")
    found: dict[str, float] = json.loads(out.read_text("utf-8"))
    return found


def table(runs: Sequence[Run], accuracies: dict[str, float], title: str) -> Table:
    """Return medians over the seeds, a row for each contender."""
    names = list(dict.fromkeys(run.contender for run in runs))
    rows = [_row(name, runs, accuracies) for name in contenders.ALL if name in names]
    notes = [
        f"left out, since it is not installed: {contender.title} ({', '.join(contender.missing)})"
        for contender in contenders.ALL.values()
        if contender.missing
    ]
    notes += [f"{contenders.ALL[run.contender].title}, seed {run.seed}, {run.fault}" for run in runs if run.fault]
    winner = max(rows, key=lambda row: (row[3] is not None, row[3]))
    return Table(
        f"Time to quality: {title}",
        COLUMNS,
        tuple(rows),
        (
            f"best validation accuracy at B: {winner[0]}",
            (
                "medians over seeds; accuracies of the best network so far; the best peer is whoever else has come to "
                "the highest with the same seed; empty where there was none yet, or that was never reached"
            ),
            (
                "this project begins with the report's best configuration and one as textbooks advise, unless it says "
                "otherwise; the plain loop goes through the report's; all others draw from the first on"
            ),
            "the standard error of a test accuracy on 10,000 images is 0.003",
            *notes,
        ),
    )


def _row(name: str, runs: Sequence[Run], accuracies: dict[str, float]) -> tuple[Cell, ...]:
    mine = [run for run in runs if run.contender == name]
    at = [_middle([_at(run, share) for run in mine]) for share in SHARES.values()]
    races = [(journal.seconds_to(run.epochs, target), usual) for run in mine for target, usual in _goal(run.seed, runs)]
    reached = [seconds for seconds, _ in races]
    gains = [usual / seconds if seconds else None for seconds, usual in races]
    return (
        contenders.ALL[name].title,
        *at,
        _middle([accuracies.get(str(run.model)) for run in mine]),
        _middle(reached),
        _middle(gains),
        median(len({entry.trial for entry in run.epochs}) for run in mine),
        median(len(run.epochs) for run in mine),
        median(run.cpu_seconds for run in mine),
        median(run.peak_megabytes for run in mine),
    )


def _middle(values: Sequence[float | None]) -> float | None:
    """Return the median where every seed has a value: one that never got there is no better than those that did."""
    there = [value for value in values if value is not None]
    return median(there) if values and len(there) == len(values) else None


def _at(run: Run, share: float) -> float | None:
    best = journal.best(run.epochs, until=share * run.budget)
    return best.val_accuracy if best else None


def _goal(seed: int, runs: Sequence[Run]) -> list[tuple[float, float]]:
    """Return what the best peer came to with this seed, and the seconds it took; nothing where no peer trained."""
    peers = [run for run in runs if run.seed == seed and run.contender not in contenders.OURS]
    bests = [best for peer in peers if (best := journal.best(peer.epochs))]
    if not bests:
        return []
    best = max(bests, key=lambda epoch: (epoch.val_accuracy, -epoch.seconds))
    return [(best.val_accuracy, best.seconds)]


if __name__ == "__main__":
    main()
