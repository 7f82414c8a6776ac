"""A search that was killed goes on in another home, into which it was taken."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.searches import LIGHT, ROOT, STUDY, Search
from tests.faults.stores import violations

pytestmark = pytest.mark.slow

WORKERS = 2


def command(*words: object) -> str:
    known = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "OPTUNA_"))}
    environment = known | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(LIGHT), *map(str, words)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_was_interrupted_goes_on_from_its_last_epoch_in_another_home(tmp_path: Path) -> None:
    search = Search(tmp_path / "home", ["--trials", "4", "--epochs", "4"], seconds=0.02)
    assert search.finish(SEARCH_CRASH_AT="after_report:6") == -signal.SIGKILL
    command("export", STUDY, "--home", search.home, "--out", tmp_path / "a.zip")
    # On the other machine, the images are somewhere else, too.
    shutil.rmtree(search.home)
    (tmp_path / "images.npz").unlink()
    moved = Search(tmp_path / "another" / "home", search.arguments, seconds=0.02)
    command("import", tmp_path / "a.zip", "--home", moved.home)
    assert moved.finish() == 0
    assert violations(moved.home, STUDY, 4) == []
    assert "nothing is wrong" in command("doctor", "--home", moved.home)
    # No epoch was trained again but those that were under way.
    begun = search.epochs_begun() + moved.epochs_begun()
    assert sum(times - 1 for times in begun.values()) <= WORKERS
