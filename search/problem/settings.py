"""What a person chose of a search: what is searched, how, by what means, and where it is kept."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.problem.option import Lifetime, settings_of
from search.problem.parts import Execution, Method, Problem
from search.system import next_commands
from search.system.addresses import expanded
from search.system.errors import UsageError
from search.system.redaction import has_password, redacted
from search.system.wording import counted
from tracking import databases

STUDY_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


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

    @staticmethod
    def at(home: Path | None, storage: str | None, tracking_uri: str | None) -> "Place":
        """Return the place for these flags; what is not given is found under the home folder, `mlruns`."""
        folder = expanded(home or Path("mlruns"), "--home").absolute()
        if "?" in str(folder):
            raise UsageError(f"--home {folder}: a path with '?' cannot hold a database; choose another")
        _refuse_shown_password(storage)
        return Place(
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


@dataclass(frozen=True, kw_only=True)
class Settings(Execution, Method, Problem, Place):
    """A search, fully decided."""

    study: str

    def lasting(self) -> dict[str, Any]:
        """What a study remembers, for the calls that continue it."""
        known = settings_of(type(self)).values()
        return {one.name: getattr(self, one.name) for one in known if one.option.lifetime is not Lifetime.CALL}

    @property
    def another(self) -> str:
        """The command that begins another study like this one."""
        flags = unusual(self.lasting()) | {"timeout": self.timeout if self.trials is None else None}
        return next_commands.command("run", "--study", next_commands.another(self.study), *typed(flags))

    @property
    def asked(self) -> str:
        """How many trials of what."""
        if self.trials is None:
            return f"as many trials of {self.family} as there is time for"
        return f"{counted(self.trials, 'trial')} of {self.family}"

    @property
    def spool(self) -> Path:
        """Where runs wait that the tracker has not taken yet."""
        return self.home / "spool"

    @property
    def place(self) -> Place:
        """Where everything is."""
        return Place(self.home, self.storage, self.tracking_uri)

    @property
    def checkpoints(self) -> Path:
        """Where open trials keep how far they are, each in a folder named by its number."""
        return self.home / "checkpoints" / self.study


def unusual(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the values that would be others where they are not given."""
    usual = {name: setting.usual for name, setting in settings_of(Settings).items()}
    return {name: value for name, value in values.items() if value not in (None, (), usual.get(name))}


def typed(values: Mapping[str, Any]) -> list[str]:
    """Return the words by which these values are given to `run`; what it does not take is left out."""
    known = settings_of(Settings)
    return [word for name, value in values.items() if name in known for word in known[name].words(value)]


def check_name(study: str) -> str:
    """Return the study's name, or raise `UsageError`: it names folders and files, too."""
    if not STUDY_NAME.fullmatch(study):
        raise UsageError(
            f"--study {study!r}: a study's name has 1 to 64 of a-z, 0-9, '.', '_' and '-', the first a letter or digit"
        )
    return study
