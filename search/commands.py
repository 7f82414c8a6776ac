"""What to type next."""

from shlex import quote

from search import advice
from search.addresses import redacted
from search.results import Result, Summary
from search.settings import Settings, unusual

# MLflow makes an array of the model's type of what it is sent, before it compares the types.
TAKES = "it takes whole numbers from 0 to 255, and `mlflow models serve` takes 0.5 for 0 without a word"


def model(address: str) -> str:
    """Say where a model is, how it is loaded, and what nobody would guess of the way in which MLflow serves it."""
    return f"model: {address} (mlflow.keras.load_model); {TAKES}"


def looks(summary: Summary, settings: Settings) -> list[str]:
    """Return the commands with which to look further at what a search came to."""
    shown = advice.command("show", summary.best.name if summary.best else summary.name)
    if settings.tracking_uri == "memory:":
        return [shown, f"{advice.tool('optuna-dashboard')} {quote(redacted(settings.storage))}"]
    return [shown, advice.command("ui")]


def again(summary: Summary, result: Result) -> str:
    """Return the command that trains a trial's configuration once more, under a study of its own.

    Its seed is another one: that of a trial comes from its number, too.
    """
    known = summary.settings
    flags = {
        "study": f"{summary.name}-{result.number}-again",
        "family": summary.family,
        "trials": 1,
        "epochs": result.budget or known.get("epochs"),
        "patience": result.patience or known.get("patience"),
        "images": known.get("images"),
        "data": known.get("data"),
        "weights": known.get("weights"),
        "baselines": "none",
        "pruner": "none",
        "fix": tuple(f"{name}={value}" for name, value in result.parameters.items()),
    }
    return advice.lasting("run", *advice.flags(unusual(flags)))
