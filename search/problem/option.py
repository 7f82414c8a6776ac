"""What a setting says of itself: the command line, the Python interface and what a study remembers go by that alone."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from enum import Enum, auto
from importlib import import_module
from types import NoneType
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from models.naming import hint
from search.system.errors import UsageError


class Lifetime(Enum):
    """How long a value counts that was given once."""

    STUDY = auto()
    """For ever: the trials of a study are compared with each other."""
    UNTIL_ANOTHER = auto()
    """The study remembers it, until another one is given."""
    CALL = auto()
    """For one call."""


@dataclass(frozen=True)
class Form:
    """A way to write what its type does not tell; `read` raises a `ValueError` that says what to give instead."""

    metavar: str
    read: Callable[[str], object]
    write: Callable[[Any], str] = str


@dataclass(frozen=True)
class Option:
    """What stands in `Annotated` beside the type of a field that can be chosen.

    `default` is what is said of its default, where that does not speak for itself; `nothing`, what None stands for.
    `later`: earlier versions did not write it down, and their studies were begun under its default. `folder`: a package
    in which each file is a value, whose `names()` are those that there are.
    """

    help: str
    lifetime: Lifetime = Lifetime.UNTIL_ANOTHER
    minimum: float | None = None
    form: Form | None = None
    metavar: str | None = None
    default: str | None = None
    nothing: str | None = None
    folder: str | None = None
    later: bool = False


@dataclass(frozen=True)
class Setting:
    """A field with an option. `kind` is its type without None; `usual`, its default."""

    name: str
    kind: Any
    usual: object
    option: Option

    @property
    def flag(self) -> str:
        """Its name on the command line."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def choices(self) -> tuple[str, ...]:
        """The words from which one is chosen; none where others will do, too."""
        if self.option.folder:
            # It may lie on a higher floor, as policies and engines do, which take settings.
            return tuple(import_module(self.option.folder).names())
        return get_args(self.kind) if get_origin(self.kind) is Literal else ()

    @property
    def several(self) -> bool:
        """Whether it may be given more than once."""
        return get_origin(self.kind) is tuple

    @property
    def default(self) -> str | None:
        """What is said of its default; None where there is nothing to say."""
        if self.option.default is not None or self.usual in (MISSING, ()):
            return self.option.default
        if isinstance(self.usual, bool):
            return f"{'' if self.usual else 'no-'}{self.name}"
        return self.told(self.usual)

    def told(self, value: object) -> str:
        """Return a value as a person writes it."""
        if value is None:
            return self.option.nothing or "none"
        return self.option.form.write(value) if self.option.form else str(value)

    def read(self, text: str) -> Any:
        """Return the value that is written so; one of several, where it may be given more than once.

        Raises `UsageError`.
        """
        try:
            return self._value(text)
        except ValueError as error:
            raise UsageError(f"{self.flag} {text}: {error}") from None

    def taken(self, given: object) -> tuple[Any, list[str]]:
        """Return the value that Python gives so, or None for none, and what is typed for it. Raises `UsageError`."""
        if isinstance(given, bool) and self.kind is bool:
            return given, self.words(given)
        if self.kind is bool:
            raise UsageError(f"{self.flag} {given}: give True or False")
        texts = list(self._texts(given))
        values = tuple(self.read(text) for text in texts)
        words = [word for text in texts for word in (self.flag, text)]
        return (values or None) if self.several else values[0], words

    def words(self, value: Any) -> list[str]:
        """Return what is typed for a value; nothing for None."""
        if value is None:
            return []
        if self.kind is bool:
            return [self.flag if value else f"--no-{self.flag[2:]}"]
        return [word for one in (value if self.several else [value]) for word in (self.flag, self.told(one))]

    def _texts(self, given: object) -> Iterator[str]:
        """Yield what is given from Python as it is typed: once, or once for each that is pinned."""
        if self.several and isinstance(given, Mapping):
            yield from (f"{name}={value}" for name, value in given.items())
        elif self.several and isinstance(given, tuple | list):
            yield from map(str, given)
        elif self.option.form and isinstance(given, int | float) and not isinstance(given, bool):
            yield self.option.form.write(given)
        else:
            yield str(given)

    def _value(self, text: str) -> object:
        if self.option.form:
            return self.option.form.read(text)
        choices = self.choices
        if choices and text not in choices:
            raise ValueError(f"not one of {', '.join(choices)}{hint(text, choices)}")
        if self.kind not in (int, float):
            return text
        number = _number(text, self.kind)
        least = self.option.minimum
        # What is not a number is not less, either.
        if least is not None and not number >= least:
            raise ValueError(f"give {least:g} or more")
        return number


def settings_of(owner: type) -> dict[str, Setting]:
    """Return the fields of a data class that can be chosen, by their names and in the order in which they stand."""
    found = {}
    for field in fields(owner):
        if get_origin(field.type) is Annotated:
            kind, option = get_args(field.type)
            (only,) = [one for one in get_args(kind) if one is not NoneType] if NoneType in get_args(kind) else [kind]
            found[field.name] = Setting(field.name, only, field.default, option)
    return found


def _number(text: str, kind: type) -> float:
    try:
        # Digits of other scripts are numbers to Python, and to nobody who looks at them.
        found: float = kind(text.removesuffix(".0") if text.isascii() else "")
    except ValueError:
        raise ValueError(f"give a {'whole ' if kind is int else ''}number") from None
    return found


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text.strip())
    if not match or float(match[1]) == 0:
        raise ValueError("give a number and a unit, such as 90s, 30m or 2h")
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]


def _worker_count(text: str) -> int:
    if text == "auto":
        return 0
    if not re.fullmatch(r"[1-9][0-9]{0,3}", text):
        raise ValueError("give a number of trials side by side, from 1, or auto")
    return int(text)


# There must be more to learn from than to judge by.
MOST_ASIDE: Final = 0.5


def _share(text: str) -> float:
    number = _number(text.removesuffix("%"), float) / (100 if text.endswith("%") else 1)
    if not 0 < number <= MOST_ASIDE:
        raise ValueError(f"give a number above 0, up to {MOST_ASIDE:g}")
    return number


SHARE: Final = Form("SHARE", _share, "{:.12g}".format)
SECONDS: Final = Form("90s|30m|2h", _seconds, "{:.12g}s".format)
# 0 leaves the number to the machine.
WORKERS: Final = Form("auto|N", _worker_count)
