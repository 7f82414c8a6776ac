"""Who is trained again: the best configurations, each by the trial that was trained."""

from dataclasses import replace
from pathlib import Path

import pytest

from models.data import Images
from search.cli import call
from search.commands.confirm import finalists
from search.problem.settings import Place
from search.store import results, storage
from search.store.results import Result, Summary
from search.system import next_commands
from search.system.errors import SearchError
from tests.advice.following import Reader
from tests.search import homes
from tests.search.breaks import Home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, bars: Images) -> Path:
    home = tmp_path_factory.mktemp("finalists")
    homes.search(home, bars, "mlp", ("complete",) * 4)
    return home


@pytest.fixture(scope="module")
def found(home: Path) -> tuple[Summary, list[Result]]:
    with storage.reading(Place.at(home, None, None).storage) as store:
        return results.everything(storage.load(store, "mlp"))


def repeat(trial: Result, number: int) -> Result:
    """Return a trial that was not trained, since this one has its configuration."""
    return replace(trial, number=number, metrics={"best_val_accuracy": trial.value or 0.0}, epochs=0)


@pytest.mark.slow
def test_of_equal_configurations_the_one_that_was_trained_is_chosen_whatever_its_number(
    found: tuple[Summary, list[Result]],
) -> None:
    """As where a repeat was taken in from elsewhere before its original."""
    summary, trials = found
    best = max(trials, key=lambda trial: trial.value or 0.0)
    original = replace(best, number=9)
    others = [trial for trial in trials if trial is not best]
    chosen = finalists.of(summary, [repeat(best, best.number), *others, original], 1)
    assert chosen[0].name == "mlp/9"
    assert chosen[0].until == best.metrics["best_epoch"]


def test_where_none_was_trained_it_is_said_how_it_is(
    found: tuple[Summary, list[Result]], home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    summary, trials = found
    with next_commands.typed(["--home", str(home)]), pytest.raises(SearchError, match="has no best_epoch") as raised:
        finalists.of(summary, [repeat(trials[1], 1)], 1)
    Reader(home, capfd).follows(str(raised.value))


@pytest.mark.slow
@pytest.mark.parametrize("own", ['"yes"', "true", "[1, 2]", '{"by": "me"}', '{"finalists": [1]}', '{"finalists": {}}'])
def test_somebody_s_own_attribute_of_that_name_is_not_taken_for_ours(
    home: Path, tmp_path: Path, own: str, capfd: pytest.CaptureFixture[str]
) -> None:
    there = Home(home)
    there.optuna("DELETE FROM study_user_attributes WHERE key = 'confirmed'")
    there.optuna(
        "INSERT INTO study_user_attributes (study_id, key, value_json) VALUES (?, 'confirmed', ?)", there.id, own
    )
    out = tmp_path / "report.html"
    for words in (["best", "mlp"], ["list"], ["compare"], ["report", "--out", str(out)], ["keep", "mlp", "--dry-run"]):
        assert call([*words, "--home", str(home)]) == 0, capfd.readouterr()
        capfd.readouterr()
    assert call(["best", "mlp", "--home", str(home)]) == 0
    assert "not confirmed yet" in capfd.readouterr().out
