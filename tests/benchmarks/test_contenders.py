"""Every contender for real, on few images; those that are not installed are skipped."""

import argparse
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import contenders, journal, loop, processes, time_to_quality
from benchmarks.contenders import Run
from benchmarks.journal import Epoch
from benchmarks.peers.task import Task, parse

pytestmark = pytest.mark.slow

SCRIPTS = ("overhead", "throughput", "equality", "resnet50", "loop", "memory", "time_to_quality", "evaluate", "raw")


@pytest.mark.parametrize("script", SCRIPTS)
def test_each_script_says_what_it_does(script: str) -> None:
    done = subprocess.run(
        processes.python(f"benchmarks.{script}", "--help"),
        cwd=processes.ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: {script}.py")


def test_a_task_is_the_same_on_the_other_side_of_a_command_line(tmp_path: Path) -> None:
    task = Task("cnn", 12.5, 3, tmp_path, 1234.5, 500)
    assert parse(task.words()) == task


def run(name: str, *accuracies: float, seed: int = 0) -> Run:
    """What came of a contender that had an accuracy every ten seconds."""
    epochs = tuple(Epoch(10.0 * number, 0, number, value) for number, value in enumerate(accuracies, start=1))
    return Run(name, seed, 40.0, epochs, 1.0, 1.0, Path(f"{name}-{seed}"))


def test_the_table_says_who_won_and_how_soon_the_best_peer_was_reached() -> None:
    peers = [run("plain_loop", 0.5, 0.6, 0.7, 0.8), run("ray_asha", 0.7, 0.75)]
    table = time_to_quality.table([*peers, run("ours", 0.6, 0.8, 0.9, 0.9)], {"ours-0": 0.88}, "a test")
    plain, ray, ours = (dict(zip(table.columns, row, strict=True)) for row in table.rows)
    assert ours["contender"] == "this project"
    assert [ours[f"validation at {name}"] for name in time_to_quality.SHARES] == [0.6, 0.8, 0.9]
    assert (ours["seconds to the best peer's best"], ours["best peer's seconds / its"]) == (20.0, 2.0)
    assert ray["seconds to the best peer's best"] is None
    assert (ours["test at B"], plain["test at B"]) == (0.88, None)
    assert plain["best peer's seconds / its"] == 1.0
    assert "best validation accuracy at B: this project" in table.notes


def test_where_a_peer_wins_the_table_says_so() -> None:
    table = time_to_quality.table([run("ray_asha", 0.9), run("ours", 0.8)], {}, "a test")
    assert "best validation accuracy at B: Ray Tune ASHA, MLflow" in table.notes


def test_a_contender_that_never_got_there_with_one_seed_has_no_time() -> None:
    runs = [run("plain_loop", 0.7), run("ours", 0.8), run("plain_loop", 0.7, seed=1), run("ours", 0.6, seed=1)]
    ours = dict(zip(time_to_quality.COLUMNS, time_to_quality.table(runs, {}, "a test").rows[-1], strict=True))
    assert ours["seconds to the best peer's best"] is None
    assert ours["best peer's seconds / its"] is None


def test_a_contender_that_failed_is_not_taken_for_a_slow_one() -> None:
    failed = replace(run("ray_asha"), epochs=(), model=None, fault="ended with 1: ImportError: no such thing")
    table = time_to_quality.table([run("ours", 0.8), failed], {}, "a test")
    assert "Ray Tune ASHA, MLflow, seed 0, ended with 1: ImportError: no such thing" in table.notes


def test_what_counts_for_a_search_is_its_best_by_validation_whatever_another_does_on_test() -> None:
    done = [(10.0, 0.8, 0.7), (20.0, 0.7, 0.9), (30.0, 0.9, 0.85), (40.0, 0.9, 0.95)]
    assert loop.improvements(done) == [(10.0, 0.8, 0.7), (30.0, 0.9, 0.85)]


@pytest.mark.real
# The others of ours are `ours` but for a flag or two.
@pytest.mark.parametrize("name", [name for name in contenders.ALL if name == "ours" or name not in contenders.OURS])
def test_every_contender_leaves_a_log_and_a_network_that_the_judge_takes(name: str, tmp_path: Path) -> None:
    pytest.importorskip("psutil", reason="psutil is in the extras `dev` and `bench`")
    missing = contenders.ALL[name].missing
    if missing:
        pytest.skip(f"{', '.join(missing)} is in the extra `bench`")
    given = argparse.Namespace(family="mlp", budget=45.0, seeds=1, images=1000)
    (found,) = time_to_quality.race([name], given, tmp_path)
    assert found.fault == ""
    assert found.epochs, (tmp_path / f"{name}-0" / "printed.log").read_text()[-2000:]
    assert all(0 < entry.seconds <= 45 and 0 < entry.val_accuracy <= 1 for entry in found.epochs)
    assert found.cpu_seconds > 1
    assert found.peak_megabytes > 100
    (accuracy,) = time_to_quality.judge([found], tmp_path).values()
    best = journal.best(found.epochs)
    assert best is not None
    assert accuracy == pytest.approx(best.val_accuracy, abs=0.15)


@pytest.mark.real
def test_overhead_is_measured(tmp_path: Path) -> None:
    pytest.importorskip("psutil", reason="psutil is in the extras `dev` and `bench`")
    out = tmp_path / "overhead.json"
    few = ["--mlp", "1", "--cnn", "0", "--epochs", "1", "--images", "1000"]
    processes.run_well(processes.python("benchmarks.overhead", *few, "--json", str(out)), tmp_path / "printed.log")
    raw, ours, fit = json.loads(out.read_text())["rows"]
    assert raw["seconds / raw"] == 1.0
    assert 0.3 < ours["seconds / raw"] < 30
    assert fit["of them training"] > 0
