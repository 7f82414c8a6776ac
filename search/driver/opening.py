"""What every call that writes begins with: settings that are decided, and runs that are its own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optuna.storages import RDBStorage

import models
from models import data
from models.data import Images
from search.policies import samplers
from search.problem import space
from search.problem.resolving import require_there, resolve
from search.problem.settings import Place, Settings
from search.store import likeness, storage
from search.system import next_commands
from search.system.errors import UsageError
from tracking import STUDY_TAG, Tracker


def decide(study: str, place: Place, flags: Mapping[str, Any], store: RDBStorage | None) -> tuple[Settings, Images]:
    """Settle everything that can be wrong before anything is written; `store` is where studies are, if there is one.

    Raises `UsageError` and `DataError`.
    """
    before = storage.remembered(store, study) if store else {}
    files = {name: _absolute(flags.get(name)) for name in ("data", "weights")}
    settings = resolve(study, place, {**flags, **files}, before)
    require_there(settings)
    space.parse(models.family(settings.family), settings.fix)
    # Where nothing can be drawn so, it says so.
    samplers.create(settings, settings.seed, likeness.learnt(store, settings))
    if settings.weights not in ("imagenet", "none") and not Path(settings.weights).is_file():
        raise UsageError(f"--weights {settings.weights}: no such file; give one, or imagenet, or none")
    digest = storage.begun_on(store, study) if store else None
    return settings, images_of(place, settings.data, settings.images, digest, settings.test_share)


def images_of(
    place: Place, source: str, count: int | None, digest: str | None, test_share: float | None = None
) -> Images:
    """Return images as the study takes them: one that goes on, as it was begun on this `digest`. Raises `DataError`."""
    return data.load(source, cache=place.home / "cache", images=count, digest=digest, test_share=test_share)


def _absolute(path: str | None) -> str | None:
    """Return a file's or folder's place from wherever the study is continued; other words as they are."""
    return str(Path(path).absolute()) if path and Path(path).exists() else path


def require_ours(tracker: Tracker, name: str, uuid: str | None) -> None:
    """Raise `UsageError` where the experiment of this name is not that of the study with this uuid; None: a new one."""
    tags = tracker.experiment_tags(name)
    if tags is not None and tags.get(STUDY_TAG) != uuid:
        raise UsageError(
            f"the tracker's experiment {name} is somebody else's, or a deleted study's; name another study, such as "
            f"{next_commands.another(name)}, or give that experiment another name in MLflow"
        )
