"""What every contender leaves: a line for each epoch of each trial, and its best network so far."""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Epoch:
    """An epoch of a trial, counted from 1, that ended so many seconds after the cold start."""

    seconds: float
    trial: int
    epoch: int
    val_accuracy: float


class Journal:
    """What one process writes; several of one contender write beside each other under different names."""

    def __init__(self, folder: Path, began: float, writer: str = "main") -> None:
        """`began` is the cold start, in seconds since 1970."""
        self._folder, self._began = folder, began
        self._file = folder / f"{writer}.jsonl"
        self._best: Epoch | None = None
        models(folder).mkdir(parents=True, exist_ok=True)

    def add(self, trial: int, epoch: int, val_accuracy: float, save: Callable[[Path], None]) -> None:
        """Take an epoch in; where it is the best of this writer, `save` writes the network to a `.keras` file."""
        entry = Epoch(time.time() - self._began, trial, epoch, val_accuracy)
        if self._best is None or entry.val_accuracy > self._best.val_accuracy:
            partial = self._folder / f"{self._file.stem}-partial.keras"
            save(partial)
            partial.replace(model_file(self._folder, entry))
            if self._best:
                model_file(self._folder, self._best).unlink(missing_ok=True)
            self._best = entry
        write(self._file, [entry])


def models(folder: Path) -> Path:
    """Return where a contender's networks are."""
    return folder / "models"


def model_file(folder: Path, entry: Epoch) -> Path:
    """Return the file of the network as it was after an epoch."""
    return models(folder) / f"{entry.trial:05d}-{entry.epoch:04d}.keras"


def write(file: Path, entries: Iterable[Epoch]) -> None:
    """Add lines to a file."""
    with file.open("a", encoding="utf-8") as stream:
        stream.writelines(json.dumps(asdict(entry)) + "\n" for entry in entries)


def read(folder: Path, budget: float) -> list[Epoch]:
    """Return the epochs of all writers that ended within the budget, in the order of time."""
    lines = [line for file in folder.glob("*.jsonl") for line in file.read_text("utf-8").splitlines() if _whole(line)]
    entries = [Epoch(**json.loads(line)) for line in lines]
    return sorted((entry for entry in entries if entry.seconds <= budget), key=lambda entry: entry.seconds)


def _whole(line: str) -> bool:
    """Whether the writer was not killed in the middle of this line."""
    return line.startswith("{") and line.endswith("}")


def best(entries: Iterable[Epoch], until: float = float("inf")) -> Epoch | None:
    """Return the best epoch up to a moment; of equal ones the earliest."""
    return max((entry for entry in entries if entry.seconds <= until), key=lambda e: e.val_accuracy, default=None)


def seconds_to(entries: Iterable[Epoch], val_accuracy: float) -> float | None:
    """Return when an accuracy was reached first; nothing where it never was."""
    return min((entry.seconds for entry in entries if entry.val_accuracy >= val_accuracy), default=None)
