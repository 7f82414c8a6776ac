"""The command line as a person types it."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

import tracking
from search.cli import call
from search.output import suggestions
from search.system import locks
from tests.search.breaks import Home
from tracking import TrackingError
from tracking.engines.memory import MemoryRun, MemoryTracker

RUN = ["run", "--engine", "inline", "--trials", "2", "--epochs", "1", "--baselines", "none"]


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory, bars_file: Path, tensorflow: None) -> Path:
    """The home of a search that is over, to look at."""
    home = tmp_path_factory.mktemp("searched")
    where = ["--home", str(home), "--tracking-uri", "memory:", "--data", str(bars_file)]
    assert call([*RUN, "--study", "bars", "--family", "mlp", *where, "--baselines", "best"]) == 0
    return home


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("OPTUNA_STORAGE", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SEARCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def run(bars_file: Path, tensorflow: None) -> Callable[..., int]:
    def run(*arguments: str) -> int:
        return call([*RUN, "--data", str(bars_file), "--tracking-uri", "memory:", *arguments])

    return run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--study", "lenet"], "no family named 'lenet' (did you mean lenet5?)"),
        (["run", "--study", "my-study"], "--study my-study --family mlp"),
        (["run", "--study", "A/B"], "a study's name has 1 to 64 of"),
        (["run"], "--study"),
        (["run", "--study", "mlp", "--trials", "0"], "--trials"),
        (["run", "--study", "mlp", "--trials", "many"], "--trials"),
        (["run", "--study", "mlp", "--epochs", "-1"], "--epochs"),
        (["run", "--study", "mlp", "--sampler", "genetic"], "--sampler"),
        (["run", "--study", "mlp", "--timeout", "soon"], "--timeout soon: give a number and a unit"),
        (["run", "--study", "mlp", "--fix", "depth=9"], "--fix depth=9: outside the space, which is 1 to 4"),
        (["run", "--study", "mlp", "--data", "nowhere.npz"], "no images at 'nowhere.npz'"),
        (["run", "--study", "mlp", "--data", "DATA", "--images", "3"], "3"),
        (["run", "--study", "mlp", "--data", "DATA", "--sampler", "grid"], "over 10,000 points"),
        (
            ["run", "--study", "mlp", "--data", "DATA", "--home", "/proc/nowhere"],
            "--home /proc/nowhere: cannot be written",
        ),
        (["run", "--study", "mlp", "--home", "a?b"], "a path with '?' cannot hold a database"),
        (
            ["run", "--study", "mlp", "--storage", "sqlite:////x/a.db", "--tracking-uri", "sqlite:////x/a.db"],
            "give two",
        ),
        (["run", "--study", "resnet50", "--weights", "no.h5"], "--weights no.h5: no such file"),
        (["show", "mlp"], "nothing has been searched here yet"),
        (["frobnicate"], "frobnicate"),
    ],
)
def test_bad_input_is_answered_in_two_lines_before_anything_is_written(
    arguments: list[str], message: str, own_home: Path, bars_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert call([str(bars_file) if word == "DATA" else word for word in arguments]) == 2
    said = capfd.readouterr()
    assert message in said.err
    assert said.err.count("\n") <= 2
    assert "Traceback" not in said.err
    assert said.out == ""
    assert not own_home.exists()


def test_a_search_says_what_came_of_it_on_stdout_and_how_it_goes_on_stderr(
    run: Callable[..., int], capfd: pytest.CaptureFixture[str]
) -> None:
    assert run("--study", "mlp") == 0
    said = capfd.readouterr()
    assert "mlp: 2 trials, 2 complete" in said.out
    assert f"(mlflow.keras.load_model); {suggestions.TAKES}" in said.out
    assert "python -m search show mlp/" in said.out
    assert "python -m search ui" not in said.out, "there is nothing to look at in a store in memory"
    assert "optuna-dashboard sqlite:///" in said.out
    assert "trial 0: epoch 1/1, val_accuracy" in said.err
    assert "trial" not in said.err.splitlines()[-1] or "2/2 done" in said.err


@pytest.mark.slow
def test_the_same_command_again_has_nothing_to_do_and_a_larger_number_goes_on(
    run: Callable[..., int], capfd: pytest.CaptureFixture[str]
) -> None:
    run("--study", "mlp")
    capfd.readouterr()
    assert run("--study", "mlp") == 0
    assert "nothing to do: study mlp has 2 finished trials" in capfd.readouterr().err
    assert run("--study", "mlp", "--trials", "3", "--format", "json") == 0
    assert json.loads(capfd.readouterr().out)["trials"]["finished"] == 3


# All but `batch_norm`: a grid of them ends after two trials, however long there is time.
PINS = (
    "activation=relu,depth=1,units_1=16,dropout=0,l1=0,l2=0,augmentation=none,optimizer=adam,learning_rate=0.001,"
    "schedule=constant,batch_size=32"
)


def test_a_search_for_a_time_counts_its_trials_without_a_number_to_reach(
    bars_file: Path, tensorflow: None, own_home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    usual, page = [word for word in RUN if word not in ("--trials", "2")], own_home.with_name("report.html")
    usual += ["--study", "mlp", "--data", str(bars_file), "--sampler", "grid", "--fix", PINS]
    assert call([*usual, "--timeout", "1h"]) == 0
    said = capfd.readouterr().err
    assert "study mlp: as many trials of mlp as there is time for, up to 1 epoch each" in said
    assert "no new trial after 60 min" in said
    assert "; 2 done, " in said
    assert call(["show", "mlp", "--format", "json"]) == 0
    assert json.loads(capfd.readouterr().out)["trials"]["asked_for"] is None
    for looks in (["show", "mlp"], ["list"], ["report", "mlp", "--out", str(page)], ["doctor"]):
        assert call(looks) == 0
        assert "None" not in capfd.readouterr().out
    assert "<p>2 trials finished:" in page.read_text()
    assert call([*usual, "--trials", "3"]) == 0
    capfd.readouterr()
    assert call(["show", "mlp"]) == 0
    assert "2 of 3 trials finished" in capfd.readouterr().out


def test_a_study_whose_runs_could_not_be_kept_is_not_begun(
    run: Callable[..., int], tmp_path: Path, own_home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("no database at all, " * 100)
    assert run("--study", "mlp", "--tracking-uri", f"sqlite:///{tmp_path / 'notes.txt'}") == 2
    assert "cannot be read as a database" in capfd.readouterr().err
    assert not (own_home / "optuna.db").exists()


class Failing(MemoryTracker):
    """A store that goes away before the first run."""

    def run(self, *_: object, **__: object) -> MemoryRun:
        raise TrackingError("the store is gone")


@pytest.mark.slow
def test_a_search_goes_on_without_its_tracker_and_the_next_call_delivers_what_it_missed(
    run: Callable[..., int], own_home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(tracking, "connect", lambda *_: Failing())
        assert run("--study", "mlp") == 1
    said = capfd.readouterr().err
    assert "the store is gone; the search goes on, and what it records waits in" in said
    assert "3 runs to be delivered yet" in said
    assert "Traceback" not in said
    assert len(list((own_home / "spool").iterdir())) == 3
    again, mended = re.findall(r"by the next `([^`]+)`, or by `([^`]+)`", said)[0]
    assert shlex.split(again)[3:6] == ["run", "--study", "mlp"]
    assert shlex.split(mended)[3:6] == ["doctor", "mlp", "--fix"]
    assert run("--study", "mlp") == 0
    assert list((own_home / "spool").iterdir()) == []
    assert call(["show", "mlp/1"]) == 0
    assert "MLflow run: memory-" in capfd.readouterr().out


def test_results_can_be_read_where_nothing_can_be_written(searched: Path, capfd: pytest.CaptureFixture[str]) -> None:
    database = searched / "optuna.db"
    before = database.stat()
    assert call(["show", "bars", "--home", str(searched)]) == 0
    assert (database.stat().st_mode, database.stat().st_mtime_ns) == (before.st_mode, before.st_mtime_ns)


@pytest.mark.slow
def test_a_search_of_which_no_trial_is_complete_ends_with_1(run: Callable[..., int]) -> None:
    pins = ("--fix", "depth=4", "--fix", "kernel_size=5", "--fix", "padding=valid")
    assert run("--study", "cnn", *pins) == 1


def test_list_show_best_and_compare_agree_with_each_other(searched: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def read(*arguments: str) -> dict:
        assert call([*arguments, "--home", str(searched), "--format", "json"]) == 0
        return json.loads(capfd.readouterr().out)

    (listed,), shown, best = read("list"), read("show", "bars"), read("best", "bars")
    assert listed["best"] == shown["best"] == best == read("show", f"bars/{best['number']}")
    assert read("compare")["studies"][0]["best"] == best
    counts = ("best_epoch", "parameters")
    assert {name: type(best["metrics"][name]) for name in counts} == dict.fromkeys(counts, int)


def test_figures_of_other_images_are_not_held_against_the_reports(
    searched: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert call(["compare", "bars", "--home", str(searched), "--format", "json"]) == 0
    compared = json.loads(capfd.readouterr().out)
    assert compared["studies"][0]["report"] == {}
    assert compared["rows"] == []


@pytest.mark.parametrize("arguments", [["list"], ["show", "bars"], ["show", "bars/0"], ["best", "bars"], ["compare"]])
def test_results_are_tables_for_people(searched: Path, arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert call([*arguments, "--home", str(searched)]) == 0
    assert "bars" in capfd.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [["show", "cnn"], ["show", "bars/9"], ["show", "c" * 300], ["best", "cnn"], ["compare", "cnn"]],
)
def test_what_is_not_there_is_named_with_what_is(
    searched: Path, arguments: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert call([*arguments, "--home", str(searched)]) == 2
    assert "there are: bars" in capfd.readouterr().err


def test_a_trial_is_running_only_while_somebody_searches(
    searched: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "copied"
    shutil.copytree(searched, home)
    there = Home(home, "bars")
    there.optuna("UPDATE trials SET state = 'RUNNING', datetime_complete = NULL WHERE trial_id = ?", there.trial(1))

    def shown(name: str) -> str:
        assert call(["show", name, "--home", str(home)]) == 0
        return capfd.readouterr().out

    stopped = shown("bars")
    assert "0 failed, 1 open" in stopped
    assert "what is open goes on with `" in stopped
    assert "-m search run --study bars --home " in stopped
    assert "bars/1: open" in shown("bars/1")
    with locks.alone(home, "bars"):
        running = shown("bars")
        assert "0 failed, 1 running" in running
        assert " open" not in running
        assert "bars/1: running" in shown("bars/1")


def test_a_dry_run_shows_space_baselines_and_estimate_and_writes_nothing(
    own_home: Path, bars_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert call(["run", "--study", "mlp", "--data", str(bars_file), "--dry-run", "--fix", "depth=2"]) == 0
    said = capfd.readouterr().out
    assert "1e-05 to 1, logarithmic" in said
    assert "2 (pinned)" in said
    assert "garments-2024/B4/20" in said
    assert "roughly" in said
    assert not own_home.exists()


def test_the_images_are_shown_with_source_digest_and_counts(bars_file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert call(["data", "--data", str(bars_file), "--format", "json"]) == 0
    said = json.loads(capfd.readouterr().out)
    assert said["counts"]["test"] == [12] * 10
    assert len(said["digest"]) == 32
    assert said["leakage"]["exact"] == []


@pytest.mark.slow
def test_a_second_search_of_a_study_is_refused_with_who_holds_it(
    run: Callable[..., int], own_home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    holder = (
        "import fcntl, sys; f = open(sys.argv[1], 'a+'); fcntl.flock(f, fcntl.LOCK_EX); "
        "f.write('process 123 on somewhere'); f.flush(); print('held', flush=True); sys.stdin.read()"
    )
    (own_home / "locks").mkdir(parents=True)
    command = [sys.executable, "-c", holder, str(own_home / "locks" / "mlp.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert run("--study", "mlp") == 2
        assert "study mlp is being searched by process 123 on somewhere" in capfd.readouterr().err
        other.kill()
    assert run("--study", "mlp") == 0


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["show", "bars"], ["best", "bars"], ["show", "bars/0"]])
def test_what_has_to_answer_at_once_imports_nothing_heavy(searched: Path, arguments: list[str]) -> None:
    code = (
        "import sys; from search.cli import call; code = call(sys.argv[1:]); "
        "heavy = {'tensorflow', 'keras', 'mlflow', 'matplotlib', 'sklearn'} & set(sys.modules); "
        "sys.exit(f'imported {heavy}' if heavy else code)"
    )
    environment = os.environ | {"SEARCH_HOME": str(searched)}
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, timeout=60, env=environment)


def test_a_study_is_shown_a_line_a_trial_and_each_as_wide_as_the_terminal_at_most(
    searched: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rich, which would break lines, takes a millisecond for each."""
    monkeypatch.setattr("search.output.tables.console", lambda: Console(width=40))
    monkeypatch.setattr(Table, "add_row", lambda *_: pytest.fail("Rich draws it"))
    assert call(["show", "bars", "--home", str(searched)]) == 0
    head, rule, *rows = capfd.readouterr().out.split("\n\n")[1].splitlines()
    assert head.startswith("trial  state"), "a column narrower than where there is room"
    assert set(rule) <= {"-", " ", "…"}
    assert [row.split()[0] for row in rows] == [str(number) for number in range(len(rows))]
    assert max(map(len, (head, rule, *rows))) == 40
    monkeypatch.setattr("search.output.tables.console", lambda: Console(width=160))
    assert call(["show", "bars", "--home", str(searched)]) == 0
    assert "\n\ntrial   state" in capfd.readouterr().out
