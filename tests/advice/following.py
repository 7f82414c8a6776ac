"""Doing what a message says: its commands are run as they stand, as far as that needs no training and no network."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from search.cli import app, call
from search.system import next_commands

# These answer within a second, and change nothing that is asked for a second time.
RUN_HERE = ("list", "show", "best", "compare", "models", "doctor", "data")
STAND_FOR = {"STUDY/NUMBER": "mlp/0", "STUDY": "mlp", "mlp/N": "mlp/0"}


class Reader:
    """Somebody who types, reads what comes, and does as it says."""

    def __init__(self, home: Path, capture: pytest.CaptureFixture[str], **stand_for: str) -> None:
        self.home, self._capture = home, capture
        self._stand_for = STAND_FOR | stand_for

    def types(self, *words: object, code: int | None = None) -> str:
        """Run a command in the home, and return all that it says in one line."""
        ended = call([*map(str, words), "--home", str(self.home)])
        said = self._capture.readouterr()
        assert code is None or ended == code, said
        return " ".join((said.out + said.err).split())

    def follows(self, message: str, least: int = 1) -> None:
        """Run every command of this program in backticks; there have to be some."""
        found = [
            command for command in re.findall(r"`([^`]+)`", message) if command.startswith(next_commands.program())
        ]
        assert len(found) >= least, message
        for command in found:
            self._follow(shlex.split(command.removeprefix(next_commands.program())))

    def _follow(self, words: list[str]) -> None:
        words = [self._stand_for.get(word, word) for word in words]
        if words[0] == "run":
            words.append("--dry-run")
        if "--help" in words or words[0] in (*RUN_HERE, "run"):
            assert call(words) in ((0, 1) if words[0] == "doctor" else (0,)), (words, self._capture.readouterr())
        else:
            parses(words)
        assert "--help" in words or str(self.home) in words, f"{words} would look elsewhere"
        self._capture.readouterr()


def parses(words: list[str]) -> None:
    """Let the command line read a command that is not run, and raise where it would refuse it."""
    command = typer.main.get_command(app)
    with command.make_context("search", list(words)) as context:
        name, chosen, rest = command.resolve_command(context, list(words))  # type: ignore[attr-defined]  # a group
        chosen.make_context(name, rest, parent=context)
