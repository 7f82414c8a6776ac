"""`rename`: a study under another name, in both stores and on the disk."""

from rich.console import Console

from search.bundle.moving import renamed
from search.doctor import reading
from search.driver import delivery, opened
from search.driver.opened import Stores
from search.output.tables import say
from search.problem.settings import Place, check_name
from search.report import writing
from search.store import claims, storage
from search.store.attributes import BEGUN_AS, CONFIRMED, FINALIST_TAG, RENAMING, STUDY_NAME_TAG, confirmed
from search.store.study import Study
from search.system import addresses, failpoints, library_output, signals
from search.system.errors import SearchError, UsageError
from tracking import STUDY_TAG, Registry, Tracker

# Seconds for which the tracker may take the study's page.
PATIENCE = 60.0


def rename(before: str, name: str, place: Place) -> None:
    """Give a study another name. Raises `UsageError`, `SearchError` and `TrackingError`."""
    console = Console(stderr=True)
    library_output.libraries()
    addresses.require_two(place.storage, place.tracking_uri)
    with opened.to_write(place) as stores:
        store = stores.store
        there = storage.names(store)
        known = storage.load(store, name).user_attrs if check_name(name) in there else {}
        half = known.get(RENAMING) == [before, name]
        if known and not half:
            raise UsageError(f"there is a study {name} already; choose another name")
        study = reading.opened(store, name if half else before, place)
        _require_free(study, name, stores.recorded())
        with (
            signals.heeded(),
            claims.alone(place.home, place.storage, before, store),
            claims.alone(place.home, place.storage, name, store),
        ):
            if not half:
                if not delivery.deliver(console, study, stores):
                    raise SearchError(
                        f"runs of study {before} wait for the tracker, as said; try again when it has them"
                    )
                _rename(before, name, stores)
            _describe(name, stores)
    say(f"study {before} is called {name} now; its runs and its registered models keep their names")


def _require_free(study: Study, name: str, tracker: Tracker | None) -> None:
    """Raise `UsageError` where the tracker has an experiment of this name that is another study's."""
    tags = tracker.experiment_tags(name) if tracker else None
    if tags is not None and tags.get(STUDY_TAG) != study.uuid:
        raise UsageError(f"MLflow has an experiment {name} already; choose another name")


def _rename(before: str, name: str, stores: Stores) -> None:
    """Rename what there is, in Optuna last: as long as the study has its name there, the same call goes on."""
    place = stores.place
    with reading.to_mend(stores, before) as (study, tools):
        study.note(RENAMING, [before, name])
        tools.tracker.rename(before, name, {STUDY_NAME_TAG: name})
        checkpoints = place.home / "checkpoints"
        if (checkpoints / before).exists():
            (checkpoints / before).rename(checkpoints / name)
        known = study.attributes
        if found := confirmed(known):
            study.note(CONFIRMED, renamed(found, before, name))
        names, last = known.get(BEGUN_AS, []), [len(study.trials()), before]
        study.note(BEGUN_AS, names if last in names else [*names, last])
    if registry := stores.registry():
        _rename_versions(before, name, registry)
    failpoints.point("before_rename")
    with storage.told(place.storage):
        storage.rename(storage.load(stores.store, before), name)


def _rename_versions(before: str, name: str, registry: Registry) -> None:
    for version in registry.versions():
        if version.tags.get(STUDY_NAME_TAG) == before:
            tags = {tag: renamed(version.tags.get(tag, ""), before, name) for tag in (STUDY_NAME_TAG, FINALIST_TAG)}
            registry.set_tags(version.name, version.number, tags)


def _describe(name: str, stores: Stores) -> None:
    """Let notes and the study's page say its name."""
    with reading.to_mend(stores, name) as (study, tools):
        best = study.best()
        for trial in study.trials():
            study.annotate(trial.number, best=best is not None and trial.number == best[1])
        tools.trial_runs.portray(writing.of_study(stores.store, name))
        tools.trial_runs.settle(PATIENCE)
        tools.trial_runs.link()
        study.note(RENAMING, None)
