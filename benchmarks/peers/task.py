"""What a contender is asked to do."""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

from models.data import Images, load

# The most epochs a trial has with every contender: as many as report B trains.
EPOCHS = 20


@dataclass(frozen=True)
class Task:
    """Find a good network of `family` within `budget` seconds of the cold start, `began`, in seconds since 1970."""

    family: str
    budget: float
    seed: int
    folder: Path
    began: float
    images: int | None = None

    @property
    def left(self) -> float:
        """Seconds until the budget is used up."""
        return max(0.0, self.began + self.budget - time.time())

    def load(self) -> Images:
        """Return the images: the same arrays in the same split for everybody."""
        return load(cache=self.folder.parent / "cache", images=self.images)

    def words(self) -> list[str]:
        """Return the task as words on a command line."""
        words = ["--family", self.family, "--budget", str(self.budget), "--seed", str(self.seed)]
        images = ["--images", str(self.images)] if self.images else []
        return [*words, "--out", str(self.folder), "--began", str(self.began), *images]


def parse(words: list[str] | None = None) -> Task:
    """Read a task off the command line."""
    began = time.time()
    parser = argparse.ArgumentParser(description="One contender for itself; benchmarks.time_to_quality runs them all.")
    parser.add_argument("--family", default="mlp", choices=("mlp", "cnn", "lenet5"))
    parser.add_argument("--budget", type=float, default=60.0, help="seconds, the start included")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=int, help="take so many training images")
    parser.add_argument("--out", type=Path, required=True, help="a folder for what it writes")
    parser.add_argument("--began", type=float, default=began, help="the cold start, in seconds since 1970")
    given = parser.parse_args(words)
    given.out.mkdir(parents=True, exist_ok=True)
    return Task(given.family, given.budget, given.seed, given.out.absolute(), given.began, given.images)
