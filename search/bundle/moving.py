"""What of a trial and its run is another when they go from one study to another: names, numbers, keys and links."""

import re
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from optuna.trial import FrozenTrial

from search.bundle.runs import Kept
from search.bundle.source import Source
from search.recording import artifacts
from search.store import links
from search.store.attributes import (
    ORIGIN,
    ORIGIN_TAG,
    REASON,
    REASON_TAG,
    REPEAT_OF,
    REPEAT_TAG,
    RUN_ID,
    STATE_TAG,
    identity_of_extra,
    identity_of_trial,
    run_name,
)
from search.store.study import Study
from tracking import DESCRIPTION_TAG, MODEL_REMOVED_TAG, MODEL_SHA256_TAG, MODEL_TAG

# Tags that are made when a run is recorded.
OF_ITS_STORE = (MODEL_TAG, MODEL_SHA256_TAG, ORIGIN_TAG)
# A trial is the same in two studies where it has this in common: under which key it was begun, and when.
Identity = tuple[str, datetime | None]


def identity(trial: FrozenTrial, uuid: str) -> Identity:
    """Return what tells a trial of the study with this uuid from all others, however often it was moved."""
    return trial.user_attrs.get(ORIGIN, f"{uuid}/{trial.number}"), trial.datetime_start


@dataclass(frozen=True)
class Entry:
    """A run as it is to be recorded: its key, its name and its tags. Everything else is as it was."""

    key: str
    name: str
    tags: Mapping[str, str]


class Move:
    """From a bundle into a study. `numbers` are those that its trials have there, by those that they had."""

    def __init__(self, source: Source, study: Study, numbers: Mapping[int, int]) -> None:
        self._source, self._study, self._numbers = source, study, numbers
        self._name = study.settings.study

    def trial(self, trial: FrozenTrial, number: int, run: str) -> FrozenTrial:
        """Return a trial as it is to be added; `run` is what the tracker calls its run here."""
        attributes = {name: value for name, value in trial.user_attrs.items() if name not in (RUN_ID, ORIGIN)}
        attributes |= self._origin(trial, number, ORIGIN) | ({RUN_ID: run} if run else {})
        if REPEAT_OF in attributes:
            attributes[REPEAT_OF], reason = self._repeated(trial)
            attributes |= {REASON: reason} if reason else {}
        moved = copy(trial)
        moved.user_attrs = attributes
        return moved

    def run(self, kept: Kept, trial: FrozenTrial, number: int) -> Entry:
        """Return the run of a trial."""
        study, key = self._study, self._study.key(number)
        known = identity_of_trial(self._name, key, number, study.settings.family, trial.user_attrs)
        del known[STATE_TAG]
        tags = self._tags(kept, trial.number, number) | known | self._origin(trial, number, ORIGIN_TAG)
        if REPEAT_TAG in tags:
            repeated, reason = self._repeated(trial)
            tags |= {REPEAT_TAG: str(repeated)} | ({REASON_TAG: reason} if reason else {})
        return Entry(key, run_name(self._name, number), tags)

    def beside(self, kept: Kept) -> Entry | None:
        """Return a run that is no trial's; None where it is of a trial that is another one here."""
        kind, *parts = kept.what.split("/")
        place = int(parts[0]) if parts[0].isdecimal() else None
        if place is not None and self._numbers.get(place) != place:
            return None
        key = self._study.extra_key(kind, *parts)
        known = identity_of_extra(kind, self._name, key, self._study.settings.family)
        tags = {name: self.renamed(text) for name, text in self._tags(kept, place, place).items()}
        return Entry(key, self._name + kept.record.name.removeprefix(self._source.name), tags | known)

    def renamed(self, what: Any) -> Any:
        """Return what was said of the study and its trials, by the names that they have here."""
        return renamed(what, self._source.name, self._name)

    def _origin(self, trial: FrozenTrial, number: int, name: str) -> dict[str, str]:
        root, _ = identity(trial, self._source.uuid)
        return {name: root} if root != self._study.key(number) else {}

    def _repeated(self, trial: FrozenTrial) -> tuple[int, str]:
        """Return which trial here it repeats, and the reason that says so; none where that is another one."""
        before = trial.user_attrs[REPEAT_OF]
        number = self._numbers.get(before, before)
        said = trial.user_attrs.get(REASON) == artifacts.repeats(before)
        return number, artifacts.repeats(number) if said else ""

    def _tags(self, kept: Kept, before: int | None, number: int | None) -> dict[str, str]:
        """Return all tags but those that the store sets of its own; the dashboard's address is the one here."""
        known = kept.record.tags
        # The SHA-256 of a model that was removed stays, so that one made again can be compared.
        left = (MODEL_SHA256_TAG,) if MODEL_REMOVED_TAG in known else ()
        tags = {name: text for name, text in known.items() if name in left or name not in OF_ITS_STORE}
        if DESCRIPTION_TAG in tags and before is not None and number is not None:
            # Earlier versions did not say which study an address is of.
            there = rf"{re.escape(links.trial(self._source.dashboard, before))}(?:&{links.UUID}=\w+)?(?!\d)"
            tags[DESCRIPTION_TAG] = re.sub(there, self._study.address(number), tags[DESCRIPTION_TAG])
        return tags


def renamed(what: Any, before: str, name: str) -> Any:
    """Return what was said of a study, and of its trials as in `mlp/3`, under its new name."""
    match what:
        case str() if what == before:
            return name
        case str():
            return re.sub(rf"(?<![\w./-]){re.escape(before)}(?=/\d)", name, what)
        case list():
            return [renamed(part, before, name) for part in what]
        case dict():
            return {renamed(key, before, name): renamed(part, before, name) for key, part in what.items()}
    return what
