"""What a bundle says of the study in it, understood as a whole before anything of it is believed."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from search.bundle import runs, trials
from search.bundle.archive import Archive
from search.bundle.runs import Kept
from search.problem.settings import check_name
from search.store.attributes import IDENTITY, SETTINGS
from tracking import rules

STUDY, TRIALS, CHECKPOINTS = "study.json", "trials.json", "checkpoints"
_CHECKPOINT = re.compile(rf"{CHECKPOINTS}/(?P<trial>\d+)/(?P<file>[\w-][\w.-]*)")


@dataclass(frozen=True, eq=False)
class Source:
    """The study of a bundle. `dashboard` is what the Optuna dashboard calls it where it is from."""

    archive: Archive
    directions: Sequence[StudyDirection]
    attributes: Mapping[str, Any]
    system: Mapping[str, Any]
    dashboard: int
    trials: Sequence[FrozenTrial]

    @property
    def name(self) -> str:
        """What it is called where it is from."""
        return self.archive.study

    @property
    def uuid(self) -> str:
        """What it is known by everywhere."""
        return self.archive.uuid

    @property
    def settings(self) -> Mapping[str, Any]:
        """Those with which it was last searched."""
        settings: Mapping[str, Any] = self.attributes[SETTINGS]
        return settings

    def runs(self) -> Iterator[str]:
        """Yield what its runs are known by: the numbers of trials, `study`, `confirmation/3/0`."""
        for name in self.archive.members:
            if name.startswith(runs.FOLDER) and name.endswith(runs.ABOUT):
                yield name.removeprefix(runs.FOLDER).removesuffix(runs.ABOUT)

    def run(self, what: str) -> Kept | None:
        """Return one of them; None where a trial has no run."""
        about = f"{runs.FOLDER}{what}{runs.ABOUT}"
        return _kept(self.archive, about) if about in self.archive.members else None

    def checkpoints(self, number: int) -> Iterator[tuple[str, str]]:
        """Yield the checkpoints of a trial: their members, and their own names."""
        for name in self.archive.members:
            found = _CHECKPOINT.fullmatch(name)
            if found and int(found["trial"]) == number:
                yield name, found["file"]


def understood(archive: Archive) -> Source:
    """Return the study of a bundle. Raises `UsageError` where any of it was not written by `export`."""
    study, listed = archive.json(STUDY), archive.json(TRIALS)
    with archive.understood(STUDY):
        check_name(archive.study)
        source = Source(
            archive,
            [StudyDirection[direction] for direction in study["directions"]],
            {**study["attributes"]},
            {**study["system"]},
            int(study["dashboard"]),
            _trials(archive, listed),
        )
        identity, settings = source.attributes[IDENTITY], source.settings
        if not identity.keys() >= {"data", "space", "goal"} or not settings.keys() >= {"family", "trials"}:
            raise KeyError(IDENTITY)
    for what in source.runs():
        source.run(what)
    return source


def _trials(archive: Archive, listed: Any) -> list[FrozenTrial]:
    with archive.understood(TRIALS):
        found = [trials.of_json(known) for known in listed]
        if [trial.number for trial in found] != list(range(len(found))):
            raise ValueError("trials are missing")
        return found


def _kept(archive: Archive, about: str) -> Kept:
    known = archive.json(about)
    with archive.understood(about):
        kept = runs.of_json(known)
        expected = {kept.artifact(rules.artifact_name(name)) for name in kept.record.artifacts}
        expected |= {kept.folder + runs.MODEL} if kept.model else set()
        if kept.folder + runs.ABOUT != about or not expected <= archive.members.keys():
            raise KeyError("artifacts")
    return kept
