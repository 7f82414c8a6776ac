"""What must hold between the two stores, asked of them in SQL: nothing of the project is imported here."""

import json
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

AGREE = {"COMPLETE": "FINISHED", "PRUNED": "FINISHED", "FAIL": "FAILED", "RUNNING": "SCHEDULED"}
REQUIRED = {"confusion/test.json", "confusion/validation.png", "curves.png", "predictions/test.csv"}


def rows(database: Path, query: str, *values: object) -> list[tuple[Any, ...]]:
    """Return what a query gives."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return connection.execute(query, values).fetchall()


def violations(home: Path, study: str, trials: int, goal: str = "val_accuracy") -> list[str]:
    """Return what is wrong with a study of which no driver is alive, in words; nothing where all is well."""
    optuna, mlflow = home / "optuna.db", home / "mlflow.db"
    found = [
        f"{database.name}: {text}"
        for database in (optuna, mlflow)
        for (text,) in rows(database, "PRAGMA integrity_check")
        if text != "ok"
    ]
    ((study_id,),) = rows(optuna, "SELECT study_id FROM studies WHERE study_name = ?", study)
    attributes = dict(rows(optuna, "SELECT key, value_json FROM study_user_attributes WHERE study_id = ?", study_id))
    uuid = json.loads(attributes["uuid"])
    started = rows(
        optuna, "SELECT trial_id, number, state FROM trials WHERE study_id = ? AND state != 'WAITING'", study_id
    )
    # What was drawn and could not be trained is none of those asked for.
    reasons = "SELECT trial_id FROM trial_user_attributes WHERE key = 'reason' AND value_json LIKE '\"infeasible%'"
    infeasible = {trial for (trial,) in rows(optuna, reasons)}
    over = [trial for trial, _, state in started if state != "RUNNING"]
    finished = len(set(over) - infeasible)
    if finished != trials:
        found.append(f"{finished} trials are finished, {trials} were asked for")
    runs = rows(
        mlflow,
        "SELECT run_uuid, runs.status, value FROM runs JOIN tags USING (run_uuid) "
        "WHERE key = 'search.key' AND lifecycle_stage = 'active'",
    )
    counts = Counter(key for _, _, key in runs)
    keys = {f"{uuid}/{number}" for _, number, _ in started}
    # It is written when a search ends in good order.
    own = f"{uuid}/study"
    found += [f"{key} has {counts[key]} runs" for key in keys if counts[key] != 1]
    found += [f"the study has {counts[own]} runs of its own" for _ in range(counts[own] > 1)]
    found += [f"{key} has a run, and is no trial" for key in counts if key.startswith(uuid) and key not in {*keys, own}]
    by_key = {key: (run, status) for run, status, key in runs}
    for trial, number, state in started:
        if f"{uuid}/{number}" in by_key:
            run, status = by_key[f"{uuid}/{number}"]
            late = attributes.get(f"mlflow_run_id:{number}", "null")
            found += _of_trial(optuna, mlflow, trial, state, run, status, goal, json.loads(late))
    found += [
        f"{key} of {run} stands {count} times at step {step}"
        for run, key, step, count in rows(
            mlflow, "SELECT run_uuid, key, step, count(*) FROM metrics GROUP BY 1, 2, 3 HAVING count(*) > 1"
        )
    ]
    if len(over) == len(started):
        found += [f"{rest} was left" for folder in ("spool", f"checkpoints/{study}") for rest in _in(home / folder)]
    return found


def models(home: Path) -> set[int]:
    """Return the trials of the only study whose models are on the disk."""
    found = rows(
        home / "mlflow.db",
        "SELECT tags.value, artifact_location FROM logged_models JOIN tags ON source_run_id = run_uuid "
        "WHERE key = 'search.trial'",
    )
    return {int(number) for number, place in found if Path(place.removeprefix("file://")).exists()}


def best(home: Path, count: int) -> set[int]:
    """Return the trials of the only study that have come to most."""
    values = rows(
        home / "optuna.db", "SELECT number FROM trials JOIN trial_values USING (trial_id) ORDER BY value DESC"
    )
    return {number for (number,) in values[:count]}


def _of_trial(
    optuna: Path, mlflow: Path, trial: int, state: str, run: str, status: str, goal: str, late: str | None
) -> list[str]:
    found = []
    tags = dict(rows(mlflow, "SELECT key, value FROM tags WHERE run_uuid = ?", run))
    attributes = {
        key: json.loads(value)
        for key, value in rows(optuna, "SELECT key, value_json FROM trial_user_attributes WHERE trial_id = ?", trial)
    }
    if AGREE[state] != status or tags["search.state"] != state:
        found.append(f"trial {trial} is {state}, its run {status} and tagged {tags['search.state']}")
    if attributes.get("mlflow_run_id", late) != run:
        found.append(f"trial {trial} does not name its run")
    if attributes.get("reason") != tags.get("search.reason"):
        found.append(f"trial {trial} ended for {attributes.get('reason')}, its run for {tags.get('search.reason')}")
    reported = dict(
        rows(optuna, "SELECT step, intermediate_value FROM trial_intermediate_values WHERE trial_id = ?", trial)
    )
    logged = dict(rows(mlflow, "SELECT step, value FROM metrics WHERE run_uuid = ? AND key = ?", run, goal))
    if reported != logged or sorted(reported) != list(range(1, len(reported) + 1)):
        found.append(f"trial {trial} reported {reported}, its run has {logged}")
    for name, step_count in rows(
        mlflow,
        "SELECT key, count(*) FROM metrics WHERE run_uuid = ? AND key IN ('loss', 'val_loss', 'seconds') GROUP BY 1",
        run,
    ):
        if step_count != len(reported):
            found.append(f"trial {trial} has {step_count} values of {name} in {len(reported)} epochs")
    parameters = dict(rows(mlflow, "SELECT key, value FROM params WHERE run_uuid = ?", run))
    drawn = rows(
        optuna, "SELECT param_name, param_value, distribution_json FROM trial_params WHERE trial_id = ?", trial
    )
    found += [
        f"trial {trial} drew {name} {_external(value, distribution)}, its run has {parameters.get(name)}"
        for name, value, distribution in drawn
        if parameters.get(name) != str(_external(value, distribution))
    ]
    if state == "COMPLETE":
        found += _of_result(optuna, mlflow, trial, run, goal)
    return found


def _of_result(optuna: Path, mlflow: Path, trial: int, run: str, goal: str) -> list[str]:
    found = []
    ((value,),) = rows(optuna, "SELECT value FROM trial_values WHERE trial_id = ?", trial)
    metrics = dict(rows(mlflow, "SELECT key, value FROM latest_metrics WHERE run_uuid = ?", run))
    if metrics.get(f"best_{goal}") != value:
        found.append(f"trial {trial} has the value {value!r}, its run {metrics.get(f'best_{goal}')!r}")
    ((address,),) = rows(mlflow, "SELECT artifact_uri FROM runs WHERE run_uuid = ?", run)
    if address.startswith("file://"):
        folder = Path(address.removeprefix("file://"))
        found += [f"trial {trial} lacks {name}" for name in sorted(REQUIRED) if not (folder / name).is_file()]
    models = rows(mlflow, "SELECT model_id, status FROM logged_models WHERE source_run_id = ?", run)
    if len(models) != 1 or models[0][1] not in ("READY", 2):
        found.append(f"trial {trial} has the models {models}")
    return found


def _external(value: float, distribution: str) -> object:
    described = json.loads(distribution)
    if described["name"] == "CategoricalDistribution":
        return described["attributes"]["choices"][int(value)]
    return int(value) if described["name"] == "IntDistribution" else value


def _in(folder: Path) -> list[str]:
    return [str(place) for place in sorted(folder.rglob("*"))]
