"""The images that a model was trained on, found again, and what a Siamese network makes of them."""

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.storages import RDBStorage
from rich.console import Console

from models import arrays
from models.data import Images, Split
from search.commands.predict.loading import Ready
from search.driver import opening
from search.output.progress import say
from search.problem.settings import Place
from search.registry.named import Kept
from search.store import storage
from search.system import disk
from search.system.errors import SearchError, UsageError
from tracking import databases


def training_images(kept: Kept, place: Place, store: RDBStorage | None) -> Split:
    """Return the very images that a model was trained on. Raises `UsageError` where they are not to be had any more."""
    settings, digest = _begun(kept, store)
    images = opening.images_of(place, settings["data"], settings.get("images"), digest, settings.get("test_share"))
    # What `confirm` trains has its validation images among the others.
    ways: dict[str, Images] = {found.digest: found for found in (images, images.all_to_train())}
    if kept.digest not in ways:
        raise UsageError(
            f"{kept.name} was trained on other images than {settings['data']} holds now (digest {kept.digest[:12]}, "
            f"now {images.digest[:12]}); put those back where they were"
        )
    return ways[kept.digest].train


def _begun(kept: Kept, store: RDBStorage | None) -> tuple[dict[str, Any], str | None]:
    """Return the settings of the study that trained a model, and the digest of its images."""
    if store and (settings := storage.remembered(store, kept.study)):
        return settings, storage.begun_on(store, kept.study)
    raise UsageError(
        f"{kept.name} was trained by study {kept.study!r}, which knows its images and is not here; name the home of "
        "that search with --home"
    )


def embeddings(console: Console, ready: Ready, gallery: Split, home: Path) -> NDArray[np.float32]:
    """Return what the network makes of each image, (n, size): computed once, and kept by the content of both.

    Raises `Unusable`, and `SearchError` where they cannot be kept.
    """
    identity = f"{arrays.sha256(ready.kept.file)} {ready.kept.digest}"
    file = home / "cache" / "embeddings" / hashlib.sha256(identity.encode()).hexdigest()[:32] / "train.npy"
    there, kept = file.exists(), databases.can_be_written(home)
    if not there:
        said = "this once" if kept else f"and not keeping it: {home} cannot be written"
        say(console, f"looking at all {len(gallery):,} training images, {said}")
    shape = (len(gallery), ready.predictor.outputs)
    try:
        with tempfile.TemporaryDirectory() as passing:
            # What is mapped outlasts the name of its file.
            place = file if there or kept else Path(passing) / file.name
            return arrays.computed(place, shape, lambda rows: ready.predictor.numbers(gallery.images[rows]))
    except OSError as error:
        why = disk.refusal(error, file.parent) or f"{file.parent} cannot be written ({error.strerror})"
        raise SearchError(f"what the network makes of its training images cannot be kept: {why}") from error
