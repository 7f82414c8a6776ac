"""What to type next."""

from collections.abc import Callable
from shlex import quote
from typing import TYPE_CHECKING, Final

from search.problem.settings import Settings, typed, unusual
from search.system import next_commands
from search.system.redaction import redacted

if TYPE_CHECKING:
    from search.store.results import Result, Summary

# Of what a study was begun with, what says how trials are drawn and which of their models stay.
DRAWING: Final = ("sampler", "repeats", "keep")
# MLflow makes an array of the model's type of what it is sent, before it compares the types.
TAKES = "it takes whole numbers from 0 to 255, and `mlflow models serve` takes 0.5 for 0 without a word"


def model(address: str) -> str:
    """Say where a model is, how it is loaded, and what nobody would guess of the way in which MLflow serves it."""
    return f"model: {address} (mlflow.keras.load_model); {TAKES}"


def looks(summary: "Summary", settings: Settings) -> list[str]:
    """Return the commands with which to look further at what a search came to."""
    shown = next_commands.command("show", summary.best.name if summary.best else summary.name)
    if settings.tracking_uri == "memory:":
        return [shown, f"{next_commands.tool('optuna-dashboard')} {quote(redacted(settings.storage))}"]
    return [shown, next_commands.command("ui")]


def again(summary: "Summary", result: "Result", command: Callable[..., str] = next_commands.lasting) -> str:
    """Return the command that trains a trial's configuration once more, under a study of its own.

    All that the study was begun under stays, but for what draws trials, and for the seed.
    """
    known = summary.settings
    flags = {
        **{name: value for name, value in known.items() if name not in DRAWING},
        "family": summary.family,
        "trials": 1,
        "epochs": result.budget or known.get("epochs"),
        "patience": result.patience or known.get("patience"),
        # That of a trial comes from its number as well, and this one may be the first, too.
        "seed": known.get("seed", 0) + 1,
        "baselines": "none",
        "pruner": "none",
        "fix": tuple(f"{name}={value}" for name, value in result.parameters.items()),
    }
    study = next_commands.suffixed(summary.name, f"-{result.number}-again")
    return command("run", "--study", study, *typed(unusual(flags)))
