"""The space of a family, read off its `suggest`."""

import itertools
from typing import Any

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

import models
from search.problem import space
from search.system.errors import UsageError

NAMES = models.names()


@pytest.mark.parametrize("name", NAMES)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_space_holds_every_hyperparameter_that_a_trial_is_ever_asked_for(name: str, seed: int) -> None:
    family = models.family(name)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    trial = study.ask()
    family.suggest(trial)
    known = space.of(family.suggest)
    assert {name: known.get(name) for name in trial.distributions} == trial.distributions


def test_a_hyperparameter_that_depends_on_others_is_in_the_space_only_where_these_allow_it() -> None:
    family = models.family("mlp")
    assert "units_4" in space.of(family.suggest)
    assert "units_4" not in space.of(family.suggest, {"depth": 3})


@pytest.mark.parametrize("name", NAMES)
def test_names_and_ranges_that_families_share_are_the_same(name: str) -> None:
    ours, theirs = space.of(models.family(name).suggest), space.of(models.family("cnn").suggest)
    alike = {"activation", "optimizer", "schedule", "dropout", "l1", "l2", "batch_norm", "batch_size"}
    assert {shared: ours[shared] for shared in alike} == {shared: theirs[shared] for shared in alike}


def test_pinned_values_get_the_type_that_the_space_has() -> None:
    fixes = ["activation=tanh", "depth=3", "learning_rate=1e-3", "l2=0.0001", "batch_norm=true", "batch_size=64"]
    assert space.parse(models.family("mlp"), fixes) == {
        "activation": "tanh",
        "depth": 3,
        "learning_rate": 0.001,
        "l2": 0.0001,
        "batch_norm": True,
        "batch_size": 64,
    }


def test_pins_may_stand_in_one_word_or_in_several() -> None:
    assert space.parse(models.family("mlp"), ["activation=tanh,depth=3", "l2=0"]) == {
        "activation": "tanh",
        "depth": 3,
        "l2": 0.0,
    }
    with pytest.raises(UsageError, match="--fix depht=3: no hyperparameter 'depht'"):
        space.parse(models.family("mlp"), ["activation=tanh,depht=3"])


@pytest.mark.parametrize(
    ("fix", "message"),
    [
        ("depth", "not of the form NAME=VALUE"),
        ("depht=3", "no hyperparameter 'depht' \\(did you mean depth\\?\\); there are activation, depth"),
        ("depth=9", "outside the space, which is 1 to 4"),
        ("depth=two", "'two' is not a whole number"),
        ("learning_rate=nan", "outside the space, which is 1e-05 to 1, logarithmic"),
        ("dropout=0.31", "outside the space, which is 0 to 0.7, in steps of 0.02"),
        ("activation=swish", "outside the space, which is relu, tanh, sigmoid, elu, gelu"),
    ],
)
def test_a_pin_outside_the_space_is_refused_with_the_value_and_the_way_out(fix: str, message: str) -> None:
    with pytest.raises(UsageError, match=f"--fix {fix}: {message}"):
        space.parse(models.family("mlp"), [fix])


@given(text=st.text())
def test_any_text_as_a_pin_is_taken_or_refused_with_a_sentence(text: str) -> None:
    try:
        values = space.parse(models.family("mlp"), [text])
    except UsageError as error:
        assert str(error).startswith("--fix")
    else:
        # Of two pins of one name the last counts.
        assert 1 <= len(values) <= 1 + text.count(",")


PINNED: dict[str, Any] = {
    "activation": "relu",
    "l1": 0.0,
    "l2": 0.0,
    "batch_norm": False,
    "augmentation": "none",
    "optimizer": "sgd",
    "schedule": "constant",
    "batch_size": 32,
}


def test_a_grid_has_each_configuration_once_and_ends() -> None:
    points = list(space.grid(models.family("mlp").suggest, PINNED | {"dropout": 0.0, "learning_rate": 0.01}))
    # Depths of 1, 3 and 4 (three levels of 1 to 4), each layer of three widths.
    assert len(points) == 3 + 3**3 + 3**4
    assert len({tuple(sorted(point.items())) for point in points}) == len(points)


def test_every_point_of_a_grid_can_be_built_from() -> None:
    family = models.family("mlp")
    for point in itertools.islice(space.grid(family.suggest, PINNED), 50):
        trial = optuna.trial.FixedTrial(point)
        family.suggest(trial)
        assert trial.params == point


@pytest.mark.parametrize("name", NAMES)
def test_the_digest_of_a_space_is_the_same_in_every_process(name: str) -> None:
    assert space.digest(models.family(name)) == space.digest(models.family(name))
    assert len({space.digest(models.family(other)) for other in NAMES}) == len(NAMES)
