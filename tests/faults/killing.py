"""Searches whose processes are killed at random times until they are done, and what that has cost."""

import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from models import data
from models.data import Images
from models.family import Diverged, Infeasible
from tests.faults.families import steps
from tests.faults.searches import LIGHT, PATIENCE, Search, kill, wait_until, workers
from tests.faults.stores import rows

TRIALS = 24
EPOCHS = 8
# A trial that takes more workers with it than this fails, by the search's own rule: here they die of something else.
RESTARTS = 3
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Killing:
    """One search, and what was done to it. `replaced` are the seconds from a worker's death to the next one's birth."""

    search: Search
    dice: random.Random
    workers: int = 0
    drivers: int = 0
    replaced: list[float] = field(default_factory=list)
    exit_code: int = 0

    @property
    def kills(self) -> int:
        """How many processes were killed."""
        return self.workers + self.drivers

    def run(self, kills: int) -> None:
        """Kill so many, unless the search is done before, and let it come to its end."""
        while True:
            with self.search.start() as driver:
                deaths: Counter[str] = Counter()
                while self.kills < kills and driver.poll() is None:
                    if self.dice.random() < 0.3:
                        self._kill_driver(driver)
                    else:
                        self._kill_worker(driver, deaths)
                self.exit_code = driver.wait(timeout=PATIENCE)
            if self.exit_code != -signal.SIGKILL:
                return

    def _kill_driver(self, driver: "subprocess.Popen[bytes]") -> None:
        """Kill it at any time: while it imports, opens its stores, searches, or delivers the rest."""
        if not wait_until(lambda: driver.poll() is not None, self.dice.uniform(0, 5)):
            driver.kill()
            driver.wait()
            self.drivers += 1

    def _kill_worker(self, driver: "subprocess.Popen[bytes]", deaths: Counter[str]) -> None:
        found: list[int] = []
        wait_until(lambda: driver.poll() is not None or found.extend(self._mortal(driver.pid, deaths)) or found)
        if wait_until(lambda: driver.poll() is not None, self.dice.uniform(0, 1.5)):
            return
        mortal = self._mortal(driver.pid, deaths)
        if not mortal:
            return
        worker = self.dice.choice(mortal)
        before = set(workers(driver.pid))
        seed, busy = self._occupation(worker)
        # One that was not seen yet imports, or builds: as soon as another one trains, there was work for it, too.
        busy = busy or (not seed and any(self._occupation(other)[0] for other in before))
        killed = time.clock_gettime(time.CLOCK_BOOTTIME)
        kill(worker)
        deaths[seed] += 1
        self.workers += 1
        new: set[int] = set()
        wait_until(lambda: driver.poll() is not None or new.update(set(workers(driver.pid)) - before) or new, 10 * busy)
        if busy and driver.poll() is None:
            self.replaced.append(max(0.0, _born(new.pop()) - killed) if new else 10.0)

    def _mortal(self, driver: int, deaths: Counter[str]) -> list[int]:
        """Return the workers whose death their trials survive. What those do that have no epoch yet is not known."""
        occupied = {worker: self._occupation(worker)[0] for worker in workers(driver)}
        return [worker for worker, seed in occupied.items() if deaths[seed] < (RESTARTS - 1 if seed else 1)]

    def _occupation(self, worker: int) -> tuple[str, bool]:
        """Return the seed of the trial that a worker was last seen with, and whether that had epochs left."""
        seen = [(word, seed, what) for word, seed, what, process in self._lines() if int(process) == worker]
        if not seen:
            return "", False
        seed = seen[-1][1]
        last = max(int(epoch) for word, of, epoch in seen if word == "epoch" and of == seed)
        return seed, last < EPOCHS - 1

    def _lines(self) -> Iterator[tuple[str, str, str, str]]:
        if self.search.log.exists():
            for line in self.search.log.read_text().splitlines():
                word, seed, what, process, _ = line.split()
                yield word, seed, what, process

    def epochs_again(self) -> list[int]:
        """Return, for each time that a training went on in another process, how many epochs were begun again."""
        again, last = [], {}
        for word, seed, epoch, process in self._lines():
            if word != "epoch":
                continue
            before = last.get(seed)
            if before and before[1] != process:
                again.append(before[0] + 1 - int(epoch))
            last[seed] = (int(epoch), process)
        return again


def kill_until_done(folder: Path, seed: int, kills: int, script: Path = LIGHT) -> list[Killing]:
    """Kill so many processes of one search after the other, at most twice as many in each as it has trials."""
    killings: list[Killing] = []
    while left := kills - sum(killing.kills for killing in killings):
        number = len(killings)
        arguments = ["--trials", str(TRIALS), "--epochs", str(EPOCHS), "--seed", str(seed + number)]
        search = Search(folder / str(number) / "home", arguments, script)
        killings.append(Killing(search, random.Random(f"{seed} {number}")))
        killings[-1].run(min(left, 2 * TRIALS))
    return killings


def departures(search: Search) -> list[str]:
    """Return the trials that reported other values than a training would that nobody has interrupted."""
    images = data.load(str(search.home.parent / "images.npz"), cache=search.home / "cache")
    reported = _grouped(
        search.home / "optuna.db",
        "SELECT number, step, intermediate_value FROM trials JOIN trial_intermediate_values USING (trial_id)",
    )
    parameters = _grouped(
        search.home / "mlflow.db",
        "SELECT CAST(tags.value AS INTEGER), params.key, params.value FROM tags JOIN params USING (run_uuid) "
        "WHERE tags.key = 'search.trial'",
    )
    return [
        f"trial {number} reported {reported.get(number)}"
        for number, given in parameters.items()
        if reported.get(number, {}) != dict(enumerate(_uninterrupted(given, images), start=1))
    ]


def _grouped(database: Path, query: str) -> dict[int, dict[Any, Any]]:
    """Return what a query gives of each trial, by name or by step."""
    found: dict[int, dict[Any, Any]] = {}
    for number, name, value in rows(database, query):
        found.setdefault(number, {})[name] = value
    return found


def _uninterrupted(parameters: dict[str, str], images: Images) -> list[float]:
    family = steps.Steps(width=int(parameters["width"]), mood=parameters["mood"], fault=parameters["fault"])
    epochs, seed = int(parameters["epochs"]), int(parameters["seed"])
    values: list[float] = []
    with patch.object(steps, "SECONDS", 0), suppress(Diverged, Infeasible):
        training = family.fit(family.build(images.shape, seed), images, epochs=epochs, seed=seed)
        values.extend(metrics[family.goal.metric] for metrics in training)
    return values


def _born(process: int) -> float:
    """Return when a process was started, in seconds since the machine was."""
    try:
        # The name, in parentheses, may hold spaces.
        after_name = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return int(after_name[19]) / TICKS
