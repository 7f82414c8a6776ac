"""Which version of a model is its champion: one that is clearly better takes the place of another, and nothing else."""

import re
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

import numpy as np

import tracking
from search.analysis import predictions
from search.analysis.ranking import Scored, Standings
from search.output import suggestions
from search.problem.settings import Place
from search.registry import registered
from search.store.attributes import (
    ACCURACY_TAG,
    COMMIT_TAG,
    DATA_TAG,
    DIGEST_TAG,
    FAMILY_TAG,
    FINALIST_TAG,
    FORCED_TAG,
    MARGIN_TAG,
    RUNS_TAG,
    STUDY_NAME_TAG,
)
from search.system import disk, next_commands
from search.system.errors import UsageError
from search.system.redaction import redacted
from search.system.wording import counted
from tracking import CHAMPION, Registry, Tracker, TrackingError, Version


@dataclass(frozen=True)
class Winner:
    """What a confirmation has come to: the finalist, its runs by seed, its accuracy and the margin of that."""

    study: str
    finalist: str
    family: str
    data: str
    digest: str
    runs: tuple[str, ...]
    accuracy: float
    margin: float


@dataclass(frozen=True)
class Standing:
    """A version, whether it is the champion now, and why."""

    version: Version
    champion: bool
    sentence: str


def name_of(data: str, family: str) -> str:
    """Return under which name models of a family on these images are registered: without what MLflow does not take."""
    return re.sub(r"[^\w-]+", "-", f"{data}-{family}")


def enter(winner: Winner, place: Place, tracker: Tracker) -> Standing:
    """Register the winner, whose first seed's run holds its model, and make it champion if it is to be.

    Raises `TrackingError`.
    """
    registry = tracking.open_registry(place.tracking_uri, place.artifacts)
    assert registry is not None
    with closing(registry):
        name = name_of(winner.data, winner.family)
        _require_ours(registry, name, place.tracking_uri)
        version = registry.register(name, winner.runs[0], _tags(winner, tracker), _description(winner))
        return _moved(registry, tracker, version)


def _require_ours(registry: Registry, name: str, uri: str) -> None:
    """Raise where somebody else has given a model of theirs the same name, and every version is theirs."""
    versions = registry.versions(name)
    if versions and not any(STUDY_NAME_TAG in version.tags for version in versions):
        raise TrackingError(
            f"the registered model {name} in {redacted(uri)} is somebody else's: no search has registered any of its "
            f"versions; give it another name in MLflow, and run `confirm` again"
        )


def promote(called: str, place: Place, force: str | None) -> Standing:
    """Make a version the champion if it is better, or for the reason that a person gives. Raises `UsageError`."""
    if force is not None and not force.strip():
        raise UsageError("--force: give the reason, which is kept with the version")
    with registered.opened(place) as registry:
        version = registered.named(called, registry)
        assert registry, "a version was found in it"
        disk.require_writable(place.home)
        if force is None or version.is_champion:
            with predictions.opened(place) as tracker:
                return _moved(registry, tracker, version)
        registry.set_tags(version.name, version.number, {FORCED_TAG: force})
        registry.point(version.name, CHAMPION, version.number)
        return Standing(version, True, f"{version.address} is the champion now, because: {force}")


def _moved(registry: Registry, tracker: Tracker, version: Version) -> Standing:
    """Let the alias mean this version where that is better than what it means."""
    champion = next((one for one in registry.versions(version.name) if one.is_champion), None)
    if champion is None:
        registry.point(version.name, CHAMPION, version.number)
        return Standing(version, True, f"{version.address} is the champion, as the first of its name")
    if champion.number == version.number:
        return Standing(version, True, f"{version.address} is the champion")
    better, why = _better(tracker, version, champion)
    if better:
        registry.point(version.name, CHAMPION, version.number)
        return Standing(version, True, f"{version.address} is the champion now, instead of {champion.number}: {why}")
    return Standing(
        version,
        False,
        f"the champion is still {champion.address}, not {version.number}: {why}; `"
        f"{next_commands.command('promote', f'{version.name}/{version.number}', '--force', 'REASON')}` would change it",
    )


def _better(tracker: Tracker, version: Version, champion: Version) -> tuple[bool, str]:
    """Return whether a version is better than the champion by more than noise, on the same images; and why or not."""
    theirs, ours = champion.tags.get(DIGEST_TAG, ""), version.tags.get(DIGEST_TAG, "")
    if theirs != ours or not ours:
        return False, f"they were judged on other images (digest {ours[:12] or 'unknown'}, was {theirs[:12]})"
    try:
        scored = [_scored(tracker, one) for one in (version, champion)]
    except (TrackingError, predictions.Unreadable) as error:
        return False, f"they cannot be compared ({error})"
    lead = Standings(scored).lead(*scored)
    return lead.clear and lead.difference > 0, lead.sentence


def _scored(tracker: Tracker, version: Version) -> Scored:
    study, runs = version.tags.get(STUDY_NAME_TAG, ""), version.tags.get(RUNS_TAG, "").split()
    rights = [predictions.of_run(tracker, run, version.address, study).right for run in runs]
    if not rights:
        raise TrackingError(f"{version.address} does not say what judged it")
    return Scored(f"version {version.number}", np.stack(rights))


def _tags(winner: Winner, tracker: Tracker) -> Mapping[str, str]:
    return {
        STUDY_NAME_TAG: winner.study,
        FINALIST_TAG: winner.finalist,
        FAMILY_TAG: winner.family,
        DATA_TAG: winner.data,
        DIGEST_TAG: winner.digest,
        RUNS_TAG: " ".join(winner.runs),
        ACCURACY_TAG: repr(winner.accuracy),
        MARGIN_TAG: repr(winner.margin),
        COMMIT_TAG: tracker.record(winner.runs[0]).tags.get("mlflow.source.git.commit", ""),
    }


def _description(winner: Winner) -> str:
    return (
        f"{winner.finalist}, confirmed in study {winner.study} with {counted(len(winner.runs), 'seed')}: test_accuracy "
        f"{winner.accuracy:.4f} ± {winner.margin:.4f} on {winner.data} (digest {winner.digest[:12]}). "
        f"The network is that of the first seed, run {winner.runs[0]}; {suggestions.TAKES}."
    )
