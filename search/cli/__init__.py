"""Words on the command line. Nothing heavy is imported before it is needed."""

import errno
import logging
import sys
from typing import Annotated

import typer
from rich.console import Console
from typer.exceptions import TyperException

from models.data import DataError
from search.cli import keeping, looking, refusals, searching, using
from search.system import next_commands, streams, surroundings
from search.system.errors import SearchError, UsageError
from search.system.signals import Stopped
from search.system.version import NAME, version
from tracking import TrackingError

app = typer.Typer(
    name="python -m search",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# In the order of the help.
for part in (searching, looking, using, keeping):
    app.add_typer(part.commands)


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(f"{NAME} {version()}")
        raise typer.Exit


@app.callback()
def program(
    version: Annotated[
        bool, typer.Option("--version", help="Show which version this is.", is_eager=True, callback=_tell_version)
    ] = False,
) -> None:
    """Search hyperparameters of image classifiers: Optuna decides, MLflow records."""


def main() -> None:
    """Run the command line: 0 done, 1 failed while running, 2 wrong usage, 130 after Ctrl-C, 143 after SIGTERM."""
    surroundings.enter()
    code = call(sys.argv[1:])
    if lost := streams.loss():
        _say(f"error: {lost}")
    raise SystemExit(code or int(bool(lost)))


def call(arguments: list[str]) -> int:
    """Run one command and return its exit code; what a person can mend is said in a line or two."""
    # Finding the images may take a download; what is tried is said as it goes.
    logging.basicConfig(format="%(message)s")
    logging.getLogger("models.data").setLevel(logging.INFO)
    with next_commands.typed(arguments):
        return _called(arguments)


def _called(arguments: list[str]) -> int:
    try:
        return int(app(arguments, prog_name=next_commands.program(), standalone_mode=False) or 0)
    except (TyperException, UsageError, DataError, TrackingError, SearchError) as error:
        if "--debug" in arguments:
            raise
        message = refusals.words(error) if isinstance(error, TyperException) else str(error)
        if message:
            # The rooms below know only what this program is usually started by.
            _say(f"error: {message}".replace("`python -m search ", f"`{next_commands.program()} "))
        return 1 if isinstance(error, SearchError) else 2
    except OSError as error:
        # Whichever of the paths on the command line it is, Python tells of it when it is first looked for.
        if error.errno != errno.ENAMETOOLONG or "--debug" in arguments:
            raise
        _say(f"error: {error.filename}: no file can have so long a name; give a shorter one")
        return 2
    except Stopped as stopped:
        return stopped.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return 130


def _say(text: str) -> None:
    out = Console(stderr=True)
    shown = next_commands.wrapped(text, out.width) if out.is_terminal else text
    out.print(shown, highlight=False, markup=False, soft_wrap=True)
