"""Makes a home with this project as it was at a commit, and keeps it as text: `python -m tests.old_homes.before`.

Its three studies hold what a later version has to go on with: trials that ended in every way, some whose driver was
killed under them, a bracket that waits at its rung, and a model that was confirmed.
"""

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Final

from tests.faults.searches import ROOT, make_images
from tests.old_homes import HOMES
from tests.old_homes.make import keep

COMMIT: Final = "de12d60"
NAME: Final = f"search-{COMMIT}"
FIRST: Final = "SELECT params.key, params.value FROM params JOIN tags USING (run_uuid) WHERE tags.value = ?"


def make() -> None:
    """Search with the project as it was then, and keep what comes of it."""
    with tempfile.TemporaryDirectory() as made:
        then, folder = Path(made) / "then", Path(made) / "searched"
        subprocess.run(["git", "worktree", "add", "--detach", then, COMMIT], check=True, cwd=ROOT)
        try:
            folder.mkdir()
            make_images(folder / "images.npz")
            search(then, folder)
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", then], check=True, cwd=ROOT)
        forget_the_machine(folder / "home" / "optuna.db")
        keep(folder, HOMES / NAME)


def search(then: Path, folder: Path) -> None:
    """Search, and let two of the searches be killed in the middle."""
    ends = ("ends", "--epochs", "4")
    # These come to two that are complete, two that are pruned, one that is infeasible and one that fails.
    run(then, folder, *ends, "--trials", "6")
    run(then, folder, *ends, "--trials", "7", "--fix", configuration(folder / "home"))
    run(then, folder, *ends, "--trials", "9", "--fix", "mood=well", "--pruner", "none", crash="after_report:3")
    # Two wait at their rung then, and the one that they wait for has just come there.
    halving = ("--pruner", "halving", "--epochs", "3", "--fix", "mood=well")
    run(then, folder, "waits", "--trials", "6", *halving, crash="after_report:3")
    run(then, folder, "kept", "--epochs", "2", "--trials", "3", "--keep", "1", "--fix", "mood=well")
    call(then, folder, "confirm", "kept", "--top", "1", "--seeds", "2")


def run(then: Path, folder: Path, study: str, *words: str, crash: str = "") -> None:
    usual = ("--family", "steps", "--data", str(folder / "images.npz"), "--baselines", "none", "--sampler", "random")
    call(then, folder, "run", "--study", study, *usual, "--fix", "fault=none", *words, crash=crash)


def call(then: Path, folder: Path, *words: str, crash: str = "") -> None:
    surroundings = {"PYTHONPATH": str(then), "STEPS_SECONDS": "0", "SEARCH_CRASH_AT": crash}
    script = then / "tests" / "faults" / "light.py"
    command = [sys.executable, script, *words, "--home", "home", "--engine", "inline"]
    ended = subprocess.run(command, cwd=folder, env=os.environ | surroundings, check=False)
    assert (ended.returncode != 0) == bool(crash), words


def configuration(home: Path) -> str:
    """Return the hyperparameters of the first trial, as `--fix` takes them."""
    with closing(sqlite3.connect(home / "optuna.db")) as database:
        ((uuid,),) = database.execute("SELECT value_json FROM study_user_attributes WHERE key = 'uuid'")
    with closing(sqlite3.connect(home / "mlflow.db")) as database:
        found = dict(database.execute(FIRST, [f"{json.loads(uuid)}/0"]))
    return f"width={found['width']},mood={found['mood']}"


def forget_the_machine(optuna: Path) -> None:
    """Let the claims of the killed be those of another machine that was heard of long ago."""
    update = "UPDATE study_user_attributes SET value_json = ? WHERE "
    with closing(sqlite3.connect(optuna)) as database, database:
        claims = database.execute("SELECT study_id, value_json FROM study_user_attributes WHERE key = 'held_by'")
        for study, claim in claims.fetchall():
            elsewhere = json.dumps(json.loads(claim) | {"host": "elsewhere", "machine": ""})
            database.execute(f"{update} key = 'held_by' AND study_id = ?", (elsewhere, study))
        database.execute(f"{update} key = 'held_by_heard'", ("1.0",))


if __name__ == "__main__":
    make()
