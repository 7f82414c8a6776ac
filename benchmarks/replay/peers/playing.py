"""A search by a peer under the simulated clock: the same costs, workers and noise as that of ours."""

import heapq
import itertools
import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from optuna.distributions import CategoricalDistribution

from benchmarks.replay.contenders import coordinates
from benchmarks.replay.simulated import Seen, Task, Terms
from models.family import Choice
from search.policies.ensemble.coordinates import Coordinates
from search.policies.pruners.halving import ladder

HERE = Path(__file__).parent


class Process:
    """A peer that has been started."""

    def __init__(self, python: Path, script: str, problem: Mapping[str, Any]) -> None:
        """`script`: a file beside this one, and its own words, such as `synetune cqr`."""
        name, *words = script.split()
        self._process = subprocess.Popen(  # noqa: S603 - what the caller has named
            [python, HERE / f"{name}.py", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._say(problem)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def _say(self, what: Mapping[str, Any]) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()

    def ask(self) -> dict[str, Any]:
        """Return what to train. Raises `RuntimeError` where the peer has ended."""
        self._say({})
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a peer has ended: {self._process.args!r}; run it by hand to see why")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def tell(self, key: int, epoch: int, value: float) -> None:
        """Say what a trial came to."""
        self._say({"key": key, "epoch": epoch, "value": value})


def described(known: Coordinates) -> list[dict[str, Any]]:
    """Return a space as peers are told of it."""
    found = []
    for name, scale in zip(known.names, known.scales, strict=True):
        distribution, one = scale.distribution, {"name": name, "when": _when(known, name)}
        if isinstance(distribution, CategoricalDistribution):
            found.append(one | {"kind": "choices", "choices": list(distribution.choices)})
        else:
            kind = "whole" if scale.whole else "number"
            least, most = scale.value(0.0), scale.value(1.0)
            found.append(one | {"kind": kind, "low": least, "high": most, "log": scale.log})
    return found


def _when(known: Coordinates, name: str) -> dict[str, Any] | None:
    """Return by which values of which other hyperparameter one is asked for; None: always."""
    most = {one: scale.value(scale.last) for one, scale in zip(known.names, known.scales, strict=True)}
    rows = known.point(most)[None]
    column = known.columns[name]
    for parent in known.structure:
        scale, values = known.scales[parent], []
        for value in scale.levels():
            row = rows.copy()
            row[:, parent] = scale.place(value)
            if known.active(row)[0, column]:
                values.append(value)
        if len(values) < len(scale.levels()):
            return {"name": known.names[parent], "values": values}
    return None


def search(
    task: Task, python: Path, script: str, seed: int, starts: Sequence[Mapping[str, Choice]], terms: Terms
) -> tuple[list[Seen], int]:
    """Search for so many full trainings' time; return what was seen, costs in full trainings, and how many trials."""
    problem = {
        "space": described(coordinates(task)),
        "starts": [dict(start) for start in starts],
        "rungs": list(ladder(task.epochs).rungs),
        "seed": seed,
    }
    scale = terms.workers / task.epochs
    end = terms.budget / scale
    seen: list[Seen] = []
    done: dict[int, int] = {}
    curves: dict[int, Any] = {}
    running: list[tuple[float, int, int, int]] = []
    order, now = itertools.count(), 0.0
    with Process(python, script, problem) as asking:
        while now <= end:
            while len(running) < terms.workers:
                answer = asking.ask()
                key, until = answer["key"], answer["until"]
                if key not in curves:
                    curves[key] = task.curve(answer["parameters"])
                heapq.heappush(running, (now + until - done.get(key, 0), next(order), key, until))
            now, _, key, until = heapq.heappop(running)
            done[key] = until
            value = float(curves[key][until - 1] + terms.noise(key)[until - 1])
            if now <= end:
                seen.append(Seen(now * scale, key, until, value, float(curves[key][-1])))
            asking.tell(key, until, value)
    return seen, len(curves)
