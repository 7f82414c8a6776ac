"""What a person chose: flag over environment over what the study was begun with over default."""

from pathlib import Path
from unittest.mock import create_autospec

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.storages import RDBStorage
from optuna.trial import TrialState

from search.driver import opening
from search.policies import samplers
from search.problem.option import settings_of
from search.problem.resolving import resolve
from search.problem.settings import Place, Settings, check_name
from search.registry import named
from search.store import storage
from search.store.study import Study
from search.system import next_commands
from search.system.errors import UsageError
from search.system.wording import counted

KNOWN = settings_of(Settings)
PLACE = Place.at(Path("/somewhere"), None, None)


def test_a_study_is_named_after_its_family_unless_told_otherwise() -> None:
    assert resolve("lenet5", PLACE, {}, {}).family == "lenet5"
    assert resolve("lenet5-wide", PLACE, {"family": "lenet5"}, {}).family == "lenet5"


def test_a_study_with_a_name_of_its_own_needs_a_family() -> None:
    refused = pytest.raises(UsageError, match="no family named 'wide'.*--study wide --trials 3 --family mlp")
    with next_commands.typed(["run", "--study", "wide", "--trials", "3"]), refused:
        resolve("wide", PLACE, {"trials": 3}, {})


def test_a_flag_counts_more_than_what_the_study_was_begun_with_and_that_more_than_the_default() -> None:
    stored = resolve("mlp", PLACE, {"trials": 7, "seed": 3}, {}).lasting()
    continued = resolve("mlp", PLACE, {"trials": 9}, stored)
    assert (continued.trials, continued.seed, continued.epochs) == (9, 3, 10)


@pytest.mark.parametrize(("name", "value"), [("epochs", 5), ("images", 100), ("data", "x.npz"), ("family", "cnn")])
def test_what_makes_trials_comparable_cannot_change_on_the_way(name: str, value: object) -> None:
    stored = resolve("mlp", PLACE, {}, {}).lasting()
    with pytest.raises(UsageError, match=rf"--{name} {value}: study mlp was begun with --{name} .*--study mlp-2"):
        resolve("mlp", PLACE, {name: value}, stored)


def test_a_study_whose_sampler_is_there_no_more_goes_on_with_another(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = resolve("mlp", PLACE, {}, {}).lasting() | {"sampler": "bayes", "pruner": "medians"}
    monkeypatch.setattr(storage, "remembered", lambda *_: stored)
    nothing = dict.fromkeys(KNOWN)
    with pytest.raises(UsageError, match=f"^--sampler bayes: not one of {', '.join(samplers.names())}"):
        opening.decide("mlp", PLACE, nothing, create_autospec(RDBStorage))
    with pytest.raises(UsageError, match=r"^--pruner medians: .*\(did you mean median\?\)"):
        opening.decide("mlp", PLACE, {**nothing, "sampler": "tpe"}, create_autospec(RDBStorage))


def test_images_that_were_moved_may_be_named_anew(tmp_path: Path) -> None:
    (tmp_path / "x.npz").touch()
    stored = resolve("mlp", PLACE, {"data": str(tmp_path / "x.npz")}, {}).lasting()
    with pytest.raises(UsageError, match="was begun with --data"):
        resolve("mlp", PLACE, {"data": "y.npz"}, stored)
    (tmp_path / "x.npz").unlink()
    assert resolve("mlp", PLACE, {"data": "y.npz"}, stored).data == "y.npz"


def test_a_study_that_found_no_weights_may_be_given_others(tmp_path: Path) -> None:
    store = storage.connect(f"sqlite:///{tmp_path / 'optuna.db'}")
    begun = Study.open(store, resolve("resnet50", PLACE, {}, {}), "a" * 32)
    assert "weights" not in storage.remembered(store, "resnet50")
    asked = begun.ask()
    assert asked is not None
    begun.tell(asked, TrialState.FAIL)
    assert storage.remembered(store, "resnet50")["weights"] == "imagenet"


def test_saying_again_what_the_study_was_begun_with_changes_nothing() -> None:
    stored = resolve("mlp", PLACE, {"epochs": 5, "fix": ("depth=2",)}, {}).lasting()
    assert resolve("mlp", PLACE, {"epochs": 5}, stored).fix == ("depth=2",)


def test_a_search_without_a_number_of_trials_ends_after_an_hour_and_one_with_it_does_not() -> None:
    assert resolve("mlp", PLACE, {}, {}).timeout == 3600
    assert resolve("mlp", PLACE, {"trials": 20}, {}).timeout is None
    assert resolve("mlp", PLACE, {"timeout": 60.0}, {}).timeout == 60


def test_a_time_without_a_number_of_trials_is_for_as_many_as_fit() -> None:
    assert resolve("mlp", PLACE, {}, {}).trials == 40
    assert resolve("mlp", PLACE, {"timeout": 60.0, "trials": 5}, {}).trials == 5
    open_ended = resolve("mlp", PLACE, {"timeout": 60.0}, {})
    assert open_ended.trials is None
    gone_on = resolve("mlp", PLACE, {}, open_ended.lasting())
    assert (gone_on.trials, gone_on.timeout) == (None, 3600)


def test_a_cost_beside_the_goal_is_left_to_a_sampler_that_knows_both() -> None:
    assert resolve("mlp", PLACE, {}, {}).sampler == "ensemble"
    both = {"objective": "val_accuracy,parameters"}
    begun = resolve("mlp", PLACE, both, {})
    assert begun.sampler == "tpe"
    assert resolve("mlp", PLACE, {}, begun.lasting()).sampler == "tpe"
    assert resolve("mlp", PLACE, {**both, "sampler": "ensemble"}, {}).sampler == "ensemble"


def test_a_number_of_trials_that_a_study_was_begun_with_stays_when_its_time_is_limited() -> None:
    stored = resolve("mlp", PLACE, {"trials": 100}, {}).lasting()
    assert resolve("mlp", PLACE, {"timeout": 60.0}, stored).trials == 100


@pytest.mark.parametrize(("text", "expected"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("1.5h", 5400)])
def test_times_are_given_with_their_unit(text: str, expected: float) -> None:
    assert KNOWN["timeout"].read(text) == expected


@given(text=st.text(max_size=8))
def test_any_other_time_is_refused_with_an_example(text: str) -> None:
    try:
        assert KNOWN["timeout"].read(text) > 0
    except UsageError as error:
        assert "such as 90s, 30m or 2h" in str(error)


@given(name=st.text(max_size=80))
def test_a_study_name_is_safe_as_the_name_of_a_file_or_refused(name: str) -> None:
    try:
        check_name(name)
    except UsageError as error:
        assert "a study's name has" in str(error)
    else:
        assert (Path("/base") / name).resolve().parent == Path("/base")
        assert name not in (".", "..")
        assert len(name) <= 64


@pytest.mark.parametrize("name", ["../../etc/x", "a/b", "", "x" * 65, "Ж", "-x", "A"])
def test_odd_study_names_are_refused(name: str) -> None:
    with pytest.raises(UsageError):
        check_name(name)


@pytest.mark.parametrize(("text", "count"), [("auto", 0), ("1", 1), ("16", 16)])
def test_workers_are_a_number_or_left_to_the_machine(text: str, count: int) -> None:
    assert KNOWN["workers"].read(text) == count


@pytest.mark.parametrize("text", ["0", "-1", "2.5", "two", "", "99999", "²"])
def test_any_other_number_of_workers_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"from 1, or auto"):
        KNOWN["workers"].read(text)


@pytest.mark.parametrize("path", ["~nobody-here/runs", "~nobody-here"])
def test_the_folder_of_a_user_who_is_not_there_is_refused_in_words(path: str) -> None:
    with pytest.raises(UsageError, match=rf"--home {path}: there is no user 'nobody-here' here; give the path in full"):
        Place.at(Path(path), None, None)
    with (
        pytest.raises(UsageError, match="there is no user 'nobody-here' here"),
        named.opened("~nobody-here/x.keras", PLACE),
    ):
        pass


@pytest.mark.parametrize(
    ("count", "told"), [(0, "0 trials"), (1, "1 trial"), (2, "2 trials"), (10_000, "10,000 trials")]
)
def test_one_is_one_and_more_are_more(count: int, told: str) -> None:
    assert counted(count, "trial") == told
