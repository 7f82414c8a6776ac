"""What can be wrong in a home, made wrong on purpose: by SQL and on files, past everything that keeps them right.

`BREAKS` names each by the invariant that it breaks. `needs` is the kind of trial that it is made on; `apply` makes it
on one, by default the first of that kind.
"""

import json
import shutil
import sqlite3
import uuid
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tracking.run import Status
from tracking.spool import Spool

Kind = Literal["complete", "pruned", "infeasible", "failed", "over", "trained", "open", "begun", "waiting", "study"]
# The kinds, as conditions on Optuna's table of trials.
INFEASIBLE = "trial_id IN (SELECT trial_id FROM trial_user_attributes WHERE value_json LIKE '\"infeasible%')"
CONDITIONS: dict[Kind, str] = {
    "complete": "state = 'COMPLETE'",
    "pruned": f"state = 'PRUNED' AND NOT {INFEASIBLE}",
    "infeasible": f"state = 'PRUNED' AND {INFEASIBLE}",
    "failed": "state = 'FAIL' AND datetime_start IS NOT NULL",
    "over": "state IN ('COMPLETE', 'PRUNED', 'FAIL') AND datetime_start IS NOT NULL",
    "trained": f"state IN ('COMPLETE', 'PRUNED') AND NOT {INFEASIBLE}",
    "open": "state = 'RUNNING'",
    # Open, and an epoch is done.
    "begun": "state = 'RUNNING' AND trial_id IN (SELECT trial_id FROM trial_intermediate_values)",
    "waiting": "state = 'WAITING'",
}


class Home:
    """Both databases and the files of one study, open to any change."""

    def __init__(self, folder: Path, study: str = "mlp") -> None:
        self.folder, self.study = folder, study

    def optuna(self, statement: str, *values: Any) -> list[Any]:
        return run(self.folder / "optuna.db", statement, *values)

    def mlflow(self, statement: str, *values: Any) -> list[Any]:
        return run(self.folder / "mlflow.db", statement, *values)

    @property
    def id(self) -> int:
        ((found,),) = self.optuna("SELECT study_id FROM studies WHERE study_name = ?", self.study)
        return int(found)

    @property
    def uuid(self) -> str:
        ((found,),) = self.optuna(
            "SELECT value_json FROM study_user_attributes WHERE study_id = ? AND key = 'uuid'", self.id
        )
        return str(json.loads(found))

    def key(self, number: int) -> str:
        return f"{self.uuid}/{number}"

    def numbers(self, kind: Kind) -> list[int]:
        found = self.optuna(
            f"SELECT number FROM trials WHERE study_id = ? AND {CONDITIONS[kind]} ORDER BY number", self.id
        )
        return [number for (number,) in found]

    def trial(self, number: int) -> int:
        ((found,),) = self.optuna("SELECT trial_id FROM trials WHERE study_id = ? AND number = ?", self.id, number)
        return int(found)

    def run(self, number: int) -> str:
        """Return the id of a trial's run."""
        key = self.key(number)
        return str(self.mlflow("SELECT run_uuid FROM tags WHERE key = 'search.key' AND value = ?", key)[0][0])

    def artifact(self, number: int, name: str) -> Path:
        return self.folder / "artifacts" / self.study / self.run(number) / "artifacts" / name

    def model(self, number: int) -> Path:
        """Return the file of a trial's model."""
        (found,) = self.mlflow("SELECT artifact_location FROM logged_models WHERE source_run_id = ?", self.run(number))
        return Path(str(found[0]).removeprefix("file://")) / "data" / "model.keras"

    def another_run(self, key: str | None) -> str:
        """Make a run with this key that looks like one of the others, and return its id."""
        copy = self.copy(str(self.mlflow("SELECT run_uuid FROM runs ORDER BY start_time")[0][0]), later=5000)
        self.mlflow("DELETE FROM tags WHERE key = 'search.key' AND run_uuid = ?", copy)
        if key:
            self.mlflow("INSERT INTO tags (key, value, run_uuid) VALUES ('search.key', ?, ?)", key, copy)
        return copy

    def own_run(self) -> str:
        """Return the run of the study itself."""
        ((run,),) = self.mlflow(
            "SELECT run_uuid FROM tags WHERE key = 'search.key' AND value = ?", f"{self.uuid}/study"
        )
        return str(run)

    def copy(self, run: str, later: int) -> str:
        """Make another run that began so many milliseconds later, and return its id."""
        copy = uuid.uuid4().hex
        columns = [name for (_, name, *_) in self.mlflow("PRAGMA table_info(runs)")]
        values = ["?" if c == "run_uuid" else f"start_time + {later}" if c == "start_time" else c for c in columns]
        self.mlflow(f"INSERT INTO runs SELECT {', '.join(values)} FROM runs WHERE run_uuid = ?", copy, run)
        self.mlflow("INSERT INTO tags SELECT key, value, ? FROM tags WHERE run_uuid = ?", copy, run)
        return copy


def run(file: Path, statement: str, *values: Any) -> list[Any]:
    with closing(sqlite3.connect(file, timeout=60, isolation_level=None)) as database:
        return database.execute(statement, values).fetchall()


@dataclass(frozen=True)
class Break:
    """`mended` is whether the doctor can mend it; else a person has to."""

    id: str
    needs: Kind
    make: Callable[[Home, int], object]
    mended: bool = True


BREAKS: dict[str, Break] = {}


def breaks(name: str, needs: Kind, *, mended: bool = True) -> Callable[[Callable[[Home, int], object]], Any]:
    def named(make: Callable[[Home, int], object]) -> Callable[[Home, int], object]:
        BREAKS[name] = Break(name.partition(" ")[0], needs, make, mended)
        return make

    return named


def apply(folder: Path, name: str, number: int | None = None, study: str = "mlp") -> int | None:
    """Break a home, and return the number of the trial that is wrong now; None where it is the study."""
    home, chosen = Home(folder, study), BREAKS[name]
    if chosen.needs == "study":
        chosen.make(home, -1)
        return None
    target = home.numbers(chosen.needs)[0] if number is None else number
    made = chosen.make(home, target)
    return made if isinstance(made, int) else target


RUNS_TABLES = ("tags", "metrics", "latest_metrics", "params", "runs")


@breaks("I1 the run is gone", "over")
def _(home: Home, number: int) -> None:
    run = home.run(number)
    for table in RUNS_TABLES:
        home.mlflow(f"DELETE FROM {table} WHERE run_uuid = ?", run)


@breaks("I1 the run was deleted in the user interface", "trained")
def _(home: Home, number: int) -> None:
    home.mlflow("UPDATE runs SET lifecycle_stage = 'deleted' WHERE run_uuid = ?", home.run(number))


@breaks("I1 the run of an open trial is gone", "begun")
def _(home: Home, number: int) -> None:
    run = home.run(number)
    for table in RUNS_TABLES:
        home.mlflow(f"DELETE FROM {table} WHERE run_uuid = ?", run)


@breaks("I1 the run is there twice", "over")
def _(home: Home, number: int) -> None:
    home.copy(home.run(number), later=1000)


@breaks("I1 the run is there three times, and is the last", "over")
def _(home: Home, number: int) -> None:
    home.copy(home.run(number), later=-1000)
    home.copy(home.run(number), later=-2000)


@breaks("I1 the run of an open trial is there twice", "open")
def _(home: Home, number: int) -> None:
    home.mlflow("UPDATE runs SET status = 'RUNNING' WHERE run_uuid = ?", home.copy(home.run(number), later=-1000))


@breaks("I1 the trial names no run", "over")
def _(home: Home, number: int) -> None:
    _forget(home, number)


@breaks("I1 the trial names another run", "over")
def _(home: Home, number: int) -> None:
    _name(home, number, "0" * 32)


@breaks("I1 the open trial names another run", "open")
def _(home: Home, number: int) -> None:
    _name(home, number, "0" * 32)


def _forget(home: Home, number: int) -> None:
    """Remove the name of a trial's run, from the study as well, where it stands if it was learnt late."""
    home.optuna("DELETE FROM trial_user_attributes WHERE key = 'mlflow_run_id' AND trial_id = ?", home.trial(number))
    late = f"mlflow_run_id:{number}"
    home.optuna("DELETE FROM study_user_attributes WHERE key = ? AND study_id = ?", late, home.id)


def _name(home: Home, number: int, run: str) -> None:
    _forget(home, number)
    home.optuna(
        "INSERT INTO trial_user_attributes (trial_id, key, value_json) VALUES (?, 'mlflow_run_id', ?)",
        home.trial(number),
        json.dumps(run),
    )


@breaks("I1 the study's own run is there twice", "study")
def _(home: Home, _number: int) -> None:
    home.copy(home.own_run(), later=1000)


@breaks("I2 a run without a key", "study")
def _(home: Home, _number: int) -> None:
    home.another_run(None)


@breaks("I2 a run of a trial that is not there", "study")
def _(home: Home, _number: int) -> None:
    home.another_run(home.key(99999))


@breaks("I2 a run of another study of the same name", "study")
def _(home: Home, _number: int) -> None:
    home.another_run(f"{uuid.uuid4().hex}/0")


@breaks("I2 the experiment is another study's", "study")
def _(home: Home, _number: int) -> None:
    home.mlflow("UPDATE experiment_tags SET value = 'other' WHERE key = 'search.study_uuid' AND value = ?", home.uuid)


def _status(name: str, needs: Kind, status: str) -> None:
    @breaks(name, needs)
    def _(home: Home, number: int) -> None:
        home.mlflow("UPDATE runs SET status = ? WHERE run_uuid = ?", status, home.run(number))


_status("I3 the run is RUNNING, the trial is over", "over", "RUNNING")
_status("I3 the run is KILLED, the trial complete", "complete", "KILLED")
_status("I3 the run is FINISHED, the trial failed", "failed", "FINISHED")
_status("I3 the run is SCHEDULED, the trial infeasible", "infeasible", "SCHEDULED")
_status("I3 the run is FAILED, the trial open", "open", "FAILED")
_status("I5 the run is RUNNING, and nobody searches", "open", "RUNNING")


@breaks("I3 the run says another state", "pruned")
def _(home: Home, number: int) -> None:
    _tag(home, number, "search.state", "COMPLETE")


@breaks("I3 the run says another reason", "failed")
def _(home: Home, number: int) -> None:
    _tag(home, number, "search.reason", "the cat did it")


@breaks("I3 a run of a trial that waits", "waiting")
def _(home: Home, number: int) -> None:
    home.another_run(home.key(number))


def _tag(home: Home, number: int, name: str, text: str) -> None:
    home.mlflow("UPDATE tags SET value = ? WHERE key = ? AND run_uuid = ?", text, name, home.run(number))


def _untold(kind: Kind) -> None:
    @breaks(f"I4 Optuna was not told that a trial is {kind}", kind)
    def _(home: Home, number: int) -> None:
        trial = home.trial(number)
        home.optuna("UPDATE trials SET state = 'RUNNING', datetime_complete = NULL WHERE trial_id = ?", trial)
        home.optuna("DELETE FROM trial_values WHERE trial_id = ?", trial)


for _kind in ("complete", "pruned", "infeasible", "failed"):
    _untold(_kind)  # type: ignore[arg-type]  # each is a kind


@breaks("I6 Optuna has another objective", "complete")
def _(home: Home, number: int) -> None:
    home.optuna("UPDATE trial_values SET value = value + 1e-12 WHERE trial_id = ?", home.trial(number))


@breaks("I6 the run has another result", "trained")
def _(home: Home, number: int) -> None:
    for table in ("metrics", "latest_metrics"):
        home.mlflow(
            f"UPDATE {table} SET value = value + 1e-12 WHERE key = 'best_val_accuracy' AND run_uuid = ?",
            home.run(number),
        )


@breaks("I6 the run lacks a result", "trained")
def _(home: Home, number: int) -> None:
    for table in ("metrics", "latest_metrics"):
        home.mlflow(f"DELETE FROM {table} WHERE key = 'test_accuracy' AND run_uuid = ?", home.run(number))


@breaks("I6 the confusion matrix counts otherwise", "trained")
def _(home: Home, number: int) -> None:
    file = home.artifact(number, "confusion/test.json")
    found = json.loads(file.read_text())
    found["counts"][0][0] += 1
    file.write_text(json.dumps(found))


@breaks("I7 the run has another parameter", "over")
def _(home: Home, number: int) -> None:
    home.mlflow("UPDATE params SET value = '0.5' WHERE key = 'learning_rate' AND run_uuid = ?", home.run(number))


@breaks("I7 the run lacks a parameter", "over")
def _(home: Home, number: int) -> None:
    home.mlflow("DELETE FROM params WHERE key = 'learning_rate' AND run_uuid = ?", home.run(number))


@breaks("I7 a parameter is outside the space", "over")
def _(home: Home, number: int) -> None:
    home.optuna(
        "UPDATE trial_params SET param_value = 7.5 WHERE param_name = 'learning_rate' AND trial_id = ?",
        home.trial(number),
    )


STEP = "key = 'val_accuracy' AND step = ? AND run_uuid = ?"


@breaks("I8 the run lacks an epoch", "trained")
def _(home: Home, number: int) -> None:
    home.mlflow(f"DELETE FROM metrics WHERE {STEP}", 1, home.run(number))


@breaks("I8 the run lacks all epochs", "trained")
def _(home: Home, number: int) -> None:
    for table in ("metrics", "latest_metrics"):
        home.mlflow(f"DELETE FROM {table} WHERE key = 'val_accuracy' AND run_uuid = ?", home.run(number))


@breaks("I8 an epoch has another value in the run", "trained")
def _(home: Home, number: int) -> None:
    home.mlflow(f"UPDATE metrics SET value = value + 1e-12 WHERE {STEP}", 1, home.run(number))


@breaks("I8 an epoch stands twice in the run", "trained")
def _(home: Home, number: int) -> None:
    home.mlflow(
        "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) "
        f"SELECT key, value, timestamp + 1, run_uuid, step, is_nan FROM metrics WHERE {STEP}",
        1,
        home.run(number),
    )


@breaks("I8 an epoch stands in the run alone", "trained")
def _(home: Home, number: int) -> None:
    home.optuna(
        "DELETE FROM trial_intermediate_values WHERE step = 1 AND trial_id = ?",
        home.trial(number),
    )


@breaks("I9 a picture is gone", "trained")
def _(home: Home, number: int) -> None:
    home.artifact(number, "confusion/test.png").unlink()


@breaks("I9 the counts are torn", "trained")
def _(home: Home, number: int) -> None:
    file = home.artifact(number, "confusion/validation.json")
    file.write_bytes(file.read_bytes()[:-20])


@breaks("I9 the model is gone", "trained")
def _(home: Home, number: int) -> None:
    home.model(number).unlink()


@breaks("I9 the model is another", "trained")
def _(home: Home, number: int) -> None:
    home.model(number).write_bytes(b"code")


@breaks("I9 the model was deleted in the user interface", "trained")
def _(home: Home, number: int) -> None:
    _delete_model(home, number)


@breaks("I9 the removal of a model was cut short", "trained")
def _(home: Home, number: int) -> None:
    _say_removed(home, number)
    shutil.rmtree(home.model(number).parents[1])


@breaks("I9 Optuna was not told that a model was removed", "trained")
def _(home: Home, number: int) -> None:
    _say_removed(home, number)
    shutil.rmtree(home.model(number).parents[1])
    _delete_model(home, number)
    home.mlflow("DELETE FROM tags WHERE key = 'search.model' AND run_uuid = ?", home.run(number))


@breaks("I9 Optuna says that a model was removed that is there", "trained")
def _(home: Home, number: int) -> None:
    home.optuna(
        "INSERT INTO study_user_attributes (study_id, key, value_json) VALUES (?, ?, '\"today\"')",
        home.id,
        f"model_removed:{number}",
    )


def _delete_model(home: Home, number: int) -> None:
    home.mlflow("UPDATE logged_models SET lifecycle_stage = 'deleted' WHERE source_run_id = ?", home.run(number))


def _say_removed(home: Home, number: int) -> None:
    home.mlflow("INSERT INTO tags (key, value, run_uuid) VALUES ('search.model_removed', 'today', ?)", home.run(number))


@breaks("I10 a baseline waits twice", "waiting")
def _(home: Home, number: int) -> int:
    """Put it in line again, as a second driver would."""
    ((new,),) = home.optuna("SELECT MAX(number) + 1 FROM trials WHERE study_id = ?", home.id)
    home.optuna("INSERT INTO trials (number, study_id, state) VALUES (?, ?, 'WAITING')", new, home.id)
    _call(home, number, new)
    return int(new)


@breaks("I10 a baseline waits that was run", "waiting")
def _(home: Home, number: int) -> None:
    _call(home, _begun_baseline(home), number)


@breaks("I10 a baseline was run twice", "failed")
def _(home: Home, number: int) -> None:
    _call(home, _begun_baseline(home), number)


def _begun_baseline(home: Home) -> int:
    found = home.optuna(
        "SELECT MIN(number) FROM trials JOIN trial_user_attributes USING (trial_id) "
        "WHERE study_id = ? AND key = 'baseline' AND state != 'WAITING'",
        home.id,
    )
    return int(found[0][0])


def _call(home: Home, number: int, other: int) -> None:
    """Call another trial by the name of the baseline that a trial is."""
    other_id = home.trial(other)
    home.optuna("DELETE FROM trial_user_attributes WHERE key IN ('baseline', 'epochs') AND trial_id = ?", other_id)
    home.optuna(
        "INSERT INTO trial_user_attributes (trial_id, key, value_json) "
        "SELECT ?, key, value_json FROM trial_user_attributes WHERE key IN ('baseline', 'epochs') AND trial_id = ?",
        other_id,
        home.trial(number),
    )


@breaks("I11 fewer trials were asked for", "study")
def _(home: Home, _number: int) -> None:
    home.optuna("UPDATE study_user_attributes SET value_json = '1' WHERE key = 'asked_for' AND study_id = ?", home.id)


def _identity(name: str, part: str) -> None:
    @breaks(name, "study", mended=False)
    def _(home: Home, _number: int) -> None:
        home.optuna(
            f"UPDATE study_user_attributes SET value_json = json_set(value_json, '$.{part}', 'other') "
            "WHERE key = 'identity' AND study_id = ?",
            home.id,
        )


_identity("I12 the space was another", "space")
_identity("I12 the goal was another", "goal")


@breaks("I12 a trial was trained on other images", "over", mended=False)
def _(home: Home, number: int) -> None:
    columns = [name for (_, name, *_) in home.mlflow("PRAGMA table_info(datasets)")]
    other = uuid.uuid4().hex
    values = ["?" if c == "dataset_uuid" else "'other'" if c == "digest" else c for c in columns]
    home.mlflow(f"INSERT INTO datasets SELECT {', '.join(values)} FROM datasets LIMIT 1", other)
    home.mlflow("UPDATE inputs SET source_id = ? WHERE destination_id = ?", other, home.run(number))


@breaks("I13 MLflow's database blocks its readers", "study")
def _(home: Home, _number: int) -> None:
    home.mlflow("PRAGMA journal_mode = DELETE")


@breaks("I13 Optuna's database blocks its readers", "study")
def _(home: Home, _number: int) -> None:
    home.optuna("PRAGMA journal_mode = DELETE")


def _spooled(home: Home, number: int) -> Any:
    """Begin to record a trial's run once more, in the spool."""
    spool = Spool(home.folder / "spool")
    return spool.run(home.study, home.key(number), f"{home.study}-{number:04d}", {}, written=lambda: None)


@breaks("I14 a run that is over waits", "complete")
def _(home: Home, number: int) -> None:
    run = _spooled(home, number)
    run.set_tags({"search.state": "COMPLETE"})
    run.finish(Status.FINISHED)


@breaks("I14 a run that is over waits, and its end was lost", "complete")
def _(home: Home, number: int) -> None:
    _spooled(home, number).set_tags({"search.state": "COMPLETE"})


@breaks("I14 the run of an open trial waits", "open")
def _(home: Home, number: int) -> None:
    _spooled(home, number).log_metrics({"val_loss": 0.25}, step=1)


@breaks("I14 the run of an open trial waits, torn", "open")
def _(home: Home, number: int) -> None:
    _spooled(home, number).log_metrics({"val_loss": 0.25}, step=1)
    journal = home.folder / "spool" / home.key(number).replace("/", "-") / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-9])


@breaks("I14 a folder of the spool without a journal", "study")
def _(home: Home, _number: int) -> None:
    (home.folder / "spool" / f"{home.uuid}-7").mkdir()
    (home.folder / "spool" / f"{home.uuid}-7" / "0001.txt").write_text("text")


@breaks("I14 checkpoints of a trial that is over", "over")
def _(home: Home, number: int) -> None:
    folder = home.folder / "checkpoints" / home.study / f"{number:04d}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "checkpoint.npz").write_bytes(b"weights")


def assign(folder: Path, names: Sequence[str], study: str = "mlp") -> dict[str, int | None]:
    """Choose a trial of its own for each break, as far as there are enough; one without is left out."""
    home = Home(folder, study)
    chosen: dict[str, int | None] = {}
    # Those first that few trials will do for.
    for name in sorted(names, key=lambda name: len(home.numbers(BREAKS[name].needs)) if _on_trial(name) else 0):
        if not _on_trial(name):
            chosen[name] = None
            continue
        free = [number for number in home.numbers(BREAKS[name].needs) if number not in chosen.values()]
        if free:
            chosen[name] = free[0]
    return chosen


def _on_trial(name: str) -> bool:
    return BREAKS[name].needs != "study"
