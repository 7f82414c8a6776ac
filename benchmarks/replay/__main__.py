"""Which search method wastes least, on curves that are known: the real driver, and a clock that is simulated.

python -m benchmarks.replay                                      # on what was recorded in `tables`
python -m benchmarks.replay --lcbench FOLDER                     # the usual contenders, on the half to tune on
python -m benchmarks.replay --lcbench FOLDER --contenders ours "ours, no model" --seeds 3 --starts good none
python -m benchmarks.replay --lcbench FOLDER --half held-out --seeds 10 --out held-out.jsonl    # once, at the end
python -m benchmarks.replay --lcbench FOLDER --peers smac3=ENV/bin/python "synetune cqr"=ENV2/bin/python
python -m benchmarks.replay --read held-out.jsonl                # the table of what was kept, and no search

Other tools are run in environments of their own, in which what stands at the head of `peers/SCRIPT.py` is installed.

FOLDER has LCBench's model of learning curves, from the folder `lcbench` of github.com/slds-lmu/yahpo_data. An epoch
costs 1, pausing and going on cost nothing, waiting counts. A search gives back what looked best of what was trained to
its end; regret is by how many points its true accuracy is below the best that is known. `--out` keeps every search;
the same call goes on where it was.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from typing_extensions import override

from benchmarks.replay import contenders, scores, searches
from benchmarks.replay.lcbench import LCBench
from benchmarks.replay.scores import Score
from benchmarks.replay.tables import Tables
from benchmarks.table import Cell, Table, show

COSTS = (5, 15, 30, 60)


def main() -> None:
    """Search as often as was asked for, and print a table for each beginning and number of workers."""
    given = _arguments()
    if given.read:
        found, of = [score for file in given.read for score in searches.kept(file)], "kept"
    else:
        bench = LCBench.prepare(given.lcbench, given.salt, plain=given.plain) if given.lcbench else Tables()
        found, of = list(searches.run(bench, given)), f"{given.half} half{', plain' * given.plain}"
    for (start, workers), by_contender in scores.grouped(found).items():
        show(table(f"{of}, start: {start}, {workers} workers", by_contender, given.against), None)


class _Peers(argparse.Action):
    """Takes other tools: what is run of them, and by which Python."""

    @override
    def __call__(self, parser: object, given: argparse.Namespace, values: object, option: object = None) -> None:
        assert isinstance(values, list)
        named = (value.rpartition("=") for value in values)
        setattr(given, self.dest, {script: Path(python) for script, _, python in named})


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m benchmarks.replay", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lcbench", type=Path, metavar="FOLDER", help="its model; without it, the tables here")
    parser.add_argument("--plain", action="store_true", help="its own space of seven, not one like that of mlp")
    parser.add_argument("--contenders", nargs="+", default=list(contenders.USUAL), choices=list(contenders.ALL))
    parser.add_argument(
        "--peers",
        nargs="+",
        default={},
        action=_Peers,
        metavar="'SCRIPT WORDS'=PYTHON",
        help="other tools, see benchmarks/replay/peers",
    )
    parser.add_argument("--against", default="ours", help="who is compared with the others")
    parser.add_argument("--half", default="tuning", choices=("tuning", "held-out"), help="of the tasks")
    parser.add_argument("--tasks", type=int, help="only so many of them")
    parser.add_argument("--seeds", type=int, default=1, help="how many")
    parser.add_argument("--starts", nargs="+", default=["good"], choices=("good", "none", "bad"))
    parser.add_argument("--workers", type=int, default=2, help="simulated ones")
    parser.add_argument("--budget", type=float, default=60.0, help="full trainings")
    parser.add_argument("--salt", default="", help="another one makes other tasks of the same kind")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="that search at once")
    parser.add_argument("--read", type=Path, nargs="+", metavar="FILE", help="show what such files have, and no more")
    parser.add_argument("--out", type=Path, help="a file of all searches, a line each; what it has is not done again")
    return parser.parse_args()


def table(title: str, found: dict[str, list[Score]], against: str) -> Table:
    """Return a line a contender, the best at 30 full trainings first, and how many times faster the one is."""
    columns = (
        "contender",
        "searches (seeds)",
        "cost to 3 points",
        *(f"regret at {cost}" for cost in COSTS),
        "trials",
        "CPU s",
    )
    compared = against in found
    rows: list[tuple[Cell, ...]] = []
    for name in sorted(found, key=lambda name: scores.mean_regret(found[name])[scores.at(30)]):
        curve = scores.mean_regret(found[name])
        rows.append(
            (
                name,
                f"{len(found[name])} ({1 + max(one.seed for one in found[name])})",
                _interval(scores.median_near(found[name])),
                *(float(curve[scores.at(cost)]) for cost in COSTS),
                round(float(np.mean([one.trials for one in found[name]]))),
                float(np.mean([one.seconds for one in found[name]])),
                *(_compared(found[against], found[name]) if compared and name != against else [""] * 2 * compared),
            )
        )
    than = (f"{against}: times faster at 30; at 60", f"{against}: points better at 30; at 60 (standard error)")
    return Table(title, (*columns, *than[: 2 * compared]), tuple(rows))


def _compared(ours: Sequence[Score], theirs: Sequence[Score]) -> tuple[str, str]:
    """Return how much better we are, on the tasks and seeds that both have."""
    costs = (30, 60)
    faster = "; ".join(_interval(scores.speed(ours, theirs, cost)) for cost in costs)
    better = "; ".join("{:+.2f} ({:.2f})".format(*scores.difference(ours, theirs, cost)) for cost in costs)
    return faster, better


def _interval(measured: tuple[float, float, float]) -> str:
    found, low, high = ("never" if not np.isfinite(one) else f"{one:.1f}" for one in measured)
    return f"{found} [{low}, {high}]"


if __name__ == "__main__":
    main()
