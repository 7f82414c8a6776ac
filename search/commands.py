"""What to type next."""

from dataclasses import fields
from shlex import quote

from search.addresses import redacted
from search.results import Result, Summary
from search.settings import Place, Settings

DEFAULT_HOME = "mlruns"
# MLflow makes an array of the model's type of what it is sent, before it compares the types.
TAKES = "it takes whole numbers from 0 to 255, and `mlflow models serve` takes 0.5 for 0 without a word"


def model(address: str) -> str:
    """Say where a model is, how it is loaded, and what nobody would guess of the way in which MLflow serves it."""
    return f"model: {address} (mlflow.keras.load_model); {TAKES}"


def looks(summary: Summary, settings: Settings) -> list[str]:
    """Return the commands with which to look further at what a search came to."""
    home, usual = settings.home, Place.at(settings.home, None, None)
    here = home.name == DEFAULT_HOME and home.parent == home.cwd()
    where = ("" if here else f" --home {quote(str(home))}") + _unusual("--storage", settings.storage, usual.storage)
    shown = f"python -m search show {summary.best.name if summary.best else summary.name}{where}"
    if settings.tracking_uri == "memory:":
        return [shown, f"optuna-dashboard {quote(redacted(settings.storage))}"]
    tracked = _unusual("--tracking-uri", settings.tracking_uri, usual.tracking_uri)
    return [shown, f"python -m search ui{where}{tracked}"]


def _unusual(flag: str, address: str, usual: str) -> str:
    """Return what names a store where it is not the home's own, and no secret is in its name."""
    return "" if address in (usual, "") or redacted(address) != address else f" {flag} {quote(address)}"


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
    }
    usual = {field.name: field.default for field in fields(Settings)}
    words = [f"--{name} {quote(str(value))}" for name, value in flags.items() if value not in (None, usual.get(name))]
    words += [f"--fix {quote(f'{name}={value}')}" for name, value in result.parameters.items()]
    return " ".join(["python -m search run", *words])
