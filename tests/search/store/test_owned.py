"""Studies that are this program's, and studies in the same storage that are not."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

import tracking
from models.data import Images
from search.cli import call
from search.problem.settings import Place
from search.store import storage
from search.store.study import Study
from search.system.errors import SearchError, UsageError
from tests.search.store.test_study import Open, Settle

# Every command that is given a study by its name, and reads or writes it.
COMMANDS = (
    ["run", "--study", "mlp", "--trials", "1"],
    ["run", "--study", "mlp", "--trials", "1", "--dry-run"],
    ["show", "mlp"],
    ["show", "mlp/0"],
    ["best", "mlp"],
    ["compare", "mlp"],
    ["compare", "mlp/0", "mlp/1"],
    ["report", "mlp"],
    ["confirm", "mlp"],
    ["retrain", "mlp/0"],
    ["reproduce", "mlp/0"],
    ["keep", "mlp"],
    ["export", "mlp"],
    ["doctor", "mlp"],
    ["doctor", "mlp", "--fix"],
)


def dump(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as database:
        return list(database.iterdump())


@pytest.fixture(scope="module")
def no_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's database with nothing in it, made once: that takes seconds."""
    folder = tmp_path_factory.mktemp("empty")
    tracking.connect(f"sqlite:///{folder}/mlflow.db", folder / "artifacts").close()
    return folder / "mlflow.db"


@pytest.fixture
def theirs(tmp_path: Path, no_runs: Path) -> optuna.Study:
    """A study that somebody else has begun, of other directions, with a trial that no search of ours would make."""
    shutil.copy(no_runs, tmp_path / "mlflow.db")
    store = storage.connect(Place.at(tmp_path, None, None).storage)
    study = optuna.create_study(study_name="mlp", storage=store, directions=["minimize", "maximize", "minimize"])
    study.set_user_attr("owner", ["Anna", 5])
    trial = study.ask({"activation": optuna.distributions.FloatDistribution(0, 1)})
    trial.set_user_attr("test_accuracy", {"top": "five"})
    study.tell(trial, [1.0, 2.0, 3.0])
    study.enqueue_trial({"activation": 0.5})
    return study


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_study_that_somebody_else_has_begun_is_left_alone(
    words: list[str],
    theirs: optuna.Study,
    bars_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    before = dump(tmp_path / "optuna.db")
    data = ["--data", str(bars_file)] if words[0] == "run" else []
    assert call([*words, *data, "--home", str(tmp_path)]) == 2
    said = capfd.readouterr().err
    assert "is somebody else's: it was not begun by this program" in " ".join(said.split())
    assert "Traceback" not in said
    assert dump(tmp_path / "optuna.db") == before


@pytest.mark.parametrize("words", [["list"], ["compare"], ["doctor"], ["report"]], ids=" ".join)
def test_what_looks_at_all_studies_passes_over_those_of_others(
    words: list[str],
    theirs: optuna.Study,
    settle: Settle,
    open_study: Open,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    open_study(settle("lenet5"))
    assert call([*words, "--home", str(tmp_path)]) == 0
    said = capfd.readouterr()
    assert "mlp" not in said.out
    if words == ["list"]:
        assert "lenet5" in said.out
        assert said.err == "somebody else's, and passed over: mlp\n"


def test_an_empty_study_that_somebody_else_has_made_is_theirs(settle: Settle, bars: Images) -> None:
    settings = settle()
    store = storage.connect(settings.storage)
    optuna.create_study(study_name="mlp", storage=store, direction="maximize")
    with pytest.raises(UsageError, match="somebody else's"):
        Study.open(store, settings, bars.digest)


def test_a_study_is_begun_with_its_mark_or_not_at_all(settle: Settle, bars: Images) -> None:
    """A driver that is killed in between leaves one that the next goes on with."""
    settings = settle()
    store = storage.connect(settings.storage)
    begun = storage.begun(store, "mlp", [optuna.study.StudyDirection.MAXIMIZE])
    assert Study.open(store, settings, bars.digest).uuid == begun.user_attrs["uuid"]
    assert storage.begun(store, "mlp", []).directions == begun.directions


WRITES = {
    "ask": lambda study, trial: study.ask(),
    "report": lambda study, trial: study.report(trial, 1, 0.5),
    "tell": lambda study, trial: study.tell(trial, TrialState.COMPLETE, 0.5),
    "attribute of a trial": lambda study, trial: trial.set_user_attr("reason", "none"),
    "enqueue": lambda study, trial: study.enqueue_first(),
    "note": lambda study, trial: study.note("asked_for", 3),
    "notes for the dashboard": lambda study, trial: study.annotate(trial.number, best=True),
    "dismiss": lambda study, trial: study.dismiss(trial.number, "one too many"),
    "link": lambda study, trial: study.link(trial.number, "run"),
}


@pytest.mark.parametrize("write", WRITES)
def test_a_study_that_got_the_number_of_a_deleted_one_is_not_written_to(
    write: str, settle: Settle, open_study: Open
) -> None:
    study = open_study(settle())
    trial = study.ask()
    study.suggest(trial)
    # What there is to be enqueued is another question than whether it may be.
    study.settings = settings = replace(study.settings, baselines="best")
    other = storage.connect(settings.storage)
    optuna.delete_study(study_name="mlp", storage=other)
    theirs = optuna.create_study(study_name="theirs", storage=other)
    their_trial = theirs.ask()
    assert (theirs._study_id, their_trial._trial_id) == (study._study._study_id, trial._trial_id)
    before = dump(settings.home / "optuna.db")
    lost = pytest.raises(SearchError, match="was deleted meanwhile")
    with lost, storage.told(settings.storage):
        WRITES[write](study, trial)
    assert dump(settings.home / "optuna.db") == before


@pytest.fixture
def two(settle: Settle, open_study: Open, no_runs: Path, tmp_path: Path) -> Study:
    """A home with a study, beside another one that is as it should be."""
    shutil.copy(no_runs, tmp_path / "mlflow.db")
    open_study(settle("lenet5"))
    study = open_study(settle("mlp"))
    study.tell(study.ask(), TrialState.PRUNED)
    return study


@pytest.mark.parametrize("words", [["list"], ["compare"], ["report"]], ids=" ".join)
def test_what_looks_at_all_studies_passes_over_one_that_cannot_be_read(
    words: list[str], two: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with closing(sqlite3.connect(tmp_path / "optuna.db")) as database, database:
        damage = "UPDATE study_user_attributes SET value_json = 'no' WHERE key = 'identity' AND study_id = 2"
        assert database.execute(damage).rowcount == 1
    assert call([*words, "--home", str(tmp_path)]) == 0
    assert "passed over: study mlp in" in capfd.readouterr().err
    if words != ["list"]:
        assert call([*words, "mlp", "--home", str(tmp_path)]) == 2
        assert "mlp in" in (said := capfd.readouterr().err)
        assert "cannot be read: JSONDecodeError" in said


@pytest.mark.parametrize(
    ("settings", "why"),
    [({"family": "gone"}, "no family named 'gone'"), ([5], "cannot be read"), ({"fix": 5}, "cannot be read")],
)
def test_the_doctor_passes_over_a_study_that_cannot_be_read_and_says_so(
    settings: object, why: str, two: Study, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    two.note("settings", settings)
    here = ["--home", str(tmp_path)]
    for fix in ([], ["--fix"]):
        assert call(["doctor", *fix, *here]) == 1
        said = capfd.readouterr().out
        assert "I12 mlp: passed over: " in said
        assert why in said
        assert "lenet5, mlp: 1 found, 0 mended, 1 remain" in said
    assert call(["doctor", "lenet5", *here]) == 0
    assert call(["doctor", "mlp", *here]) == 2
    assert why in capfd.readouterr().err


def test_what_needs_no_family_is_shown_of_a_study_whose_family_is_gone(two: Study, tmp_path: Path) -> None:
    two.note("settings", {**two.attributes["settings"], "family": "gone"})
    out = str(tmp_path / "report.html")
    for words in (["list"], ["show", "mlp"], ["show", "mlp/0"], ["compare"], ["report", "--out", out]):
        assert call([*words, "--home", str(tmp_path)]) == 0
