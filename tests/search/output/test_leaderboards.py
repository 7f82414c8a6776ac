"""Only what can be compared stands in one table: studies of the same images, and reports beside as long a training."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from search.analysis.ranking import Scored, Standings
from search.commands.confirm import outcome
from search.commands.confirm.finalists import Finalist
from search.commands.confirm.outcome import Confirmed
from search.output import comparison, confirmed_table, printing
from search.problem import baselines
from search.problem.resolving import resolve
from search.problem.settings import Place
from search.store import reproductions, storage
from search.store.results import Summary
from search.store.study import Study
from tests.search.report.test_page import summary, trial


def searched(name: str, test: float, digest: str, **settings: object) -> Summary:
    best = trial({}, metrics={"best_val_accuracy": test, "test_accuracy": test, "parameters": 500.0})
    return replace(summary("mlp", **settings), name=name, digest=digest, best=best)


def test_studies_of_other_images_are_not_ranked_with_each_other() -> None:
    found = [
        searched("quick", 0.7, "aa", images=3_000),
        searched("other", 0.99, "bb", data="/home/me/fruits.npz"),
        searched("wide", 0.9, "aa", images=3_000),
    ]
    few, fruits = comparison.leaderboards(found)
    assert (few.title, [row[0] for row in few.rows]) == ("fashion-mnist, 3,000 training images", ["wide", "quick"])
    assert (fruits.title, [row[0] for row in fruits.rows]) == ("fruits.npz", ["other"])
    # In a spreadsheet each row says of which images it is.
    table = comparison.spreadsheet(found)
    assert [row[table.columns.index("digest")] for row in table.rows] == ["aa", "aa", "bb"]


def test_validation_ranks_studies_and_the_test_images_do_not(tmp_path: Path) -> None:
    """The test accuracy stands beside it, with half of its 95 % interval."""
    found = [
        replace(one, best=replace(best, value=value, metrics={"test_accuracy": best.metrics["test_accuracy"]}))
        for one, value in ((searched("lucky", 0.9, "aa"), 0.6), (searched("found", 0.8, "aa"), 0.7))
        if (best := one.best)
    ]
    (sheet,) = comparison.leaderboards(found)
    rows = [dict(zip(sheet.columns, row, strict=True)) for row in sheet.rows]
    assert [row["study"] for row in rows] == ["found", "lucky"]
    assert rows[0]["± test"] == pytest.approx(1.96 * (0.8 * 0.2 / 10_000) ** 0.5)
    assert [row[0] for row in comparison.spreadsheet(found).rows] == ["found", "lucky"]


def test_images_of_one_name_that_are_not_the_same_are_told_apart() -> None:
    found = [searched("now", 0.7, "aa", data="/a/fruits.npz"), searched("then", 0.8, "bb", data="/b/fruits.npz")]
    titles = [sheet.title for sheet in comparison.leaderboards(found)]
    assert titles == ["fruits.npz, digest aa", "fruits.npz, digest bb"]


@pytest.mark.parametrize(
    ("settings", "beside"),
    [
        ({"epochs": 20}, True),
        ({"epochs": 10}, True),
        ({"epochs": 9}, False),
        ({"epochs": 20, "images": 3_000}, False),
        ({"epochs": 20, "data": "fruits.npz"}, False),
        ({"epochs": 20, "weights": "none"}, False),
    ],
)
def test_a_report_stands_only_beside_what_had_its_images_and_half_of_its_epochs(
    settings: dict[str, object], beside: bool, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    found = searched("mlp", 0.6, "aa", **settings)
    (sheet,) = comparison.leaderboards([found])
    assert ("report" in sheet.columns) == beside
    printing.conclusion(found, resolve("mlp", Place.at(tmp_path, None, None), dict(found.settings), {}))
    said = capfd.readouterr().out
    assert ("report's best" in said) == ("-29.85 points" in said) == beside


def test_only_rows_of_reports_that_were_run_are_shown(tmp_path: Path) -> None:
    flags = {"epochs": 10, "trials": 2, "baselines": "best"}
    settings = resolve("mlp", Place.at(tmp_path, None, None), flags, {})
    store = storage.connect(settings.storage)
    study = Study.open(store, settings, "aa")
    study.enqueue_first()
    assert reproductions.of(storage.load(store, "mlp")) == []
    asked = study.ask()
    assert asked
    study.suggest(asked)
    asked.set_user_attr("test_accuracy", 0.8)
    study.report(asked, 1, 0.8)
    (row,) = reproductions.of(storage.load(store, "mlp"))
    assert (row.baseline, row.trial.number, row.difference) == (baselines.best("mlp"), 0, -0.0985)
    store.engine.dispose()


@pytest.mark.parametrize(("epochs", "beside"), [(3, False), (10, True)])
def test_the_note_of_a_study_names_a_report_only_where_it_can_be_compared(
    epochs: int, beside: bool, tmp_path: Path
) -> None:
    settings = resolve("mlp", Place.at(tmp_path, None, None), {"epochs": epochs, "trials": 2}, {})
    store = storage.connect(settings.storage)
    study = Study.open(store, settings, "aa")
    asked = study.ask()
    assert asked
    study.annotate(asked.number, best=True)
    note = store.get_study_system_attrs(study._study._study_id)["dashboard:note_str:0"]
    assert ("The best of Report B" in note) == beside
    store.engine.dispose()


def confirmed(shares: dict[str, float], study: str = "mlp", digest: str = "aa") -> Confirmed:
    """What two seeds of each finalist are right about, so many of 10,000 images."""
    scored = []
    for name, share in shares.items():
        right = np.zeros((2, 10_000), dtype=bool)
        right[:, : round(10_000 * share)] = True
        right[1, 0] = False
        scored.append(Scored(name, right))
    finalists = {name: Finalist("0", name, "relu", {}, 3, 3) for name in shares}
    return Confirmed(study, "", finalists, Standings(scored), {}, (), None, digest)


def test_nobody_is_called_the_best_for_what_may_be_noise() -> None:
    (near,) = confirmed({"mlp/1": 0.8001, "mlp/0": 0.8}).sentences()
    assert near.startswith("mlp/1 is ahead of mlp/0 (0.01 ± ")
    assert "by no more than noise: test_accuracy 0.8001 ± 0." in near
    (clear,) = confirmed({"mlp/1": 0.9, "mlp/0": 0.8}).sentences()
    assert clear.startswith("mlp/1 is the best, by more than noise: test_accuracy 0.9000 ± 0.")
    assert clear.endswith(" points ahead of mlp/0")
    (alone,) = confirmed({"mlp/1": 0.9}).sentences()
    assert alone.startswith("mlp/1 comes to test_accuracy 0.9000 ± 0.")


def test_an_accuracy_and_its_margin_are_in_one_unit_and_so_are_points_and_theirs() -> None:
    told = confirmed({"mlp/1": 0.9, "mlp/0": 0.8}).data()
    sheet = confirmed_table.table(told)
    last = dict(zip(sheet.columns, sheet.rows[1], strict=True))
    assert last["±"] == told["finalists"][1]["margin"] < last["test"]
    assert sheet.columns[4:6] == ("points", "± points")


def test_winners_on_other_images_are_not_held_against_each_other(capfd: pytest.CaptureFixture[str]) -> None:
    found = [confirmed({"mlp/1": 0.9}), confirmed({"fruits/1": 0.8}, "fruits", "bb"), confirmed({"b/2": 0.5}, "b")]
    outcome.printed(found, "text")
    said = " ".join(capfd.readouterr().out.split())
    assert "Not compared, since their images are others: mlp and b; fruits." in said
    assert "mlp/1 is better than b/2" in said
    assert "over fruits/1" not in said
    assert "than fruits/1" not in said
