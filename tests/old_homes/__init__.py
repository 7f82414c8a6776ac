"""Homes that other versions of MLflow and Optuna have made, and of this project; `make.py` and `before.py` say how."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from tests.faults.searches import make_images

HOMES: Final = Path(__file__).parent
# Stands for the folder that a home and its images are in.
FOLDER: Final = "@FOLDER@"
# What a home keeps as files.
KEPT: Final = ("artifacts", "checkpoints", "spool")


def restore(name: str, folder: Path) -> Path:
    """Return a home in this folder, as it was when it was made there."""
    kept, home = HOMES / name, folder / "home"
    home.mkdir(parents=True)
    make_images(folder / "images.npz")
    for database in ("mlflow", "optuna"):
        with closing(sqlite3.connect(home / f"{database}.db")) as opened:
            opened.executescript((kept / f"{database}.sql").read_text().replace(FOLDER, str(folder)))
            opened.execute("PRAGMA journal_mode = WAL")
    for place in filter(Path.is_dir, (kept / name for name in KEPT)):
        shutil.copytree(place, home / place.name)
        for file in filter(Path.is_file, (home / place.name).rglob("*")):
            file.write_bytes(file.read_bytes().replace(FOLDER.encode(), str(folder).encode()))
    return home
