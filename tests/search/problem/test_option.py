"""What a field says of itself is enough to offer it, to read it and to type it. These hold for every setting."""

from dataclasses import MISSING
from typing import Any

import pytest

from search.problem.option import Lifetime, Setting, settings_of
from search.problem.parts import Execution, Method, Problem
from search.problem.settings import Settings
from search.system.errors import UsageError

KNOWN = settings_of(Settings)
# What may be chosen where the default is nothing that one would type.
OF_KIND: dict[Any, Any] = {str: "mlp", int: 3000, float: 0.25, tuple[str, ...]: ("depth=2", "l1=1e-05")}
each = pytest.mark.parametrize("setting", KNOWN.values(), ids=KNOWN)


@each
def test_a_setting_stands_in_one_part_and_says_what_it_is_for(setting: Setting) -> None:
    assert [setting.name in settings_of(part) for part in (Problem, Method, Execution)].count(True) == 1
    assert setting.option.help.endswith(".")


@each
def test_a_value_is_read_as_it_is_typed(setting: Setting) -> None:
    value = setting.usual if setting.usual not in (MISSING, None, 0, ()) else OF_KIND.get(setting.kind, False)
    words = setting.words(value)
    if setting.kind is bool:
        assert words == [f"--no-{setting.name}"]
        return
    assert words[0::2] == [setting.flag] * (len(words) // 2)
    read = tuple(setting.read(word) for word in words[1::2])
    assert (read if setting.several else read[0]) == value
    assert setting.taken(value) == (value, words), "Python takes it, too"


@each
def test_what_is_a_word_or_a_number_or_a_time_is_nothing_else(setting: Setting) -> None:
    if setting.several or (setting.kind is str and not setting.choices):
        assert setting.read("@") == "@", "what it may be, others know"
        return
    with pytest.raises(UsageError, match=rf"^{setting.flag} @: (give|not one of) "):
        setting.taken("@")


def test_what_makes_trials_comparable_is_of_the_problem_and_what_is_forgotten_is_of_a_call() -> None:
    assert {name for name, one in KNOWN.items() if one.option.lifetime is Lifetime.STUDY} >= {
        *("family", "data", "images", "epochs", "weights"),
        *("objective", "max_parameters", "max_seconds_per_epoch"),
    }
    assert {name for name, one in KNOWN.items() if one.option.lifetime is Lifetime.CALL} >= {
        *("workers", "engine", "timeout"),
    }
