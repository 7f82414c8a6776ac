"""Options that several commands share."""

import inspect
from collections.abc import Callable
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

import typer

from search.problem.option import Setting, settings_of
from search.problem.parts import Execution
from search.problem.settings import Settings

Format = Literal["text", "json"]
TableFormat = Literal["text", "json", "csv", "markdown"]
AnswerFormat = Literal["text", "json", "csv"]

Home = Annotated[
    Path | None,
    typer.Option(envvar="SEARCH_HOME", show_default="mlruns", help="Folder of everything that is written."),
]
Storage = Annotated[
    str | None,
    typer.Option(
        envvar="OPTUNA_STORAGE", show_default="HOME/optuna.db", help="Optuna's storage, as an SQLAlchemy address."
    ),
]
Tracking = Annotated[
    str | None,
    typer.Option(envvar="MLFLOW_TRACKING_URI", show_default="HOME/mlflow.db", help="MLflow's store or server."),
]
# Taken by every command, so that what says where everything is can stand behind any of them.
OtherStorage = Annotated[str | None, typer.Option("--storage", envvar="OPTUNA_STORAGE", hidden=True)]
OtherTracking = Annotated[str | None, typer.Option("--tracking-uri", envvar="MLFLOW_TRACKING_URI", hidden=True)]
TableOutput = Annotated[
    TableFormat, typer.Option("--format", help="For people, for programs, for a spreadsheet, or for a text.")
]
Output = Annotated[Format, typer.Option("--format", help="For people, or for programs.")]
# Read by `call`, which decides what becomes of an error.
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]
SEARCH: Final = "What to search"
RUNNING: Final = "How to run"
# What is typed most often stands first.
FIRST: Final = ("family", "trials")
Command = TypeVar("Command", bound=Callable[..., None])


def taking(*names: str) -> Callable[[Command], Command]:
    """Let a command take settings, by default all, as if each stood before its `*`; it is given them in its `**`."""
    known = settings_of(Settings)
    chosen = [known[name] for name in names or sorted(known, key=lambda name: name not in FIRST)]
    panels = dict.fromkeys(known, SEARCH) | dict.fromkeys(settings_of(Execution), RUNNING)

    def taken(command: Command) -> Command:
        own = inspect.signature(command)
        last = [one for one in own.parameters.values() if one.kind is Parameter.KEYWORD_ONLY]
        first = [one for one in own.parameters.values() if one.kind is Parameter.POSITIONAL_OR_KEYWORD]
        offered = {one.name: _typed(one, panels[one.name]) for one in chosen}
        middle = [Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=of) for name, of in offered.items()]
        parameters = [*first, *middle, *last]
        # Typer asks a function for its parameters in both ways.
        vars(command)["__signature__"] = own.replace(parameters=parameters)
        command.__annotations__ = {one.name: one.annotation for one in parameters}
        return command

    return taken


def _typed(setting: Setting, panel: str) -> Any:
    """Return what Typer is told of a setting, which reads its values itself: Python is answered in the same words."""
    option, choices = setting.option, setting.choices
    offered = typer.Option(
        help=option.help,
        metavar=option.form.metavar if option.form else option.metavar,
        min=option.minimum,
        show_default=setting.default or False,
        rich_help_panel=panel,
        parser=None if setting.kind is bool else setting.read,
    )
    kind: Any = Literal.__getitem__(choices) if choices else list[str] if setting.several else setting.kind
    return Annotated[kind | None, offered]
