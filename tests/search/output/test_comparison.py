"""Trials of two studies beside each other, as a person sees them: real searches, recorded in MLflow."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from search.cli import call
from search.output import tables
from search.output.tables import Count, Points, Sheet, sheets

pytestmark = pytest.mark.slow

Words = Callable[..., str]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, bars_file: Path, tensorflow: None) -> Path:
    """The home of two searches that are over."""
    home = tmp_path_factory.mktemp("compared")
    for study, family in (("bars", "mlp"), ("lenet5", "lenet5")):
        words = ["--study", study, "--family", family, "--trials", "2", "--epochs", "2", "--engine", "inline"]
        words += ["--data", str(bars_file), "--home", str(home), "--baselines", "none", "--precision", "float32"]
        assert call(["run", *words, "--fix", "learning_rate=0.002", "--fix", "optimizer=adam"]) == 0
    return home


@pytest.fixture
def compare(home: Path, capfd: pytest.CaptureFixture[str]) -> Words:
    """What `compare` prints."""

    def compare(*words: str, code: int = 0) -> str:
        assert call(["compare", *words, "--home", str(home)]) == code
        printed = capfd.readouterr()
        return printed.err if code else printed.out

    return compare


def test_two_trials_are_compared_image_by_image(compare: Words, home: Path) -> None:
    found = json.loads(compare("lenet5/0", "lenet5/1", "--format", "json"))
    first, second = found["trials"]
    (pairing,) = found["pairings"]
    assert (pairing["first"], pairing["second"]) == ("lenet5/0", "lenet5/1")
    gain = second["metrics"]["test_accuracy"] - first["metrics"]["test_accuracy"]
    assert pairing["overall"]["difference"] == pytest.approx(gain)
    assert pairing["overall"]["images"] == 120
    assert len(pairing["classes"]) == 10


def test_people_are_told_in_words_what_the_figures_come_to(compare: Words) -> None:
    said = json.loads(compare("lenet5/0", "lenet5/1", "--format", "json"))["pairings"][0]["sentence"]
    assert said in compare("lenet5/0", "lenet5/1").replace("\n", " ")


def test_a_study_among_trials_stands_for_its_best_one(compare: Words, home: Path) -> None:
    found = json.loads(compare("lenet5/0", "lenet5", "--format", "json"))
    best = json.loads(compare("lenet5", "--format", "json"))["studies"][0]["best"]
    assert found["trials"][1] == best


def test_a_trial_is_no_different_from_itself(compare: Words) -> None:
    said = compare("lenet5/0", "lenet5/0")
    assert "within noise of each other: 0.00 ± 0.00 points on 120 images (McNemar, p = 1)" in said


def test_a_spreadsheet_gets_every_figure_in_full(compare: Words) -> None:
    rows = list(csv.reader(io.StringIO(compare("lenet5", "--format", "csv"))))
    best = json.loads(compare("lenet5", "--format", "json"))["studies"][0]["best"]
    assert float(rows[1][rows[0].index("test")]) == best["metrics"]["test_accuracy"]
    assert float(rows[1][rows[0].index("val.")]) == best["value"]


def test_a_text_gets_a_table_that_is_one_in_markdown(compare: Words) -> None:
    table = [line for line in compare("--format", "markdown").splitlines() if line.startswith("|")]
    assert len(table) == 4
    assert len({line.count("|") for line in table}) == 1
    assert set(table[1]) <= set("|-: ")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["lenet5/0"], "lenet5/0 alone cannot be compared; give a second trial"),
        (["lenet5/0", "lenet5/9"], "no trial 'lenet5/9'; there are: lenet5/0 to lenet5/1"),
        (["lenet5/0", "cnn"], "no study named 'cnn'"),
        (["lenet5/0", "lenet5/1", "--tracking-uri", "sqlite:////nowhere/mlflow.db"], "there are no runs"),
    ],
)
def test_what_cannot_be_compared_is_said_with_the_way_out(compare: Words, words: list[str], told: str) -> None:
    assert told in compare(*words, code=2)


def test_a_table_takes_names_as_they_are(capfd: pytest.CaptureFixture[str]) -> None:
    names = Sheet("", ("class", "images"), [("[bold]", 1), ("a|b", 2)])
    sheets([names], [], "text")
    assert "[bold]" in capfd.readouterr().out
    sheets([names], [], "markdown")
    assert r"| a\|b" in capfd.readouterr().out


def test_a_terminal_of_80_columns_shows_every_column_of_the_leaderboard(
    compare: Words, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.output.tables.console", lambda: Console(width=80))
    title, head, _, *rows = (line for line in compare().splitlines() if line.strip())
    assert title == "bars.npz:"
    assert head.split() == ["study", "epochs", "trials", "best", "val.", "test", "params", "s/epoch"]
    assert {row.split()[0] for row in rows} == {"bars", "lenet5"}


@pytest.mark.parametrize(
    ("value", "told"),
    [(Count(413), "413"), (Count(1_000), "1 k"), (Count(245_300), "245 k"), (Count(999_900), "1.00 M")],
)
def test_parameters_are_counted_so_that_few_are_not_none(value: Count, told: str) -> None:
    assert tables.cell(value) == told


def test_points_in_a_spreadsheet_have_no_noise_behind_them() -> None:
    assert tables.exact(Points(-0.08599999999999996)) == -8.6
    assert tables.exact(0.1 + 0.2) == 0.1 + 0.2, "what was measured stays as it was measured"
