"""Two objectives: what may be asked for, what is told of a trial, and what is shown of a choice."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import TrialState

from models.data import Images
from models.family import Goal
from search import Study as NotebookStudy
from search.cli import call
from search.problem import objectives
from search.problem.option import settings_of
from search.problem.resolving import resolve
from search.problem.settings import Place, Settings
from search.store.attributes import REPEAT_OF
from search.store.study import Study
from search.system.errors import SearchError, UsageError
from search.workers.messages import Blocked, Failed, Job, Message
from tests.search import homes
from tests.search.conftest import Searched
from tests.search.driver.test_driver import Script, epochs
from tests.search.driver.test_repeats import parameters
from tracking.engines.memory import MemoryTracker

pytestmark = pytest.mark.slow

Settle = Callable[..., Settings]
Search = Callable[..., Searched]
GOAL = Goal("val_accuracy", "maximize")
BOTH = objectives.of(GOAL, "val_accuracy,parameters")
ENDINGS = ("complete", "pruned", "complete", "infeasible", "failed", "complete", "complete", "interrupted")


def test_a_search_is_for_its_familys_goal_unless_a_cost_is_asked_for_as_well() -> None:
    assert objectives.of(GOAL, None) == objectives.of(GOAL, "val_accuracy") == (GOAL,)
    assert objectives.of(GOAL, " val_accuracy , latency ") == (GOAL, Goal("latency_ms", "minimize"))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("test_accuracy,parameters", "must not steer it; begin with val_accuracy"),
        ("parameters", "the first is val_accuracy.*--objective val_accuracy,parameters"),
        ("val_loss,latency", "the first is val_accuracy"),
        ("val_accuracy,size", "no objective 'size'; after val_accuracy: parameters, latency"),
        ("val_accuracy,parameters,latency", "more than 2"),
        ("", "the first is val_accuracy"),
    ],
)
def test_what_cannot_be_searched_for_is_refused_with_what_can(asked: str, said: str) -> None:
    with pytest.raises(UsageError, match=f"--objective {asked}: .*{said}"):
        objectives.of(GOAL, asked)


@given(asked=st.text("val_accuracy,parameters latency", max_size=40))
def test_what_is_asked_for_stays_what_it_is_when_it_is_remembered(asked: str) -> None:
    try:
        goals = objectives.of(GOAL, asked)
    except UsageError:
        return
    assert objectives.of(GOAL, objectives.named(goals)) == goals


@given(found=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=12))
def test_the_pareto_set_is_optunas(found: list[tuple[float, float]]) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(directions=[goal.direction for goal in BOTH])
    study.add_trials([optuna.create_trial(values=values) for values in found])
    chosen = objectives.pareto(dict(enumerate(found)), BOTH)
    assert sorted(chosen) == [trial.number for trial in study.best_trials]
    assert [found[number] for number in chosen] == sorted((found[number] for number in chosen), reverse=True)


def test_both_values_are_told_as_they_stand_in_the_run_to_the_last_bit(settle: Settle, search: Search) -> None:
    study, tracker = search(settle(trials=2, pruner="none", objective="val_accuracy,latency"))
    for trial, run in zip(study.trials(), tracker.records("mlp"), strict=True):
        assert trial.values == [run.metrics["best_val_accuracy"], run.metrics["latency_ms"]]
        assert trial.user_attrs["latency_ms"] == trial.values[1] > 0
        assert trial.values[0] == max(trial.intermediate_values.values())


def test_a_trial_that_was_only_not_told_is_adopted_with_both_values(
    settle: Settle, search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker, wanted = MemoryTracker(), settle(trials=1, objective="val_accuracy,parameters")
    with monkeypatch.context() as patch:
        patch.setattr(Study, "tell", lambda *_: (_ for _ in ()).throw(SearchError("killed before telling")))
        with pytest.raises(SearchError, match="killed before telling"):
            search(wanted, tracker)
    study, _ = search(wanted, tracker, Script(lambda job, attempt: [Failed("was trained again")]))
    (trial,), (run,) = study.trials(), tracker.records("mlp")
    assert trial.state == TrialState.COMPLETE
    assert trial.values == [run.metrics["best_val_accuracy"], run.metrics["parameters"]]


def test_an_interrupted_trial_goes_on_with_the_epochs_that_it_had(settle: Settle, search: Search) -> None:
    tracker, wanted = MemoryTracker(), settle(trials=1, epochs=9, objective="val_accuracy,parameters")

    def tell(job: Job, attempt: int) -> list[Message]:
        return [*epochs(2), Blocked("no more room")]

    with pytest.raises(SearchError, match="no more room"):
        search(wanted, tracker, Script(tell))
    study, _ = search(wanted, tracker, Script(lambda job, attempt: [*epochs(3), Failed("diverged at epoch 4")]))
    (trial,), (run,) = study.trials(), tracker.records("mlp")
    assert list(trial.intermediate_values) == [1, 2, 3]
    assert list(tracker.reopen(run.id).history("val_accuracy")) == [1, 2, 3]


def test_a_repeat_has_both_values_of_the_earlier_trial(
    settle: Settle, search: Search, open_study: Callable[..., Study]
) -> None:
    wanted = settle(trials=2, objective="val_accuracy,parameters")
    for _ in range(2):
        open_study(wanted)._study.enqueue_trial(dict(parameters()))
    study, tracker = search(wanted)
    first, second = study.trials()
    assert second.user_attrs[REPEAT_OF] == 0
    assert first.values == second.values
    run = tracker.find("mlp", study.key(1))
    assert run is not None
    assert [run.metrics["best_val_accuracy"], run.metrics["parameters"]] == first.values


def test_halving_lets_the_best_by_the_goal_go_on(settle: Settle, search: Search) -> None:
    study, _ = search(settle(trials=3, epochs=3, pruner="halving", objective="val_accuracy,parameters"))
    states = [trial.state for trial in study.trials()]
    assert states.count(TrialState.COMPLETE) == 1
    (chosen,) = (trial for trial in study.trials() if trial.state == TrialState.COMPLETE)
    assert chosen.intermediate_values[1] == max(trial.intermediate_values[1] for trial in study.trials())
    assert len(chosen.values) == 2


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("objective", "val_accuracy,latency"),
        ("max_parameters", 9),
        ("max_seconds_per_epoch", 9.0),
        ("like", "other"),
        ("test_share", 0.2),
    ],
)
def test_a_study_of_an_earlier_version_goes_on_and_was_begun_without(flag: str, value: object, tmp_path: Path) -> None:
    place = Place.at(tmp_path, None, None)
    later = {name for name, setting in settings_of(Settings).items() if setting.option.later}
    assert later == {"objective", "max_parameters", "max_seconds_per_epoch", "like", "test_share"}
    stored = {name: known for name, known in resolve("mlp", place, {}, {}).lasting().items() if name not in later}
    assert resolve("mlp", place, {"objective": "val_accuracy"}, stored).objective is None
    said = f"--{flag.replace('_', '-')} {value}: study mlp was begun without it, .*--study mlp-2"
    with pytest.raises(UsageError, match=said):
        resolve("mlp", place, {flag: value}, stored)


def test_what_a_search_is_for_and_its_limits_cannot_change_on_the_way(tmp_path: Path) -> None:
    place, begun = Place.at(tmp_path, None, None), {"objective": "val_accuracy,parameters", "max_parameters": 9}
    stored = resolve("mlp", place, begun, {}).lasting()
    assert resolve("mlp", place, begun, stored).limits.parameters == 9
    with pytest.raises(UsageError, match="begun with --objective val_accuracy,parameters"):
        resolve("mlp", place, {"objective": "val_accuracy"}, stored)
    with pytest.raises(UsageError, match="--max-parameters 10: study mlp was begun with --max-parameters 9"):
        resolve("mlp", place, {"max_parameters": 10}, stored)


def test_a_study_is_known_by_its_objectives(settle: Settle, open_study: Callable[..., Study]) -> None:
    study = open_study(settle(objective="val_accuracy,parameters"))
    assert study.identity["goal"] == "val_accuracy,parameters"
    assert study._study.metric_names == ["val_accuracy", "parameters"]
    with pytest.raises(UsageError, match="the goal is val_accuracy, was val_accuracy,parameters"):
        open_study(settle())


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, bars: Images) -> Path:
    """A home with a study of two objectives, whose later trials have more parameters."""
    home = tmp_path_factory.mktemp("выбор")
    homes.search(home, bars, endings=ENDINGS, objective="val_accuracy,parameters")
    return home


@pytest.fixture
def said(home: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What a command prints about that home."""

    def said(*words: str, code: int = 0) -> str:
        assert call([*words, "--home", str(home)]) == code
        return capfd.readouterr().out

    return said


def chosen(home: Path) -> list[int]:
    """Return the Pareto set by Optuna."""
    place = Place.at(home, None, None)
    return sorted(trial.number for trial in optuna.load_study(study_name="mlp", storage=place.storage).best_trials)


def test_best_shows_the_pareto_set_and_for_programs_all_of_its_trials(home: Path, said: Callable[..., str]) -> None:
    found = json.loads(said("best", "mlp", "--format", "json"))
    assert sorted(trial["number"] for trial in found["pareto"]) == chosen(home)
    assert found["best"]["number"] == found["pareto"][0]["number"]
    assert [goal["metric"] for goal in found["objectives"]] == ["val_accuracy", "parameters"]
    table = said("best", "mlp")
    for trial in found["pareto"]:
        assert f"{trial['value']:.4f}" in table
        assert f" {trial['metrics']['parameters']:.0f} " in table
    assert json.loads(said("best", "mlp/0", "--format", "json"))["number"] == 0


def test_the_pareto_set_is_marked_among_all_trials(home: Path, said: Callable[..., str]) -> None:
    shown = said("show", "mlp").splitlines()
    assert sorted(int(line.split()[0]) for line in shown if "complete*" in line) == chosen(home)
    assert any(line.startswith("*: the Pareto set") for line in shown)


def test_list_and_compare_go_by_the_goal_and_compare_has_the_choice_too(home: Path, said: Callable[..., str]) -> None:
    (listed,) = json.loads(said("list", "--format", "json"))
    (compared,) = json.loads(said("compare", "--format", "json"))["studies"]
    assert listed["best"] == compared["best"]
    assert sorted(compared["pareto"]) == chosen(home)
    assert "mlp, Pareto set of val_accuracy (maximize), parameters (minimize)" in said("compare")


def test_the_report_has_the_set_and_draws_it(home: Path, said: Callable[..., str], tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    said("report", "--out", str(out))
    page = out.read_text("utf-8")
    figure = json.loads(page.partition('id="data">')[2].partition("</script>")[0])["charts"]["mlp-pareto"]
    others, front = figure["data"]
    assert (front["name"], len(front["x"])) == ("Pareto set", len(chosen(home)))
    assert figure["layout"]["xaxis"]["title"]["text"] == "parameters"
    assert "The Pareto set, marked * below" in page
    assert len(others["x"]) + len(front["x"]) == ENDINGS.count("complete")


def test_a_notebook_has_the_pareto_set(home: Path) -> None:
    study = NotebookStudy("mlp", home=home)
    assert sorted(trial.result.number for trial in study.pareto) == chosen(home)
    assert study.pareto[0].result == study.best.result


def test_the_doctor_is_silent_and_finds_a_second_value_that_differs(home: Path, said: Callable[..., str]) -> None:
    said("doctor", "--fix", code=0)
    said("doctor", code=0)
    with closing(sqlite3.connect(home / "optuna.db", isolation_level=None)) as database:
        change = "UPDATE trial_values SET value = value {} 1 WHERE objective = 1 AND trial_id = 1"
        database.execute(change.format("+"))
        (found, *_) = json.loads(said("doctor", "--format", "json", code=1))
        database.execute(change.format("-"))
    assert (found["id"], found["trial"]) == ("I6", 0)
    assert "parameters is 11.0 in Optuna and 10.0 in its run" in found["text"]
    assert "parameters is 11.0 as its value and 10.0 as its attribute" in found["text"]


def test_what_would_be_searched_for_is_shown_before_it_is(
    bars_file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["run", "--study", "mlp", "--data", str(bars_file), "--home", str(tmp_path / "none"), "--dry-run"]
    asked = ["--objective", "val_accuracy,latency", "--max-parameters", "300000", "--max-seconds-per-epoch", "2.5"]
    assert call([*words, *asked]) == 0
    shown = "objective: val_accuracy (maximize), latency_ms (minimize); at most 300,000 parameters and 2.5 s an epoch"
    assert shown in capfd.readouterr().out
    assert not (tmp_path / "none").exists()
