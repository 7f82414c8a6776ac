"""What a person chose: flag over environment over what the study was begun with over default."""

import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import models
from search.problem import objectives
from search.problem.limits import Limits
from search.system import next_commands
from search.system.addresses import expanded
from search.system.errors import UsageError
from search.system.redaction import has_password, redacted
from search.system.wording import counted
from tracking import databases

Sampler = Literal["tpe", "random", "qmc", "grid"]
Pruner = Literal["halving", "screening", "hyperband", "median", "none"]
EngineName = Literal["processes", "inline"]
PrecisionChoice = Literal["auto", "float32", "bfloat16"]
Baselines = Literal["none", "best", "all"]
STUDY_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
# Without a number of trials from the person, a search ends after this.
USUAL_SECONDS = 3600.0
# Trials of one study are compared with each other: these cannot change on the way.
CONSTANT = (
    "family",
    "data",
    "images",
    "epochs",
    "weights",
    "objective",
    "max_parameters",
    "max_seconds_per_epoch",
)
# What earlier versions did not know, and did not write down: their studies were begun without.
LATER = ("objective", "max_parameters", "max_seconds_per_epoch")
# These belong to one call, not to the study.
PASSING = ("study", "home", "storage", "tracking_uri", "workers", "engine", "timeout")


@dataclass(frozen=True)
class Settings:
    """A search, fully decided. Timeouts are in seconds; `workers` 0 leaves the number to the machine.

    `trials` is None where there are to be as many as `timeout` allows. `keep` is of how many of the best trials the
    models stay; 0: of all that there are.
    """

    study: str
    family: str
    home: Path
    storage: str
    tracking_uri: str
    trials: int | None = 20
    epochs: int = 10
    images: int | None = None
    timeout: float | None = None
    trial_timeout: float | None = None
    workers: int = 0
    precision: PrecisionChoice = "auto"
    patience: int | None = None
    engine: EngineName = "processes"
    seed: int = 0
    sampler: Sampler = "tpe"
    pruner: Pruner = "hyperband"
    fix: tuple[str, ...] = ()
    baselines: Baselines = "best"
    repeats: bool = False
    keep: int = 0
    data: str = "fashion-mnist"
    weights: str = "imagenet"
    objective: str | None = None
    max_parameters: int | None = None
    max_seconds_per_epoch: float | None = None

    def lasting(self) -> dict[str, Any]:
        """What a study remembers, for the calls that continue it."""
        return {name: value for name, value in asdict(self).items() if name not in PASSING}

    @property
    def another(self) -> str:
        """The command that begins another study like this one."""
        until = self.timeout if self.trials is None else None
        flags = {"study": next_commands.another(self.study), **unusual(self.lasting()), "timeout": until}
        return next_commands.command("run", *next_commands.flags(flags))

    @property
    def limits(self) -> Limits:
        """The most that a network may cost."""
        return Limits(self.max_parameters, self.max_seconds_per_epoch)

    @property
    def asked(self) -> str:
        """How many trials of what."""
        if self.trials is None:
            return f"as many trials of {self.family} as there is time for"
        return f"{counted(self.trials, 'trial')} of {self.family}"

    def left(self, finished: int) -> int | None:
        """Return how many trials are still to come after so many; None: as many as `timeout` allows."""
        return None if self.trials is None else max(self.trials - finished, 0)

    @property
    def caveat(self) -> str:
        """What has to stand beside every result, such as that weights are random; mostly empty."""
        return caveat(self.weights)

    @property
    def spool(self) -> Path:
        """Where runs wait that the tracker has not taken yet."""
        return self.home / "spool"

    @property
    def place(self) -> "Place":
        """Where everything is."""
        return Place(self.home, self.storage, self.tracking_uri)

    @property
    def checkpoints(self) -> Path:
        """Where open trials keep how far they are, each in a folder named by its number."""
        return self.home / "checkpoints" / self.study


def unusual(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the flags that say what would not be so without them."""
    usual = {field.name: field.default for field in fields(Settings)}
    return {name: value for name, value in flags.items() if value not in (None, (), usual.get(name))}


def caveat(weights: str) -> str:
    """Say that a network on random weights has nothing transferred to it."""
    return "random weights: no transfer learning" if weights == "none" else ""


@dataclass(frozen=True)
class Place:
    """Where everything is: the home folder and the addresses of the two stores."""

    home: Path
    storage: str
    tracking_uri: str

    @property
    def artifacts(self) -> Path:
        """Where the files of runs and models go, unless their store keeps them itself."""
        return self.home / "artifacts"

    @classmethod
    def at(cls, home: Path | None, storage: str | None, tracking_uri: str | None) -> "Place":
        """Return the place for these flags; what is not given is found under the home folder, `mlruns`."""
        folder = expanded(home or Path("mlruns"), "--home").absolute()
        if "?" in str(folder):
            raise UsageError(f"--home {folder}: a path with '?' cannot hold a database; choose another")
        _refuse_shown_password(storage)
        return cls(
            folder,
            _address("--storage", storage) or databases.address_of(folder / "optuna.db"),
            _address("--tracking-uri", tracking_uri) or databases.address_of(folder / "mlflow.db"),
        )


def _address(flag: str, given: str | None) -> str | None:
    """Return the address of a store; one of an SQLite file by its whole path, wherever it is used."""
    if not given or not given.startswith("sqlite"):
        return given
    file = databases.file_of(given)
    if file is None or "?" in str(file):
        raise UsageError(f"{flag} {redacted(given)}: does not name a file; give sqlite:///FILE, without a '?'")
    return databases.address_of(file)


def _refuse_shown_password(storage: str | None) -> None:
    """Whoever is on this machine can read a command line, and nobody else its environment."""
    if storage and has_password(storage) and storage != os.environ.get("OPTUNA_STORAGE"):
        raise UsageError(
            f"--storage {redacted(storage)}: a password on the command line can be read by all who use this machine; "
            "give the address in the variable OPTUNA_STORAGE instead"
        )


def check_name(study: str) -> str:
    """Return the study's name, or raise `UsageError`: it names folders and files, too."""
    if not STUDY_NAME.fullmatch(study):
        raise UsageError(
            f"--study {study!r}: a study's name has 1 to 64 of a-z, 0-9, '.', '_' and '-', the first a letter or digit"
        )
    return study


def resolve(study: str, place: Place, flags: Mapping[str, Any], stored: Mapping[str, Any]) -> Settings:
    """Return the settings of a call: `flags` (None: not given) over `stored`, what the study was begun with."""
    given = {name: value for name, value in flags.items() if value is not None}
    known = {field.name for field in fields(Settings)}
    chosen = {name: value for name, value in stored.items() if name in known} | given
    if "timeout" in given and "trials" not in chosen:
        chosen["trials"] = None
    chosen["fix"] = tuple(chosen.get("fix", ()))
    family = _family(study, chosen.pop("family", None))
    chosen["objective"] = objectives.named(objectives.of(models.family(family).goal, chosen.get("objective")))
    settings = Settings(study, family, place.home, place.storage, place.tracking_uri, **chosen)
    _refuse_changes(settings, given, stored)
    if "trials" not in given and "timeout" not in given:
        settings = replace(settings, timeout=USUAL_SECONDS)
    return settings


def _family(study: str, family: str | None) -> str:
    name = family or study
    try:
        models.family(name)
    except LookupError as error:
        way_out = (
            "" if family else f"; say which one with --family, as in `{next_commands.repeated('--family', 'mlp')}`"
        )
        raise UsageError(f"{error}{way_out}") from None
    return name


def _refuse_changes(settings: Settings, given: Mapping[str, Any], stored: Mapping[str, Any]) -> None:
    before = {**dict.fromkeys(LATER), **stored} if stored else {}
    for name in CONSTANT:
        if name in given and getattr(settings, name) != before.get(name, getattr(settings, name)):
            if name == "data" and moved(before[name]):
                # Wherever they are now, their digest tells whether they are the same.
                continue
            flag = f"--{name.replace('_', '-')}"
            was = "all" if name == "images" and before[name] is None else before[name]
            raise UsageError(
                f"{flag} {given[name]}: study {settings.study} was begun "
                f"{'without it' if was is None else f'with {flag} {was}'}, and its trials would not be comparable; go "
                f"on without {flag}, or begin another with `{settings.another}`"
            )


def moved(data: str) -> bool:
    """Whether a study's images are no longer where they were: on another machine, perhaps."""
    return Path(data).is_absolute() and not Path(data).exists()


def worker_count(text: str) -> int:
    """Return the number in the value of --workers, 0 for `auto`. Raises `UsageError`."""
    if text == "auto":
        return 0
    if not re.fullmatch(r"[1-9][0-9]{0,3}", text):
        raise UsageError(f"--workers {text}: give a number of trials side by side, from 1, or auto")
    return int(text)


def seconds(text: str, flag: str = "--timeout") -> float:
    """Return the seconds of `90s`, `30m` or `2h`, the value of `flag`. Raises `UsageError`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text.strip())
    if not match or float(match[1]) == 0:
        raise UsageError(f"{flag} {text}: give a number and a unit, such as 90s, 30m or 2h")
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]
