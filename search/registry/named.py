"""From what a person calls a model to its file: a trial's, a study's, a registered one's, or any other that is trusted.

A model is code as well as numbers. One that a search has made is known by the SHA-256 in its run; of any other a person
has to say that it is the one they mean.
"""

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from optuna.storages import RDBStorage

from models import unloadable
from models.arrays import sha256
from models.naming import hint
from search.analysis import predictions
from search.problem.settings import Place
from search.registry import registered
from search.store import results, storage
from search.store.attributes import STUDY_NAME_TAG
from search.store.results import Result
from search.system import next_commands
from search.system.addresses import expanded
from search.system.errors import SearchError, UsageError

SUFFIX = ".keras"
FORMS = f"STUDY/NUMBER, STUDY, NAME, NAME/VERSION, models:/NAME@champion, or a {SUFFIX} file with --trust-file SHA256"
_RUN = re.compile(r"runs:/(?P<run>[0-9a-f]{32})/.+")


@dataclass(frozen=True)
class Kept:
    """A model as a file on this disk, known to be what was recorded, and what it says of itself.

    `background` is how bright the edges of its training images were, from 0 to 255. What nobody knows is empty or None.
    """

    name: str
    file: Path
    family: str = ""
    class_names: tuple[str, ...] = ()
    background: int | None = None
    data: str = ""
    digest: str = ""
    study: str = ""
    run: str = ""


@contextmanager
def opened(name: str, place: Place, trusted: str | None = None, store: RDBStorage | None = None) -> Iterator[Kept]:
    """Lend the model that a person calls by this name. Raises `UsageError`, `SearchError` and `TrackingError`.

    A registered model without a version is its champion, and a study is its best trial. `store` is Optuna's storage
    where it is open already.
    """
    if name.endswith(SUFFIX):
        yield _trusted(expanded(Path(name), "the model"), trusted)
        return
    if trusted is not None:
        raise UsageError(f"--trust-file is for a {SUFFIX} file, and {name!r} is none; leave it out")
    called, run = _run_of(name, place, store)
    with predictions.opened(place) as tracker, tempfile.TemporaryDirectory() as folder:
        record = tracker.record(run)
        found = tracker.model(run, Path(folder))
        yield _described(Kept(called, found.file, study=record.tags.get(STUDY_NAME_TAG, ""), run=run), found.metadata)


def _run_of(name: str, place: Place, store: RDBStorage | None) -> tuple[str, str]:
    """Return the name in full, and the id of the run that holds the model."""
    if found := _RUN.fullmatch(name):
        return name, found["run"]
    studies: Sequence[str] = ()
    if not name.startswith(registered.SCHEME):
        with nullcontext(store) if store else storage.if_there(place.storage) as there:
            studies = storage.names(there) if there else ()
            if there and name.partition("/")[0] in studies:
                return _run_of_trial(results.named(there, name))
    versions = registered.everything(place)
    version = registered.find(name, versions)
    if version is None:
        instead = _else(Path(name)) or hint(name, [*studies, *(version.name for version in versions)])
        see = f"`{next_commands.command('list')}` and `{next_commands.command('models')}`"
        raise UsageError(f"no model {name!r}{instead}; give {FORMS}: see {see}")
    return version.address, version.run


def _run_of_trial(result: Result) -> tuple[str, str]:
    if not result.model:
        why = f" ({result.reason})" if result.reason else ""
        gone = f"its model was {result.removal}" if result.removed else "has left no model"
        raise SearchError(f"{result.name} is {result.state.lower()}{why}, and {gone}")
    return result.name, result.run


def _else(path: Path) -> str:
    """Say what a path is that is no `.keras` file, if something is there."""
    if path.is_file() and path.suffix in (".h5", ".hdf5"):
        return f": {unloadable.converted(path)}"
    if (path / "saved_model.pb").is_file():
        return ": this folder is a SavedModel, which has no network of Keras in it; save that with `model.save`"
    return ""


def _trusted(file: Path, digest: str | None) -> Kept:
    if not file.is_file():
        raise UsageError(f"{file}: no such file; give {FORMS}")
    found = sha256(file)
    if digest is None or not re.fullmatch(r"[0-9a-fA-F]{64}", digest):
        raise UsageError(
            f"{file} was not made by a search of this home, and a model can run code; if you know where it is from, "
            f"`{next_commands.repeated('--trust-file', found)}` takes it"
        )
    if found != digest.lower():
        raise UsageError(f"{file} has the SHA-256 {found}, not {digest}: it is another file than the one you trust")
    return Kept(str(file), file)


def _described(kept: Kept, metadata: Mapping[str, Any]) -> Kept:
    background = metadata.get("background")
    return replace(
        kept,
        family=str(metadata.get("family", "")),
        class_names=tuple(map(str, metadata.get("class_names", ()))),
        background=background if isinstance(background, int) else None,
        data=str(metadata.get("data", "")),
        digest=str(metadata.get("digest", "")),
    )
