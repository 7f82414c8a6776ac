"""Commands in what people read: each with all that it needs, so that it does what it says where it is pasted."""

import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from shlex import quote
from typing import Final

from rich.cells import cell_len

from search.system.redaction import redacted
from search.system.version import NAME
from tracking import databases

MODULE: Final = "-m search"
LONGEST_NAME: Final = 64
DEFAULT_HOME: Final = "mlruns"
# What says where everything is: the flags, and the variables that stand for them.
PLACES: Final = {"--home": "SEARCH_HOME", "--storage": "OPTUNA_STORAGE", "--tracking-uri": "MLFLOW_TRACKING_URI"}
# What `Place` makes of a home alone.
_DATABASES: Final = {"--storage": "optuna.db", "--tracking-uri": "mlflow.db"}


def command(verb: str, *words: object) -> str:
    """Return a command of this program as it is to be typed here and now: by this interpreter, about this place."""
    return _joined(program(), verb, words, _where())


def lasting(verb: str, *words: object) -> str:
    """Return a command for what is read later and from anywhere, such as a page: its home is named in full."""
    where = _where()
    if "--home" in where:
        where["--home"] = str(Path(where["--home"]).expanduser().absolute())
    return _joined(NAME if _by_script() else f"python {MODULE}", verb, words, where)


def repeated(*words: str) -> str:
    """Return the command that was typed, with these words after it."""
    return " ".join([program(), *(quote(redacted(word)) for word in (*sys.argv[1:], *words))])


def another(study: str) -> str:
    """Return a name for one more study like this one: `mlp-2`, and after that `mlp-3`."""
    stem, _, number = study.rpartition("-")
    stem, number = (stem, number) if stem and re.fullmatch(r"[1-9][0-9]{0,5}", number) else (study, "1")
    return suffixed(stem, f"-{int(number) + 1}")


def suffixed(study: str, last: str) -> str:
    """Return a study's name with this at its end, as long as a name may be."""
    return study[: LONGEST_NAME - len(last)] + last


def program() -> str:
    """Return what starts this program, in the way in which it was started."""
    return tool(NAME) if _by_script() else f"{tool('python')} {MODULE}"


def tool(name: str) -> str:
    """Return what starts this interpreter or a tool beside it: its name where a shell finds it by that, or its path."""
    here = Path(sys.executable) if name == "python" else Path(sys.executable).with_name(name)
    found = shutil.which(name)
    # The interpreter of a virtual environment is a link to that of the system, so the folders are compared, too. A
    # script may be linked to from elsewhere, as by `pipx`.
    beside = found and (name != "python" or Path(found).parent.resolve() == here.parent.resolve())
    if found and beside and here.exists() and Path(found).samefile(here):
        return name
    return quote(str(here.relative_to(Path.cwd()) if here.is_relative_to(Path.cwd()) else here))


@contextmanager
def typed(words: Sequence[str]) -> Iterator[None]:
    """Let this process look as if it had been started with these words, which is what runs and messages go by."""
    before = sys.argv
    sys.argv = [sys.argv[0], *words]
    try:
        yield
    finally:
        sys.argv = before


def wrapped(text: str, width: int) -> str:
    """Break lines between words, but never a command in backticks: what is copied from a terminal has to stay whole."""
    return "\n".join(_broken(line, width) for line in text.split("\n"))


def _broken(line: str, width: int) -> str:
    start = line[: len(line) - len(line.lstrip())]
    lines = [start]
    for word in re.findall(r"\S*`[^`]+`\S*|\S+", line):
        if lines[-1] == start:
            lines[-1] += word
        elif cell_len(lines[-1]) + 1 + cell_len(word) < width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return "\n".join(lines)


def _by_script() -> bool:
    """Return whether this was started by the script that an installation puts beside the interpreter."""
    return Path(sys.argv[0]).name == NAME


def _joined(start: str, verb: str, words: Sequence[object], where: Mapping[str, str]) -> str:
    places = [word for place in where.items() for word in place]
    return " ".join([start, verb, *(quote(str(word)) for word in (*words, *places))])


def _where() -> dict[str, str]:
    """Return the flags without which a command would look elsewhere, as they were typed or stand in the environment."""
    said = {flag: _given(flag) or os.environ.get(variable, "") for flag, variable in PLACES.items()}
    home = Path(said["--home"] or DEFAULT_HOME)
    usual = {flag: databases.address_of(home / name) for flag, name in _DATABASES.items()}
    # MLflow itself puts the home's own store into the environment; and a secret is not for the screen.
    return {
        flag: value for flag, value in said.items() if value and value != usual.get(flag) and redacted(value) == value
    }


def _given(flag: str) -> str:
    """Return the value that was typed last after a flag; empty where it was not."""
    found = ""
    for word, after in pairwise([*sys.argv[1:], ""]):
        found = after if word == flag else word.removeprefix(f"{flag}=") if word.startswith(f"{flag}=") else found
    return found
