"""A home with a classifier and a Siamese network in it, trained on small images."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from search.cli import call

# Hyperparameters of a network that has learned its classes within seconds.
PINNED = {"optimizer": "adam", "learning_rate": 0.003, "activation": "relu", "dropout": 0.0, "augmentation": "none"}
LEARNING = [word for name, value in PINNED.items() for word in ("--fix", f"{name}={value}")]


@dataclass(frozen=True)
class Home:
    """Where the two were trained, by the studies `mlp` and `siamese`, and on what."""

    folder: Path
    data: Path

    def call(self, *words: object) -> int:
        """Run a command here."""
        return call([*map(str, words), "--home", str(self.folder)])

    def picture(self, file: Path, position: int = 0, array: str = "x_test") -> Path:
        """Write one of the images into a file."""
        with np.load(self.data, allow_pickle=False) as arrays:
            Image.fromarray(arrays[array][position, ..., 0]).save(file)
        return file


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory, bars_file: Path, tensorflow: None) -> Home:
    folder = tmp_path_factory.mktemp("used")
    data = Path(shutil.copy(bars_file, folder / "bars.npz"))
    made = Home(folder / "home", data)
    for study in ("mlp", "siamese"):
        words = ["--trials", 1, "--epochs", 6, "--engine", "inline", "--baselines", "none", "--data", data]
        assert made.call("run", "--study", study, *words, *LEARNING) == 0
    return made
