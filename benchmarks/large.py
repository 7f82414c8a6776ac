"""A study made large: what is recorded of its first trials, copied in both stores."""

import os
import shutil
import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from search.problem.settings import Place
from search.store import storage
from search.store.attributes import RUN_ID, TRIAL_TAG, run_name
from tracking import KEY_TAG

# Tables of both stores, and by which column of a copy their rows are found.
OPTUNA = dict.fromkeys(
    ("trials", "trial_values", "trial_params", "trial_user_attributes", "trial_intermediate_values"),
    ("trial_id", "trial"),
)
MLFLOW = {
    "logged_models": ("source_run_id", "run"),
    "inputs": ("destination_id", "run"),
    **dict.fromkeys(("runs", "tags", "params", "metrics", "latest_metrics"), ("run_uuid", "run")),
    **dict.fromkeys(("logged_model_params", "logged_model_tags", "logged_model_metrics"), ("model_id", "model")),
}


def grow(home: Path, name: str, first: int, trials: int) -> None:
    """Copy what is recorded of a study's first trials, so many, until it has as many trials as asked for."""
    with storage.reading(Place.at(home, None, None).storage) as store:
        study = storage.load(store, name)
        there, key = study.get_trials(deepcopy=False), study.user_attrs["uuid"]
    # The few whose runs were named late are known to the study, and not to themselves.
    patterns = [trial for trial in there[:first] if RUN_ID in trial.user_attrs]
    with closing(sqlite3.connect(home / "mlflow.db")) as database:
        models = dict(database.execute("SELECT source_run_id, model_id FROM logged_models"))
    copies, folder = [], home / "artifacts" / name
    for number in range(len(there), trials):
        pattern = patterns[number % len(patterns)]
        run = pattern.user_attrs[RUN_ID]
        # As they are named in the table of copies: what a row is found by, what stands in it, what is put for that.
        old = {
            "trial": pattern.number + 1,
            "run": run,
            "model": models.get(run),
            "name": run_name(name, pattern.number),
        }
        new = {"run": uuid.uuid4().hex, "model": f"m-{uuid.uuid4().hex}", "name": run_name(name, number)}
        copies.append((*old.values(), number, *new.values(), f"{key}/{number}"))
        _link(folder / run, folder / new["run"])
        _link(folder / "models" / str(old["model"]), folder / "models" / new["model"])
    _copy(home / "optuna.db", OPTUNA, copies)
    _copy(home / "mlflow.db", MLFLOW, copies)


def _link(folder: Path, copy: Path) -> None:
    """Copy a folder in links: nothing that is in it is changed."""
    if folder.is_dir():
        shutil.copytree(folder, copy, copy_function=os.link)


def _copy(file: Path, tables: Mapping[str, tuple[str, str]], copies: Sequence[tuple[object, ...]]) -> None:
    """Copy rows, each with the names of the copy in it."""
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(
            "CREATE TEMPORARY TABLE copies (trial, run, model, name, number, new_run, new_model, new_name, new_key)"
        )
        database.executemany("INSERT INTO copies VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", copies)
        for table, (owner, found_by) in tables.items():
            columns = [(name, kind) for _, name, kind, *_ in database.execute(f"PRAGMA table_info({table})")]
            if table.startswith("trial_"):
                # The number of the row itself, which SQLite gives.
                del columns[0]
            names = ", ".join(f'"{name}"' for name, _ in columns)
            values = ", ".join(_value(table, name, kind) for name, kind in columns)
            rows = f"copies JOIN {table} ON copies.{found_by} = {table}.{owner}"
            database.execute(f"INSERT INTO {table} ({names}) SELECT {values} FROM {rows}")  # noqa: S608  # names of columns
        if "tags" in tables:
            database.execute("CREATE UNIQUE INDEX temp.of_run ON copies (new_run)")
            for key, update in (
                (KEY_TAG, "UPDATE tags SET value = copies.new_key FROM copies WHERE run_uuid = new_run AND key = ?"),
                (TRIAL_TAG, "UPDATE tags SET value = copies.number FROM copies WHERE run_uuid = new_run AND key = ?"),
            ):
                database.execute(update, (key,))


def _value(table: str, name: str, kind: str) -> str:
    """Return what a column of a copied row holds, as SQL."""
    if name == "trial_id":
        return "copies.number + 1"
    if name == "number":
        return "copies.number"
    value = f'{table}."{name}"'
    if not kind.startswith(("VARCHAR", "TEXT")):
        return value
    for old in ("run", "model", "name"):
        value = f"replace({value}, coalesce(copies.{old}, ''), copies.new_{old})"
    return value
