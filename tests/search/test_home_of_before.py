"""A home that the project wrote before its driver and its settings were built anew: read, gone on with, and moved."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from models import families
from search.cli import call
from tests import old_homes
from tests.faults.searches import LIGHT, ROOT
from tests.faults.stores import rows
from tests.old_homes.before import NAME

pytestmark = pytest.mark.slow

ASKED_FOR = {"ends": 11, "waits": 7, "kept": 4}
# A trial in the middle of its epochs and one that had none yet; a bracket of which two wait for the third.
OPEN = {"ends/7": 3, "ends/8": 0, "waits/0": 1, "waits/1": 1, "waits/2": 1, "waits/3": 0}


@pytest.fixture(scope="module", autouse=True)
def steps() -> Iterator[None]:
    """The family of these studies, which takes no TensorFlow."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(families, "__path__", [*families.__path__, str(LIGHT.parent / "families")])
        yield


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home as it was written."""
    return old_homes.restore(NAME, tmp_path_factory.mktemp("before"))


@pytest.fixture(scope="module")
def after(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, each of its studies gone on with to a few trials more."""
    home = old_homes.restore(NAME, tmp_path_factory.mktemp("after"))
    log = str(home.parent / "steps.log")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "STEPS_SECONDS": "0", "STEPS_LOG": log}
    for study, trials in ASKED_FOR.items():
        words = ["run", "--study", study, "--trials", str(trials), "--engine", "inline", "--home", str(home)]
        subprocess.run([sys.executable, LIGHT, *words], check=True, env=environment, cwd=home.parent)
    return home


STEPS = "SELECT step, intermediate_value FROM trial_intermediate_values WHERE trial_id = ?"


class Trial(NamedTuple):
    """What both stores hold of a trial; `value` and `run` are None where there is none."""

    state: str
    value: float | None
    reports: dict[int, float]
    drawn: dict[str, float]
    metrics: dict[tuple[str, int], float]
    run: str | None


def trials(home: Path) -> dict[str, Trial]:
    """Return every trial of a home, by `STUDY/NUMBER`: as they are told in SQL, since this project may be wrong."""
    optuna, mlflow = home / "optuna.db", home / "mlflow.db"
    found = {}
    for study, name, uuid in rows(
        optuna,
        "SELECT study_id, study_name, trim(value_json, '\"') FROM studies JOIN study_user_attributes USING (study_id) "
        "WHERE key = 'uuid'",
    ):
        for trial, number, state in rows(
            optuna, "SELECT trial_id, number, state FROM trials WHERE study_id = ? AND state != 'WAITING'", study
        ):
            runs = rows(mlflow, "SELECT run_uuid FROM tags WHERE key = 'search.key' AND value = ?", f"{uuid}/{number}")
            values = rows(optuna, "SELECT value FROM trial_values WHERE trial_id = ?", trial)
            run = runs[0][0] if runs else None
            logged = rows(mlflow, "SELECT key, step, value FROM metrics WHERE run_uuid = ?", run)
            found[f"{name}/{number}"] = Trial(
                state,
                values[0][0] if values else None,
                dict(rows(optuna, STEPS, trial)),
                dict(rows(optuna, "SELECT param_name, param_value FROM trial_params WHERE trial_id = ?", trial)),
                {(key, step): value for key, step, value in logged},
                run,
            )
    return found


def said(capfd: pytest.CaptureFixture[str], home: Path, *words: str) -> str:
    assert call([*words, "--home", str(home)]) == 0
    return capfd.readouterr().out


def states(shown: str) -> list[str]:
    """Return the states in a table of trials."""
    return re.findall(r"^ *[0-9]+ +(\w+)", shown, re.MULTILINE)


def test_it_is_read_as_it_was(before: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    listed = json.loads(said(capfd, before, "list", "--format", "json"))
    assert [study["study"] for study in listed] == sorted(ASKED_FOR)
    shown = said(capfd, before, "show", "ends")
    for words in (
        "infeasible: it is in no mood for it",
        "diverged at epoch 2",
        "repeats trial 0",
        "after 1 of 4 epochs",
    ):
        assert words in shown
    assert states(shown)[-2:] == ["open", "open"]
    assert states(said(capfd, before, "show", "waits")) == ["open"] * 4
    assert trials(before)["kept/0"].run in said(capfd, before, "show", "kept/0")
    assert "images-steps/1" in said(capfd, before, "models")
    said(capfd, before, "report", "--out", str(tmp_path / "page.html"))
    assert "ends/0" in (tmp_path / "page.html").read_text("utf-8")


def test_what_is_over_stays_as_it_was_when_its_study_goes_on(before: Path, after: Path) -> None:
    then, now = trials(before), trials(after)
    over = {name: trial for name, trial in then.items() if trial.state != "RUNNING"}
    assert {trial.state for trial in over.values()} == {"COMPLETE", "PRUNED", "FAIL"}
    assert {name: now[name] for name in over} == over


def test_what_was_open_ends_as_the_same_trial_in_the_same_run(before: Path, after: Path) -> None:
    then, now = trials(before), trials(after)
    assert {name: len(trial.reports) for name, trial in then.items() if trial.state == "RUNNING"} == OPEN
    for name in OPEN:
        assert now[name].state in ("COMPLETE", "PRUNED"), name
        assert now[name].drawn == then[name].drawn, name
        assert then[name].run in (now[name].run, None), name
        assert now[name].reports.items() >= then[name].reports.items(), name
        assert now[name].metrics.items() >= then[name].metrics.items(), name


def test_what_was_trained_before_is_not_trained_again(after: Path) -> None:
    mlflow = after / "mlflow.db"
    begun = [line.split()[1:3] for line in (after.parent / "steps.log").read_text().splitlines() if line[:5] == "epoch"]
    query = (
        "SELECT params.value FROM params JOIN tags USING (run_uuid) "
        "WHERE params.key = 'seed' AND tags.key = 'search.key' AND run_uuid = ?"
    )
    for name, epochs in OPEN.items():
        ((seed,),) = rows(mlflow, query, trials(after)[name].run)
        assert all(int(epoch) >= epochs for of, epoch in begun if of == seed), name


def test_both_stores_agree_on_what_went_on(after: Path) -> None:
    assert call(["doctor", "--home", str(after)]) == 0
    finished = Counter(name.partition("/")[0] for name, trial in trials(after).items() if trial.state != "RUNNING")
    # An infeasible draw had counted then; now it does not.
    assert finished == {**ASKED_FOR, "ends": ASKED_FOR["ends"] + 1}


def test_the_halving_decides_about_the_bracket_that_waited(after: Path) -> None:
    ended = {name: trial.state for name, trial in trials(after).items() if name in ("waits/0", "waits/1", "waits/2")}
    assert sorted(ended.values()) == ["COMPLETE", "PRUNED", "PRUNED"]


def test_the_doctor_delivers_what_waited_and_finds_nothing_more(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    home = old_homes.restore(NAME, tmp_path)
    assert call(["doctor", "--home", str(home)]) == 1
    found = [line.split()[:2] for line in capfd.readouterr().out.splitlines() if line.startswith("I")]
    assert found == [["I14", f"{name}:"] for name in sorted(OPEN)]
    assert call(["doctor", "--fix", "--home", str(home)]) == 0
    assert call(["doctor", "--home", str(home)]) == 0
    assert {name: len(trial.reports) for name, trial in trials(home).items() if trial.state == "RUNNING"} == OPEN


@pytest.mark.parametrize("study", ["ends", "kept"])
def test_a_study_is_moved_with_all_that_it_holds(study: str, after: Path, tmp_path: Path) -> None:
    file, other = str(tmp_path / "moved.zip"), tmp_path / "other"
    assert call(["export", study, "--home", str(after), "--out", file]) == 0
    assert call(["import", file, "--home", str(other)]) == 0
    assert call(["doctor", "--home", str(other)]) == 0
    there = {name: trial for name, trial in trials(after).items() if name.startswith(study)}
    assert {name: trial._replace(run=None) for name, trial in trials(other).items()} == {
        name: trial._replace(run=None) for name, trial in there.items()
    }
