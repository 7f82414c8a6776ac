"""The study that takes a bundle in: the same one, another one that it can be merged into, or a new one."""

from collections.abc import Iterator, Mapping
from typing import Any

import optuna
from optuna.storages import RDBStorage

import models
from search.bundle.source import Source
from search.problem import space
from search.problem.parts import caveat
from search.problem.resolving import resolve
from search.problem.settings import Place
from search.store import dashboard_notes, storage
from search.store.attributes import (
    BEGUN_AS,
    CONFIRMED,
    DISTRIBUTIONS,
    IDENTITY,
    IMPORTING,
    ORIGIN,
    RUN_ID,
    SETTINGS,
    UUID,
)
from search.system import next_commands
from search.system.errors import UsageError

# The attribute of a study into which a bundle is being taken, which begins before anything else and ends empty.
# What makes trials comparable beside what is searched for, where, and on which images. Of weights, whether they are
# random: files of the same may lie elsewhere.
ALIKE = ("family", "epochs", "max_parameters", "max_seconds_per_epoch")


def name_of(source: Source, store: RDBStorage | None) -> str:
    """Return the name of the study that has the bundle's uuid here, or the bundle's own; `store`: where one is."""
    if store is None:
        return source.name
    with storage.told(store.url, outcome=""):
        return _names(store).get(source.uuid, source.name)


def _names(store: RDBStorage) -> dict[str, str]:
    """Return the names of the studies that there are, by their uuids."""
    return {study.user_attrs[UUID]: study.study_name for study in store.get_all_studies() if UUID in study.user_attrs}


def require_known(source: Source, name: str, place: Place) -> None:
    """Raise `UsageError` where this program does not have the family, or not what is pinned of it."""
    settings = resolve(name, place, {}, source.settings)
    space.parse(models.family(settings.family), settings.fix)


def ensure(store: RDBStorage, name: str, source: Source) -> None:
    """Make the study where there is none. Raises `UsageError` where the one that is there cannot take the bundle in.

    It remembers its settings last: a study that lacks them was only about to be made.
    """
    copied = _names(store).get(source.uuid, name) != name
    study = storage.begun(store, name, source.directions, None if copied else source.uuid)
    if SETTINGS in study.user_attrs:
        _refuse_others(study, source)
        return
    for attribute, value in source.system.items():
        if not attribute.startswith(dashboard_notes.OF_STUDY):
            store.set_study_system_attr(store.get_study_id_from_name(name), attribute, value)
    for attribute, value in {**_attributes(study, source), "settings": source.settings}.items():
        study.set_user_attr(attribute, value)


def _attributes(study: optuna.Study, source: Source) -> dict[str, Any]:
    """Return what a new study remembers beside its uuid: all but what leads to runs, which are others here."""
    own = (UUID, "settings")
    kept = {known: value for known, value in source.attributes.items() if known not in own and not _of_runs(known)}
    copied = {ORIGIN: source.uuid} if study.user_attrs[UUID] != source.uuid else {}
    return {**kept, **copied, IMPORTING: source.uuid}


def _of_runs(attribute: str) -> bool:
    return attribute in (CONFIRMED, BEGUN_AS) or attribute.partition(":")[0] == RUN_ID


def _refuse_others(study: optuna.Study, source: Source) -> None:
    differences = list(_differences(study.user_attrs, source))
    if differences:
        name, file = study.study_name, source.archive.file
        raise UsageError(
            f"study {name} cannot take in {file}: {'; '.join(differences)}; give that another name, as in "
            f"`{next_commands.command('import', file, '--study', next_commands.another(name))}`"
        )


def _differences(here: Mapping[str, Any], source: Source) -> Iterator[str]:
    """Yield what makes trials of two studies incomparable."""
    ours, theirs = here[IDENTITY], source.attributes[IDENTITY]
    if ours["data"] != theirs["data"]:
        yield f"its images are others (digest {theirs['data'][:12]}, here {ours['data'][:12]})"
    if ours["goal"] != theirs["goal"]:
        yield f"its goal is {theirs['goal']}, here {ours['goal']}"
    if ours["space"] != theirs["space"]:
        changes = space.changes(source.attributes.get(DISTRIBUTIONS, {}), here.get(DISTRIBUTIONS, {}))
        yield f"its space is another ({changes} here)"
    for name in ALIKE:
        if here["settings"].get(name) != source.settings.get(name):
            flag = f"--{name.replace('_', '-')}"
            yield f"its {flag} is {source.settings.get(name)}, here {here['settings'].get(name)}"
    said = [caveat(settings.get("weights", "")) for settings in (source.settings, here["settings"])]
    if said[0] != said[1]:
        yield f"only one of the two has {said[0] or said[1]}"
