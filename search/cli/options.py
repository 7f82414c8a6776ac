"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from search.problem.settings import EngineName, PrecisionChoice

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
SEARCH, RUNNING = "What to search", "How to run"
Workers = Annotated[
    str | None,
    typer.Option(
        metavar="auto|N",
        show_default="auto",
        help="Trainings side by side; auto: one for each core, or GPU.",
        rich_help_panel=RUNNING,
    ),
]
Precision = Annotated[
    PrecisionChoice | None,
    typer.Option(
        show_default="auto",
        help="What networks compute in while they train; auto: bfloat16 where this machine is faster at it.",
        rich_help_panel=RUNNING,
    ),
]
Engine = Annotated[
    EngineName | None,
    typer.Option(show_default="processes", help="Train in processes, or in this one.", rich_help_panel=RUNNING),
]
