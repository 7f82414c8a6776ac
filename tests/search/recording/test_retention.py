"""Whether the models stay that are to stay, and the others go, with nothing else: at once, and as a search goes."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import MagicMock, patch

import optuna
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mlflow.tracking import MlflowClient
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy import event

import tracking
from models.data import Images
from models.family import Goal
from search.cli import call
from search.recording import retention
from search.recording.artifacts import Outcome
from search.recording.retention import Clearance
from search.recording.trial_runs import TrialRuns
from search.store import storage
from search.store.attributes import removal
from search.store.study import Study
from search.system import failpoints, locks
from tests.search import homes
from tests.search.breaks import Home
from tracking import KEY_TAG, MODEL_REMOVED_TAG, MODEL_SHA256_TAG, MODEL_TAG, Model, Status, Tensor
from tracking.databases import address_of
from tracking.spool import Spool

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
# Of `homes.ENDINGS`, by what they came to: the first is the reports' best configuration.
COMPLETE = (8, 11, 10, 4, 0, 9)
BASELINE = 0
PRUNED = (1, 5)
# Searches, and keeps the models of the two best.
SEARCHER = """
import sys
from pathlib import Path
from search.system import locks; from search.system import library_output as quiet
from tests.search import homes
from tests.support import make_images
quiet.libraries()
home = Path(sys.argv[1])
endings = ["complete" if ending == "interrupted" else ending for ending in homes.ENDINGS]
with locks.alone(home, "mlp"):
    print("begun", flush=True)
    homes.search(home, make_images(), endings=[*endings, "complete", "pruned", "complete"], keep=2)
"""
TENSOR = Tensor("uint8", (-1, 28, 28, 1))


@pytest.fixture(scope="module")
def clean(bars: Images, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A home with a study of trials of every kind, and a copy of it: what MLflow keeps names the home's own place."""
    folder = tmp_path_factory.mktemp("keeping")
    (folder / "home").mkdir()
    homes.search(folder / "home", bars)
    shutil.copytree(folder / "home", folder / "copy")
    return folder / "home", folder / "copy"


@pytest.fixture
def home(clean: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home as it was."""
    shutil.rmtree(clean[0])
    shutil.copytree(clean[1], clean[0])
    monkeypatch.setenv("SEARCH_HOME", str(clean[0]))
    return clean[0]


Keep = Callable[..., dict[str, Any]]


@pytest.fixture
def keep(home: Path, capfd: pytest.CaptureFixture[str]) -> Keep:
    """Call the command, and return what it printed for programs."""

    def keep(*words: str) -> dict[str, Any]:
        capfd.readouterr()
        assert call(["keep", "mlp", "--format", "json", *words]) == 0
        return json.loads(capfd.readouterr().out)

    return keep


def with_models(home: Path, study: str = "mlp") -> set[int]:
    """Return the trials whose models are on the disk."""
    there = Home(home, study)
    return {number for number in there.numbers("trained") if there.model(number).exists()}


def contents(home: Path) -> Mapping[str, bytes]:
    """Return all that is recorded, and every file, but for models and databases."""
    there = Home(home)
    tables = {
        table: repr(there.mlflow(f"SELECT * FROM {table}")).encode()
        for table in ("metrics", "latest_metrics", "params", "runs", "datasets", "inputs")
    } | {
        table: repr(there.optuna(f"SELECT * FROM {table}")).encode()
        for table in ("trials", "trial_values", "trial_params", "trial_intermediate_values", "trial_user_attributes")
    }
    files = (file for file in (home / "artifacts").rglob("*") if file.is_file() and "/models/" not in str(file))
    return tables | {str(file): file.read_bytes() for file in files}


def disk(folder: Path) -> int:
    """Return what a folder takes, as `du` counts."""
    said = subprocess.run(["du", "-s", "--block-size=1", str(folder)], capture_output=True, text=True, check=True)
    return int(said.stdout.split()[0])


def findings(capfd: pytest.CaptureFixture[str]) -> list[Any]:
    """Return what the doctor finds."""
    capfd.readouterr()
    call(["doctor", "--format", "json"])
    found: list[Any] = json.loads(capfd.readouterr().out)
    return found


def test_the_best_and_the_baseline_stay_and_everything_but_models_does(
    home: Path, keep: Keep, capfd: pytest.CaptureFixture[str]
) -> None:
    before, took = contents(home), disk(home / "artifacts")
    said = keep("--top", "2")
    assert with_models(home) == {*COMPLETE[:2], BASELINE}
    assert [(stay["name"], stay["why"]) for stay in said["stays"]] == [
        ("mlp/8", "top 1"),
        ("mlp/11", "top 2"),
        ("mlp/0", "baseline garments-2024/B4/20"),
    ]
    assert {go["trial"] for go in said["goes"]} == {*COMPLETE[2:], *PRUNED} - {BASELINE}
    assert said["freed_bytes"] == took - disk(home / "artifacts") > 0
    assert contents(home) == before
    assert findings(capfd) == []


def test_what_was_removed_is_said_wherever_the_model_was_offered(
    home: Path, keep: Keep, capfd: pytest.CaptureFixture[str]
) -> None:
    keep("--top", "1")
    assert call(["show", "mlp/11"]) == 0
    said = " ".join(capfd.readouterr().out.split())
    assert "runs:/" not in said
    assert re.search(r"by keep --top 1; `\S+ -m search reproduce mlp/11 --home \S+` trains it again", said)
    assert call(["best", "mlp"]) == 0
    assert "runs:/" in capfd.readouterr().out
    with closing(tracking.connect(address_of(home / "mlflow.db"), home / "artifacts")) as tracker:
        tags = {run.tags["search.trial"]: run.tags for run in tracker.records("mlp") if "search.trial" in run.tags}
    assert tags["11"][MODEL_REMOVED_TAG].endswith("by keep --top 1")
    assert MODEL_SHA256_TAG in tags["11"]
    assert MODEL_TAG not in tags["11"]
    assert MODEL_REMOVED_TAG not in tags["8"]


def test_a_dry_run_writes_nothing_and_says_what_comes(home: Path, keep: Keep) -> None:
    def everything() -> dict[str, tuple[int, int]]:
        files = {file: file.stat() for file in home.rglob("*") if not file.name.endswith(("-wal", "-shm"))}
        return {str(file): (found.st_size, found.st_mtime_ns) for file, found in files.items() if not file.is_dir()}

    before = everything()
    planned = keep("--top", "2", "--dry-run")
    assert everything() == before
    done = keep("--top", "2")
    assert (planned["dry_run"], planned["freed_bytes"]) == (True, 0)
    assert {name: planned[name] for name in ("stays", "goes", "left_bytes")} == {
        name: done[name] for name in ("stays", "goes", "left_bytes")
    }
    assert done["freed_bytes"] == sum(go["bytes"] for go in planned["goes"])


def test_people_read_what_stays_what_goes_and_what_came_free(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert call(["keep", "mlp", "--top", "2"]) == 0
    said = " ".join(capfd.readouterr().out.split())
    assert "mlp/8 top 1 0.8000" in said
    assert "5 models of" in said
    assert "of trials 1, 4-5, 9-10; their metrics" in said
    assert " came free; 3 models of " in said
    assert call(["keep", "mlp", "--top", "3"]) == 0
    said = capfd.readouterr().out
    assert "nothing to remove: every model that mlp has stays" in said
    assert re.search(r"removed before: mlp/10; `\S+ -m search reproduce STUDY/NUMBER --home", " ".join(said.split()))


def test_what_is_registered_confirmed_or_another_study_s_is_never_touched(
    home: Path, bars: Images, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes.search(home, bars, study="other", endings=("complete", "pruned"))
    store = storage.connect(address_of(home / "optuna.db"))
    study = optuna.load_study(study_name="mlp", storage=store)
    study.set_user_attr("confirmed", {"finalists": [{"name": "mlp/9"}, {"name": "garments-2024/B4/20"}]})
    store.engine.dispose()
    address, there = address_of(home / "mlflow.db"), Home(home)
    with closing(tracking.connect(address, home / "artifacts")) as tracker:
        for key, name in (("confirmation/9/0", "seed-0"), ("strange", "strange")):
            model = Model(there.model(9), TENSOR, Tensor("float32", (-1, 10)), (), "3.15.1")
            run = tracker.run("mlp", f"{there.uuid}/{key}", name, {})
            run.log_model(model)
        run.set_tags({KEY_TAG: f"{'0' * 32}/3"})
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    client = MlflowClient(address)
    client.create_registered_model("garments")
    client.create_model_version("garments", f"runs:/{there.run(5)}/mlp-0005", there.run(5))
    said = keep("--top", "1")
    assert {stay["name"]: stay["why"] for stay in said["stays"]} == {
        "mlp/8": "top 1",
        "mlp/0": "baseline garments-2024/B4/20",
        "mlp/9": "finalist",
        "mlp/5": "registered: garments, version 1",
        "seed-0": "confirmation",
        "strange": "of no trial of this study",
    }
    assert with_models(home) == {8, 0, 9, 5}
    assert with_models(home, "other") == {0, 1}


def test_a_trial_that_is_open_keeps_what_it_has(home: Path, keep: Keep) -> None:
    there = Home(home)
    there.optuna("UPDATE trials SET state = 'RUNNING' WHERE trial_id = ?", there.trial(9))
    there.mlflow("UPDATE runs SET status = 'SCHEDULED' WHERE run_uuid = ?", there.run(9))
    said = keep("--top", "1")
    assert ("mlp/9", "open") in [(stay["name"], stay["why"]) for stay in said["stays"]]
    assert there.model(9).exists()


def test_what_waits_in_the_spool_is_delivered_first(home: Path, keep: Keep, tmp_path: Path) -> None:
    there = Home(home)
    run = Spool(home / "spool").run("mlp", there.key(9), "mlp-0009", {}, written=lambda: None)
    run.set_tags({"search.state": "COMPLETE", "late": "yes"})
    run.finish(Status.FINISHED)
    assert keep("--top", "1", "--dry-run")["waiting"] == 1
    assert keep("--top", "1")["waiting"] == 0
    assert there.mlflow("SELECT value FROM tags WHERE key = 'late'") == [("yes",)]
    assert not there.model(9).exists()


def test_a_study_that_is_searched_is_left_alone(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with locks.alone(home, "mlp"):
        assert call(["keep", "mlp"]) == 2
    assert "study mlp is being searched by process" in capfd.readouterr().err
    assert with_models(home) == {*COMPLETE, *PRUNED}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nosuch"], "no study named 'nosuch'"),
        (["mlp", "--top", "0"], "--top"),
        (["mlp", "--tracking-uri", "memory:"], "memory: keeps nothing"),
        (["mlp", "--storage", "sqlite:///nothing.db"], "nothing has been searched here yet"),
        (["mlp", "--tracking-uri", "sqlite:///nothing.db"], "there are no runs"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    words: list[str], message: str, home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(home / "locks", ignore_errors=True)
    assert call(["keep", *words]) == 2
    assert message in capfd.readouterr().err
    assert not (home / "locks").exists()
    assert not Path("nothing.db").exists()


def begin(home: Path, **environment: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "search", "keep", "mlp", "--top", "1", "--home", str(home)]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment})


def test_a_call_that_is_killed_at_any_time_is_gone_on_with_by_the_same_one(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = contents(home)
    with begin(home, **{failpoints.VARIABLE: "after_removal:2"}) as process:
        assert process.wait(120) == -signal.SIGKILL
    assert with_models(home) == {*COMPLETE, *PRUNED} - {1, 4}
    left = len(with_models(home))
    with begin(home) as process:
        # Somewhere in the midst of the next one.
        while len(with_models(home)) == left and process.poll() is None:
            time.sleep(0.001)
        process.kill()
    with begin(home) as process:
        assert process.wait(120) == 0
    assert with_models(home) == {8, 0}
    assert contents(home) == before
    assert findings(capfd) == []


def test_a_search_that_keeps_two_ends_with_the_models_of_two(
    tmp_path: Path, bars: Images, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEARCH_HOME", str(tmp_path))
    homes.search(tmp_path, bars, keep=2)
    assert with_models(tmp_path) == {*COMPLETE[:2], BASELINE}
    assert findings(capfd) == []
    assert call(["keep", "mlp", "--top", "2", "--format", "json"]) == 0
    assert json.loads(capfd.readouterr().out)["goes"] == []


@pytest.mark.parametrize("point", ["after_removal:2", "after_model:5"])
def test_a_search_that_is_killed_as_it_removes_ends_with_the_same_models(
    point: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEARCH_HOME", str(tmp_path))
    command = [sys.executable, "-c", SEARCHER, str(tmp_path)]
    killed = subprocess.run(command, env={**os.environ, failpoints.VARIABLE: point}, cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    subprocess.run(command, cwd=ROOT, check=True)
    there = Home(tmp_path)
    values = dict(there.optuna("SELECT number, value FROM trials JOIN trial_values USING (trial_id)"))
    best = sorted(values, key=lambda number: (-values[number], number))[:2]
    assert with_models(tmp_path) == {*best, BASELINE}
    assert findings(capfd) == []


def test_the_doctor_is_not_alarmed_while_a_search_removes_models(
    home: Path, keep: Keep, capfd: pytest.CaptureFixture[str]
) -> None:
    looks = 0
    command = [sys.executable, "-c", SEARCHER, str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as searcher:
        assert searcher.stdout is not None
        searcher.stdout.readline()
        while searcher.poll() is None:
            assert findings(capfd) == []
            looks += 1
    assert searcher.returncode == 0
    assert looks > 3
    assert findings(capfd) == []
    assert keep("--top", "2", "--dry-run")["goes"] == []


@pytest.mark.parametrize(("direction", "expected"), [("maximize", [3, 1, 2]), ("minimize", [1, 2, 3])])
def test_the_best_are_complete_have_a_model_and_of_equal_ones_the_earliest_counts(
    direction: Any, expected: list[int]
) -> None:
    judged = {"test_accuracy": 0.5}
    trials = [
        create_trial(state=TrialState.PRUNED, user_attrs=judged),
        create_trial(value=0.5, user_attrs=judged),
        create_trial(value=0.5, user_attrs=judged),
        create_trial(value=0.7, user_attrs=judged),
        # A repeat, which was not trained.
        create_trial(value=0.9),
        create_trial(value=0.1),
    ]
    for number, trial in enumerate(trials):
        trial.number = number
    assert retention.ranked(trials, Goal("val_accuracy", direction)) == expected


ENDED = st.tuples(
    st.sampled_from(["complete", "repeat", "pruned", "failed", "baseline"]), st.integers(0, 4), st.integers(0, 4)
)


class Trials:
    """A study of trials that have ended, as far as it is asked which models stay."""

    uuid = "u"

    def __init__(self, ended: Sequence[tuple[str, int, int]], goals: Sequence[Goal], said: Mapping[str, str]) -> None:
        self.ended, self.goals, self.goal, self.attributes, self.asked = ended, goals, goals[0], said, 0
        self.settings = SimpleNamespace(study="mlp")

    def key(self, number: int) -> str:
        return f"u/{number}"

    def trials(self, states: Sequence[TrialState] | None = None) -> list[FrozenTrial]:
        self.asked += 1
        made = [self.made(number) for number in range(len(self.ended))]
        return [trial for trial in made if states is None or trial.state in states]

    def made(self, number: int) -> FrozenTrial:
        kind, first, second = self.ended[number]
        state = {"pruned": TrialState.PRUNED, "failed": TrialState.FAIL}.get(kind, TrialState.COMPLETE)
        values = [float(first), float(second)][: len(self.goals)] if state == TrialState.COMPLETE else None
        attributes = ({"test_accuracy": 0.5} if kind not in ("repeat", "failed") else {}) | (
            {"baseline": "x"} if kind == "baseline" else {}
        )
        trial = create_trial(state=state, values=values, user_attrs=attributes)
        trial.number = number
        return trial


GOALS = (Goal("val_accuracy", "maximize"), Goal("parameters", "minimize"))


@example(ended=[("complete", 0, 0), ("complete", 1, 0)], top=1, goals=1, before=1, gone={0})
@given(
    ended=st.lists(ENDED, max_size=30),
    top=st.integers(1, 3),
    goals=st.integers(1, 2),
    before=st.integers(0, 30),
    gone=st.sets(st.integers(0, 9)),
)
def test_what_may_go_after_each_trial_is_what_a_look_at_all_of_them_lets_go(
    ended: list[tuple[str, int, int]], top: int, goals: int, before: int, gone: set[int]
) -> None:
    study: Any = Trials(
        ended[:before], GOALS[:goals], {removal(number): "before" for number in gone if number < before}
    )
    keeper = retention.Keeper(study, top, "rule")
    for number in range(len(study.ended), len(ended)):
        study.ended = ended[: number + 1]
        trial = study.made(number)
        attributes = {name: value for name, value in trial.user_attrs.items() if name == "test_accuracy"}
        keeper.ended(number, Outcome(trial.state, tuple(trial.values or ()), "", attributes), trial.user_attrs)
    assert study.asked == 1
    everything = retention.clearance(study, top, "rule")
    found = keeper.clearance()
    assert found.keys == {number: key for number, key in everything.keys.items() if number in everything.unsaid}
    assert found.unsaid == everything.unsaid


def test_what_goes_after_a_trial_is_found_as_soon_however_many_were_before(tmp_path: Path) -> None:
    """Counted in what the storage is asked, in looks at all trials, and in runs that are looked for."""
    few, many = (_ended(tmp_path / str(before), before) for before in (10, 300))
    assert few == many


def _ended(home: Path, before: int) -> tuple[int, int, int]:
    """Let one more trial end, and count that."""
    home.mkdir()
    chosen = homes.settings(home, endings=("complete",) * 500, keep=3)
    store = storage.connect(chosen.storage)
    study = Study.open(store, chosen, "0" * 32)
    made = [create_trial(value=number / 777, user_attrs={"test_accuracy": 0.5}) for number in range(before)]
    study._study.add_trials(made)
    relay: Any = MagicMock(problem="")
    relay.id.return_value = "run"
    trial_runs, outcome = TrialRuns(study, relay), Outcome(TrialState.COMPLETE, (0.0,), "", {"test_accuracy": 0.5})
    told: list[str] = []
    with patch.object(TrialRuns, "_carry_out") as carry, patch.object(Study, "trials", wraps=study.trials) as looks:

        def end() -> Clearance:
            trial_runs.end(study._study.ask(), MagicMock(), outcome)
            (task,) = relay.entrust.call_args.args
            task(None)
            return cast("Clearance", carry.call_args.args[0])

        # The first look is at all of them, and all that may go is gone then.
        trial_runs._removed.extend(retention.Removed(number, "by run --keep 3", 1) for number in end().keys)
        trial_runs.link()
        looks.reset_mock()
        event.listen(store.engine, "before_cursor_execute", lambda *given: told.append(given[2]))
        keys = end().keys
    store.engine.dispose()
    assert set(keys) == {before + 1}
    return len(told), looks.call_count, len(keys)


def test_of_two_objectives_all_stay_between_which_one_has_to_choose(
    bars: Images, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    homes.search(tmp_path, bars, endings=["complete"] * 6, objective="val_accuracy,parameters")
    capfd.readouterr()
    assert call(["best", "mlp", "--home", str(tmp_path), "--format", "json"]) == 0
    chosen = {member["number"] for member in json.loads(capfd.readouterr().out)["pareto"]}
    assert call(["keep", "mlp", "--top", "1", "--home", str(tmp_path)]) == 0
    tracker = tracking.open_existing(address_of(tmp_path / "mlflow.db"))
    assert tracker is not None
    with closing(tracker):
        there = {int(model.key.rpartition("/")[2]) for model in tracker.models("mlp")}
    assert len(chosen) > 1
    assert there == chosen | {BASELINE}
    assert call(["doctor", "mlp", "--home", str(tmp_path)]) == 0
