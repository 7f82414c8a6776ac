"""What a registry of models can do: names for the versions of a model, and for the one of them that is to be used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

CHAMPION: Final = "champion"
"""The alias of the version to use."""


@dataclass(frozen=True)
class Version:
    """A version of a registered model. `run` is the id of the run that made it, `created` milliseconds since 1970."""

    name: str
    number: int
    run: str
    description: str
    tags: Mapping[str, str]
    aliases: Sequence[str]
    created: int

    @property
    def address(self) -> str:
        """Under which MLflow loads it."""
        return f"models:/{self.name}/{self.number}"

    @property
    def is_champion(self) -> bool:
        """Whether it is the one to use."""
        return CHAMPION in self.aliases


class Registry(Protocol):
    """The registered models of a store. What the store refuses is raised as `TrackingError`."""

    def versions(self, name: str | None = None) -> Sequence[Version]:
        """Return the versions of one model or of all, by name and the oldest first. Empty where there are none."""

    def register(self, name: str, run: str, tags: Mapping[str, str], description: str) -> Version:
        """Make the model of this run a version, or describe it anew where it is one: a run's model is one version."""

    def point(self, name: str, alias: str, number: int) -> None:
        """Let the alias, such as `champion`, mean this version, whatever it meant before."""

    def set_tags(self, name: str, number: int, tags: Mapping[str, str]) -> None:
        """Set tags of a version, over those of the same name."""

    def remove(self, name: str, number: int) -> None:
        """Remove a version, and the model with the last one of it."""

    def close(self) -> None:
        """Let go of the store."""
