"""`delete`: a study out of both stores and off the disk, once it is in a file of its own."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

import optuna
import typer
from rich.console import Console

from search.bundle import exporting
from search.commands.keeping import told
from search.driver import opened
from search.driver.opened import Stores
from search.output.tables import say
from search.problem.settings import Place, check_name
from search.store import claims, storage
from search.store.attributes import DELETING
from search.system import addresses, atomic_files, failpoints, library_output, next_commands, signals
from search.system.errors import UsageError
from search.system.redaction import redacted
from search.system.wording import counted
from tracking import KEY_TAG, Gone, Version
from tracking.removal import remove
from tracking.spool import Spool


@dataclass(frozen=True)
class Going:
    """What goes with a study. `uuid` is empty where it never began; `registered` are versions of its models."""

    name: str
    uuid: str
    trials: int
    runs: int
    models: int
    bytes: int
    registered: Sequence[Version]
    deleting: str | None

    @property
    def sentence(self) -> str:
        """Say what that is."""
        what = (counted(self.trials, "trial"), counted(self.runs, "run"), counted(self.models, "model"))
        named = "".join(f", {version.name}/{version.number}" for version in self.registered)
        return f"study {self.name}: {', '.join(what)} of {told(self.bytes)}{named}"


def delete(name: str, place: Place, *, yes: bool, export: bool, versions: bool) -> None:
    """Delete a study, exported first where that is wanted. Raises `UsageError`, `SearchError`, `TrackingError`."""
    console = Console(stderr=True)
    library_output.libraries()
    addresses.require_two(place.storage, place.tracking_uri)
    file = Path(f"{check_name(name)}{exporting.SUFFIX}")
    with opened.to_write(place) as stores:
        going = _going(name, stores)
        exported = export and bool(going.uuid) and going.deleting is None
        if exported:
            atomic_files.require_new(file)
        if not versions:
            _require_unregistered(going)
        _ask(going, yes=yes)
        with signals.heeded(), claims.alone(place.home, place.storage, name, stores.store):
            if exported:
                say(exporting.written(name, file, console, stores).sentence)
            gone = _delete(going, stores, str(file.absolute()) if exported else going.deleting or "")
    for sentence in _conclusion(going, gone, place):
        say(sentence)


def _going(name: str, stores: Stores) -> Going:
    """Read what there is of a study. Raises `UsageError` where it is somebody else's."""
    study = storage.load(stores.store, name)
    uuid = str(study.user_attrs.get("uuid", ""))
    trials = len(storage.outlines(study))
    if trials and not uuid:
        raise UsageError(f"study {name} was not begun by this program; delete it with the one that has")
    tracker = stores.recorded() if uuid else None
    if tracker is None:
        return Going(name, uuid, trials, 0, 0, 0, (), study.user_attrs.get(DELETING))
    runs = {run.id for run in tracker.records(name) if run.tags.get(KEY_TAG, "").startswith(f"{uuid}/")}
    models = [model for model in tracker.models(name) if model.run in runs]
    taken = sum(map(tracker.model_bytes, models))
    registry = stores.registry()
    versions = [version for version in registry.versions() if version.run in runs] if registry else []
    return Going(name, uuid, trials, len(runs), len(models), taken, versions, study.user_attrs.get(DELETING))


def _require_unregistered(going: Going) -> None:
    if going.registered:
        raise UsageError(
            f"of study {going.name}, {', '.join(one.address for one in going.registered)} would be left without a "
            f"model; `{next_commands.repeated('--registered')}` deletes that, too"
        )


def _ask(going: Going, *, yes: bool) -> None:
    say(f"to be deleted: {going.sentence}")
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"nobody can be asked here; `{next_commands.repeated('--yes')}` deletes it without")
    typer.confirm("delete it?", abort=True)


def _delete(going: Going, stores: Stores, export: str) -> Gone:
    """Delete what there is. Optuna is told last: as long as the study is there, there is something to go on with."""
    store, place = stores.store, stores.place
    with storage.told(place.storage):
        optuna.load_study(study_name=going.name, storage=store).set_user_attr(DELETING, export)
        gone = _remove_runs(going, stores) if going.uuid else Gone(0, "")
        failpoints.point("after_removal")
        remove(place.home / "checkpoints" / going.name, place.home / "checkpoints")
        optuna.delete_study(study_name=going.name, storage=store)
    return gone


def _remove_runs(going: Going, stores: Stores) -> Gone:
    if going.registered and (registry := stores.registry()):
        for version in going.registered:
            registry.remove(version.name, version.number)
    gone = stores.tracker.remove(going.name, f"{going.uuid}/")
    spool = Spool(stores.place.home / "spool")
    for key in spool.keys(f"{going.uuid}/"):
        spool.remove(key)
    spool.sweep(f"{going.uuid}/")
    return gone


def _conclusion(going: Going, gone: Gone, place: Place) -> list[str]:
    said = [f"study {going.name} is deleted; {told(gone.freed)} came free"]
    if gone.kept:
        uri = quote(redacted(place.tracking_uri))
        gc = (
            f"{next_commands.tool('mlflow')} gc --tracking-uri {uri} --backend-store-uri {uri} "
            f"--experiment-ids {gone.kept}"
        )
        said.append(f"MLflow keeps the numbers of its runs, marked as deleted; `{gc}` removes them for ever")
    return said
