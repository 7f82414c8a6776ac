"""Searches as processes that can be killed, asked to stop and begun again."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
LIGHT = ROOT / "tests" / "faults" / "light.py"
STUDY = "steps"
# A search that takes longer has hung: the slowest here takes half of it.
PATIENCE = 600.0


def make_images(file: Path) -> Path:
    """Write a data set of three classes."""
    dice = np.random.default_rng(0)
    arrays = {}
    for split, count in (("train", 120), ("test", 30)):
        arrays[f"x_{split}"] = dice.integers(0, 256, (count, 8, 8), dtype=np.uint8)
        arrays[f"y_{split}"] = np.arange(count) % 3
    np.savez(file, **arrays)
    return file


@dataclass
class Search:
    """One command line, run as often as it takes."""

    home: Path
    arguments: Sequence[str] = ()
    script: Path = LIGHT
    seconds: float = 0.1
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        """What the family writes of its epochs."""
        return self.home.parent / "steps.log"

    @property
    def said(self) -> Path:
        """What the searches have said."""
        return self.home.parent / "said.txt"

    def start(self, **environment: str) -> "subprocess.Popen[bytes]":
        """Start it."""
        self.home.parent.mkdir(parents=True, exist_ok=True)
        images = self.home.parent / "images.npz"
        if not images.exists():
            make_images(images)
        command = [sys.executable, str(self.script), "run", "--study", STUDY, "--home", str(self.home)]
        usual = ["--data", str(images), "--fix", "fault=none", "--sampler", "grid", "--pruner", "none"]
        known = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "OPTUNA_"))}
        with self.said.open("ab") as said:
            return subprocess.Popen(
                [*command, *usual, "--baselines", "none", "--workers", "2", *self.arguments],
                cwd=self.home.parent,
                env=known
                | {"PYTHONPATH": str(ROOT), "STEPS_SECONDS": str(self.seconds), "STEPS_LOG": str(self.log)}
                | self.environment
                | environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )

    def finish(self, **environment: str) -> int:
        """Run it to its end, and return its exit code."""
        with self.start(**environment) as process:
            return process.wait(timeout=PATIENCE)

    def epochs_begun(self) -> Counter[tuple[str, str]]:
        """Return how often each epoch of each trial was begun."""
        lines = (line.split() for line in self.log.read_text().splitlines())
        return Counter((seed, epoch) for word, seed, epoch, *_ in lines if word == "epoch")

    def waits(self) -> list[float]:
        """Return the seconds that trainings have waited between two epochs: for a checkpoint and for the driver."""
        lines = (line.split() for line in self.log.read_text().splitlines())
        return [float(seconds) - self.seconds for word, _, seconds, *_ in lines if word == "waited"]


def workers(driver: int) -> list[int]:
    """Return the processes that work for a driver: those that its fork server has forked."""
    return [worker for server in fork_servers(driver) for worker in _children(server)]


def fork_servers(driver: int) -> list[int]:
    """Return the process that forks a driver's workers, as soon as it has begun."""
    found = []
    for child in _children(driver):
        try:
            words = Path(f"/proc/{child}/cmdline").read_bytes()
        except OSError:
            continue
        if b"multiprocessing.forkserver" in words:
            found.append(child)
    return found


def _children(process: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:
        return []


def wait_until(condition: Callable[[], object], seconds: float = 60.0) -> bool:
    """Wait until a condition holds, and return whether it does."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.005)
    return False


def kill(process: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to a process that may be gone."""
    try:
        os.kill(process, number)
    except ProcessLookupError:
        return
