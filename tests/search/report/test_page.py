"""The report: one file with everything in it."""

import base64
import json
import re
import resource
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import TrialState

import models
from models.data import Images
from search.analysis import predictions
from search.analysis.paired import Judged
from search.cli import call
from search.output import comparison, suggestions
from search.policies.ensemble.proposals import SOURCES
from search.problem import baselines, space
from search.problem.baselines import Baseline
from search.problem.settings import Place
from search.report import charts, gathering
from search.report.differing import MOST, differing
from search.store import results, storage
from search.store.attributes import Standing
from search.store.results import Result, Summary
from tests.search import homes

ROOT = Path(__file__).parents[3]
ENDINGS = ("complete", "complete", "pruned", "complete", "failed", "infeasible", "complete")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, bars: Images) -> Path:
    """Two studies of the same images, and one in which nothing is complete."""
    home = tmp_path_factory.mktemp("page")
    homes.search(home, bars, "mlp", ENDINGS)
    homes.search(home, bars, "other", ENDINGS[::-1])
    homes.search(home, bars, "hopeless", ("infeasible", "failed"))
    return home


@pytest.fixture(scope="module")
def page(home: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("out") / "отчёт.html"
    assert call(["report", "--home", str(home), "--out", str(out)]) == 0
    return out.read_text("utf-8")


def data(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


def classes(text: str) -> list[int]:
    return np.frombuffer(base64.b64decode(text), "<u1").tolist()


@pytest.mark.slow
def test_every_judged_trial_is_in_it_with_what_it_said_of_each_test_image(page: str, home: Path) -> None:
    place, found = Place.at(home, None, None), data(page)
    with storage.reading(place.storage) as store, predictions.opened(place) as tracker:
        trials = [trial for name in ("mlp", "other") for trial in results.results(storage.load(store, name))]
        judged = [predictions.judged(tracker, trial) for trial in trials if predictions.has_judged(trial)]
    assert [one.name for one in judged] == sorted(found["trials"])
    assert len(judged) == 10
    for one in judged:
        assert classes(found["trials"][one.name]["predictions"]) == one.predictions.tolist()
        assert classes(found["images"][0]["labels"]) == one.labels.tolist()


def test_studies_are_drawn_by_optuna_and_one_without_a_complete_trial_is_told(page: str) -> None:
    charts = {name.partition("-")[2] for name in data(page)["charts"] if name.startswith("mlp-")}
    # What its trials came to was made up, so no hyperparameter mattered.
    assert charts == {"history", "spent", "curves", "timeline", "slices", "parallel"}
    assert "None can be told from chance yet" in page
    assert not any(name.startswith("hopeless") for name in data(page)["charts"])
    assert "No trial is complete yet." in page


def test_a_trial_that_was_killed_is_drawn_until_the_last_record_and_one_that_waits_is_not_drawn() -> None:
    started = datetime(2026, 1, 1, 12)
    study = optuna.create_study(direction="maximize")
    for begun, ended in ((0, 60), (30, 90)):
        trial = optuna.trial.create_trial(value=0.5, state=TrialState.COMPLETE)
        trial.datetime_start = started + timedelta(seconds=begun)
        trial.datetime_complete = started + timedelta(seconds=ended)
        study.add_trial(trial)
    killed = optuna.trial.create_trial(state=TrialState.RUNNING)
    killed.datetime_start = datetime.now() - timedelta(seconds=100)
    study.add_trial(killed)
    study.enqueue_trial({})
    drawn = charts.timeline(study).figure
    assert drawn
    assert {trace["name"]: trace["x"] for trace in drawn["data"]} == {"COMPLETE": [60_000, 60_000], "RUNNING": [1_000]}


def test_what_was_spent_is_counted_in_epochs_and_what_the_search_began_with_is_marked(home: Path) -> None:
    with storage.reading(Place.at(home, None, None).storage) as store:
        study = storage.load(store, "mlp")
        drawn = charts.spent(study, results.summary(study)).figure
    assert drawn
    best, *points = drawn["data"]
    symbols = {trace["name"]: trace["marker"].get("symbol") for trace in points}
    drawn_by = symbols.keys() - {"report", "start"}
    assert drawn_by
    assert drawn_by <= set(SOURCES)
    assert symbols == {"report": "diamond", "start": "diamond"} | dict.fromkeys(drawn_by)
    # All but the infeasible one have told of two epochs.
    assert best["x"][-1] == 2 * (len(ENDINGS) - 1)
    assert best["y"][-1] == max(value for trace in points for value in trace["y"])


def test_it_begins_with_what_validation_chose_of_each_study_and_how_sure_its_test_accuracy_is(home: Path) -> None:
    gathered = gathering.gather(Place.at(home, None, None), ())
    # In the order of validation, in which the page has its studies, too.
    found = [section for section in gathered.sections if section.summary.best]
    assert [section.summary.steered for section in found] == sorted(
        (section.summary.steered for section in found), reverse=True
    )
    verdict = next(chart.figure for chart in gathered.overviews[0] if chart.name == "verdict")
    assert verdict
    (drawn,) = verdict["data"]
    names = [annotation["text"] for annotation in verdict["layout"]["annotations"]]
    assert names == [section.summary.name for section in found]
    for place, section in enumerate(found):
        assert section.best
        share = section.best.right.mean()
        assert drawn["x"][place] == pytest.approx(share)
        assert drawn["error_x"]["array"][place] == pytest.approx(
            1.96 * (share * (1 - share) / len(section.best.labels)) ** 0.5
        )


def test_the_best_of_studies_are_compared_in_words(page: str) -> None:
    one, other = data(page)["compared"]
    assert {one.partition("/")[0], other.partition("/")[0]} == {"mlp", "other"}
    assert one in data(page)["sentences"][f"{one} {other}"]


def test_nothing_in_it_is_fetched(page: str) -> None:
    head, script, _ = page.partition('<script type="application/json"')
    assert script
    assert not re.search(r'(src|href)="(?!data:|#)', head)
    assert "default-src 'none'" in head


def test_trials_whose_runs_have_lost_their_files_are_named_and_left_out(
    home: Path, bars: Images, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "home").mkdir()
    homes.search(tmp_path / "home", bars, "mlp", ("complete", "complete"))
    place = Place.at(tmp_path / "home", None, None)
    with storage.reading(place.storage) as store:
        run = results.one(store, "mlp/1").run
    (lost,) = (tmp_path / "home" / "artifacts").rglob(f"{run}/artifacts/predictions")
    rmtree(lost)
    out = tmp_path / "report.html"
    assert call(["report", "--home", str(tmp_path / "home"), "--out", str(out)]) == 0
    assert "what mlp/1 said of the test images is missing" in capfd.readouterr().err
    assert "what mlp/1 said of the test images is missing" in out.read_text("utf-8")
    assert list(data(out.read_text("utf-8"))["trials"]) == ["mlp/0"]


def test_an_earlier_report_is_written_over_and_anything_else_is_not(
    home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report.html"
    for _ in range(2):
        assert call(["report", "mlp", "--home", str(home), "--out", str(out)]) == 0
    notes = tmp_path / "notes.txt"
    notes.write_text("my own")
    for taken, told in (
        (notes, "is there and is no report"),
        (tmp_path, "directory"),
        (tmp_path / "no" / "x.html", "there is no folder"),
    ):
        assert call(["report", "mlp", "--home", str(home), "--out", str(taken)]) == 2
        assert told in capfd.readouterr().err
    assert notes.read_text() == "my own"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["notes.txt", "report.html"]


@pytest.mark.slow
def test_where_there_is_no_room_the_earlier_report_stays(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    words = ["report", "mlp", "--home", str(home), "--out", str(out)]
    assert call(words) == 0
    before = out.read_bytes()
    finished = subprocess.run(
        [sys.executable, "-m", "search", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000)),
    )
    assert finished.returncode == 2
    assert finished.stderr.startswith(f"error: --out {out}: File too large; make room there")
    assert out.read_bytes() == before
    assert list(tmp_path.iterdir()) == [out]


def test_a_study_that_is_not_there_is_named(home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert call(["report", "lenet", "--home", str(home), "--out", str(tmp_path / "x.html")]) == 2
    assert "no study named 'lenet'; there are: mlp, other, hopeless" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def summary(family: str, **settings: object) -> Summary:
    known = {"epochs": 10, "data": "fashion-mnist", "weights": "imagenet", "patience": None, "images": None}
    nothing = Standing(complete=0, pruned=0, failed=0, running=0, waiting=0)
    goal = models.family(family).goal
    return Summary(family, family, goal, nothing, 20, known | settings, None)


def trial(
    parameters: Mapping[str, Any],
    budget: int | None = None,
    patience: int | None = None,
    metrics: Mapping[str, float] | None = None,
) -> Result:
    return Result(
        study="mlp",
        number=3,
        state="COMPLETE",
        value=0.5,
        parameters=parameters,
        metrics=metrics or {},
        baseline=None,
        source="",
        reason="",
        caveat="",
        model="",
        removed="",
        run="",
        traceback="",
        epochs=3,
        budget=budget,
        patience=patience,
        seconds=1.0,
    )


@pytest.mark.parametrize("row", baselines.everything(), ids=lambda row: row.name)
def test_the_command_to_train_it_again_pins_all_that_a_report_says(row: Baseline) -> None:
    words = suggestions.again(summary(row.family), trial(row.parameters, row.epochs, row.patience)).split(" --")
    fixes = [word.removeprefix("fix ").strip("'") for word in words if word.startswith("fix ")]
    assert space.parse(models.family(row.family), fixes) == row.parameters
    assert f"epochs {row.epochs}" in words or row.epochs == 10
    assert (f"patience {row.patience}" in words) == bool(row.patience)


def test_the_command_to_train_it_again_is_one_that_a_shell_takes(
    tmp_path: Path, bars_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    odd = tmp_path / "my shirts & 'trousers'.npz"
    odd.write_bytes(bars_file.read_bytes())
    drawn = {"depth": 1, "units_1": 64, "learning_rate": 0.000123456789012345, "batch_norm": True, "optimizer": "sgd"}
    command = suggestions.again(summary("mlp", data=str(odd), images=100), trial(drawn))
    command = command.replace("python", sys.executable, 1) + f" --home '{tmp_path / 'home'}' --dry-run --format json"
    finished = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    planned = json.loads(finished.stdout)
    assert {name: planned["space"][name] for name in drawn} == {name: [value] for name, value in drawn.items()}
    assert planned["settings"]["images"] == 100
    assert planned["settings"]["data"] == str(odd)
    assert (planned["settings"]["trials"], planned["baselines"], planned["beginnings"]) == (1, [], [])


def test_the_command_to_train_it_again_has_all_that_the_study_was_begun_under_and_a_name_that_is_taken(
    tmp_path: Path, bars_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["--family", "mlp", "--data", str(bars_file), "--home", str(tmp_path), "--dry-run", "--format", "json"]
    limits = ["--max-parameters", "90000", "--max-seconds-per-epoch", "2.5", "--trial-timeout", "90s"]
    chosen = ["--precision", "float32", "--objective", "val_accuracy,parameters", "--patience", "2", *limits]
    assert call(["run", "--study", "s" * 64, *words, *chosen, "--sampler", "qmc", "--keep", "2"]) == 0
    before = json.loads(capfd.readouterr().out)["settings"]
    name = before.pop("study")
    del before["home"]
    begun = replace(summary("mlp"), name=name, settings=before)
    drawn = {"depth": 1, "units_1": 64, "optimizer": "sgd"}
    command = shlex.split(suggestions.again(begun, trial(drawn)).removeprefix("python -m search"))
    assert call([*command, "--home", str(tmp_path), "--dry-run", "--format", "json"]) == 0, capfd.readouterr().err
    planned = json.loads(capfd.readouterr().out)["settings"]
    changed = {name for name in before if before[name] != planned[name]}
    assert changed == {"trials", "seed", "baselines", "pruner", "fix", "sampler", "keep"}
    assert planned["study"].endswith("-3-again")
    assert len(planned["study"]) == 64


@given(
    st.integers(2, 4).flatmap(
        lambda networks: st.lists(st.lists(st.integers(0, 2), min_size=networks + 1, max_size=networks + 1), min_size=1)
    )
)
def test_images_on_which_networks_differ_are_those_that_some_tell_right(rows: list[list[int]]) -> None:
    labels, *said = np.array(rows).T
    names = ["a", "b", "c"]
    networks = [Judged(f"s/{n}", names, labels, one, np.ones(len(rows))) for n, one in enumerate(said)]
    found = differing(networks, np.zeros((len(rows), 2, 2, 1), np.uint8))
    rights = [sum(answer == row[0] for answer in row[1:]) for row in rows]
    apart = [place for place, right in enumerate(rights) if 0 < right < len(networks)]
    assert (found.right, found.wrong, found.apart) == (rights.count(len(networks)), rights.count(0), len(apart))
    shown = [tile.number for tile in found.tiles]
    assert len(set(shown)) == len(shown) == min(len(apart), MOST)
    assert set(shown) <= set(apart)
    for tile in found.tiles:
        assert [tile.label, *tile.said] == [names[one] for one in rows[tile.number]]


def test_a_report_of_classes_stands_beside_ours(home: Path) -> None:
    from search.report.gathering import Section, by_class

    names = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
    labels = np.repeat(np.arange(10), 10)
    said = np.where(np.arange(100) < 60, labels, 6)
    best = trial({})
    study = summary("lenet5", epochs=75)
    section = Section(
        replace(study, best=best),
        [best],
        [],
        [],
        {best.name: Judged(best.name, names, labels, said, np.ones(100))},
        [],
    )
    sheet = by_class(section)
    assert sheet
    shirt = dict(zip(sheet.columns, next(row for row in sheet.rows if row[0] == "Shirt"), strict=True))
    assert shirt["precision, report"] == 0.77
    assert shirt["precision, mlp/3"] == pytest.approx(10 / 40)
    assert shirt["recall, mlp/3"] == 1.0
    assert shirt["recall, points"] == pytest.approx(1 - 0.71)
    assert len(sheet.rows) == 10


def test_pairs_are_told_apart_at_the_networks_own_threshold_where_it_stands_against_the_report() -> None:
    found = {"best_val_pair_accuracy": 0.66, "best_val_pair_accuracy_at_best": 0.92}
    against = replace(summary("siamese"), best=trial({}, metrics=found)).against
    assert against
    assert (against.metric, against.ours) == ("best_val_pair_accuracy", 0.92)
    assert against.difference == pytest.approx(0.92 - 0.89)
    (_, said) = comparison.notes([replace(summary("siamese"), best=trial({}, metrics=found)), summary("mlp")], [])
    assert said == (
        "siamese: the report's figure and the points are of best_val_pair_accuracy, of which ours is 0.9200."
    )
