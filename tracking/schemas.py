"""What the tables of a database file are like, whether that is wanted here, and what is said where it is not."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from tracking import databases

# The names that the databases have in a home.
_USUAL = ("mlflow.db", "optuna.db")


@dataclass(frozen=True)
class Schema:
    """Which version of a library's tables a file has, and which one the library that is installed wants.

    `known` are those that it can start from, `used_by` is the version of the library that recorded last, empty
    where nobody can tell. `flag` is the option that names the file where it is not the home's own. `counted` are the
    tables of which no row may be lost by `migrate`, which brings a file to what is wanted: neither all at once nor
    safely.
    """

    file: Path
    library: str
    version: str
    found: str
    wanted: str
    known: Iterable[str]
    used_by: str
    flag: str
    counted: Iterable[str]
    migrate: Callable[[Path], None]

    @property
    def current(self) -> bool:
        """Whether it is what is wanted."""
        return self.found == self.wanted

    @property
    def older(self) -> bool:
        """Whether it can be brought to what is wanted."""
        return not self.current and self.found in self.known

    @property
    def refusal(self) -> str:
        """Say why it is not opened, and what to do."""
        if self.older:
            return (
                f"{self.file} has the tables of an older {self.library} (schema {self.found}), and {self.library} "
                f"{self.version} wants {self.wanted}; `{self.command}` copies it, and brings it there"
            )
        return (
            f"{self.file} has the tables of a later {self.library} (schema {self.found or 'unknown'}), and "
            f"{self.library} {self.version} knows none after {self.wanted}; "
            f"`pip install --upgrade {self.library.lower()}`, or give another --home"
        )

    @property
    def command(self) -> str:
        """What brings it to what is wanted."""
        if self.file.name in _USUAL:
            return f"python -m search upgrade --home {quote(str(self.file.parent))}"
        return f"python -m search upgrade {self.flag} {quote(databases.address_of(self.file))}"
