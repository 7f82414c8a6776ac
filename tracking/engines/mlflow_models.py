"""Models in a store of MLflow's: which there are, what they take, who refers to them, and how one is removed."""

import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from mlflow import entities
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.tracking import MlflowClient
from requests import HTTPError

from tracking.engines import pages
from tracking.engines.mlflow_registry import MlflowRegistry
from tracking.engines.places import local
from tracking.run import DUPLICATE_TAG, KEY_TAG, ModelRecord, TrackingError

# How servers answer that leave removing to `mlflow gc`: not allowed, not known, switched off.
_REFUSALS = (403, 404, 405, 501, 503)
# Between the name that an experiment had and its id, once it is deleted.
_ASIDE = ", deleted: "
# So many runs are asked for at once.
_RUNS = 100
# In what `stat` counts.
_BLOCK = 512


def find(client: MlflowClient, model_id: str) -> entities.LoggedModel | None:
    """Return a model; None where there is none, or where it was deleted."""
    try:
        return client.get_logged_model(model_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None


def stored(client: MlflowClient, place: str, experiment: entities.Experiment) -> list[ModelRecord]:
    """Return the models of an experiment that were not deleted."""
    found = list(
        pages.everything(
            lambda token: client.search_logged_models([experiment.experiment_id], max_results=1000, page_token=token)
        )
    )
    names, keys = _owners(client, experiment.experiment_id, [model.source_run_id for model in found])
    references = _references(place)
    return [
        ModelRecord(
            id=model.model_id,
            place=model.artifact_location,
            run=model.source_run_id or "",
            name=names.get(model.source_run_id, model.name),
            key=keys.get(model.source_run_id, ""),
            held=_held(model, references) or _astray(model, experiment),
        )
        for model in found
    ]


def require_free(client: MlflowClient, place: str, run: str, models: Sequence[entities.LoggedModel]) -> None:
    """Raise `TrackingError` where one of a run's models may not be removed."""
    references = _references(place)
    for model in models:
        held = _held(model, references) or _astray(model, client.get_experiment(model.experiment_id))
        if held:
            raise TrackingError(f"the model of run {run} stays: it is {held}")


def size(place: str, address: str) -> int:
    """Return how many bytes lie at an address of the store at `place`."""
    folder = local(address)
    if folder is None:
        return _listed(get_artifact_repository(address, tracking_uri=place))
    files = (folder, *folder.rglob("*")) if folder.exists() else ()
    return sum(file.lstat().st_blocks * _BLOCK for file in files)


def remove(client: MlflowClient, place: str, model: entities.LoggedModel) -> int:
    """Remove a model's files, mark it as deleted, which hides it, and return how many bytes came free.

    What a server refuses to remove is left to `mlflow gc`, which takes what is marked.
    """
    before = size(place, model.artifact_location)
    _delete(place, model.artifact_location)
    # Last: as long as it is not deleted, there is something to go on with.
    client.delete_logged_model(model.model_id)
    return before - size(place, model.artifact_location)


def of_run(client: MlflowClient, run: entities.Run) -> list[entities.LoggedModel]:
    """Return the models that a run has made and that were not removed."""
    made = f"source_run_id = '{run.info.run_id}'"
    return list(client.search_logged_models([run.info.experiment_id], made))


def remove_artifacts(place: str, run: entities.Run, experiment: entities.Experiment) -> int:
    """Remove a run's files, if they are where those of its experiment are; return how many bytes that was."""
    address = run.info.artifact_uri
    if _outside(address, experiment):
        return 0
    before = size(place, address)
    _delete(place, address)
    return before - size(place, address)


def set_aside(client: MlflowClient, experiment: str) -> str:
    """Delete an experiment, give its name free, and return its id: MLflow keeps it until somebody calls `mlflow gc`."""
    found = client.get_experiment_by_name(experiment)
    if found and found.lifecycle_stage == entities.LifecycleStage.ACTIVE:
        # One that is deleted cannot be called otherwise any more.
        client.rename_experiment(found.experiment_id, f"{experiment}{_ASIDE}{found.experiment_id}")
    aside = client.search_experiments(filter_string=f"name LIKE '{experiment}{_ASIDE}%'")
    for one in aside:
        client.delete_experiment(one.experiment_id)
    return ",".join(one.experiment_id for one in aside)


def _delete(place: str, address: str) -> None:
    """Remove what lies at an address; what a server refuses to remove is left to `mlflow gc`."""
    try:
        get_artifact_repository(address, tracking_uri=place).delete_artifacts()
    except HTTPError as error:
        if error.response is None or error.response.status_code not in _REFUSALS:
            raise


def _listed(repository: ArtifactRepository, folder: str | None = None) -> int:
    return sum(
        _listed(repository, entry.path) if entry.is_dir else entry.file_size or 0
        for entry in repository.list_artifacts(folder)
    )


def _owners(
    client: MlflowClient, experiment_id: str, runs: Sequence[str | None]
) -> tuple[dict[str | None, str], dict[str | None, str]]:
    """Return names and keys of runs, by their ids."""
    names: dict[str | None, str] = {}
    keys: dict[str | None, str] = {}
    known = sorted(filter(None, set(runs)))
    for start in range(0, len(known), _RUNS):
        listed = ", ".join(f"'{run}'" for run in known[start : start + _RUNS])
        for run in client.search_runs([experiment_id], f"attributes.run_id IN ({listed})", max_results=_RUNS):
            names[run.info.run_id] = run.info.run_name
            if DUPLICATE_TAG not in run.data.tags:
                keys[run.info.run_id] = run.data.tags.get(KEY_TAG, "")
    return names, keys


def _references(place: str) -> dict[str, str]:
    """Return what versions of registered models refer to, in this store and in the one that the person registers in."""
    found: dict[str, str] = {}
    for address in {place, os.environ.get("MLFLOW_REGISTRY_URI") or place}:
        with closing(MlflowRegistry(address)) as registry:
            found |= registry.references()
    return found


def _held(model: entities.LoggedModel, references: dict[str, str]) -> str:
    """Say which version of a registered model refers to a model or to its run; empty where none does."""
    ids = [name for name in (model.model_id, model.source_run_id) if name]
    version = next((version for version, said in references.items() if any(name in said for name in ids)), "")
    return f"registered: {version}" if version else ""


def _astray(model: entities.LoggedModel, experiment: entities.Experiment) -> str:
    """Say where a model's files are if they are not among those of its experiment; empty where they are."""
    return _outside(model.artifact_location, experiment)


def _outside(place: str, experiment: entities.Experiment) -> str:
    """Say that an address is not among those of an experiment; empty where it is."""
    root = experiment.artifact_location.rstrip("/")
    folder, roots = local(place), local(root)
    inside = place.startswith(f"{root}/") and ".." not in Path(place).parts
    if folder and roots:
        # Links lead elsewhere.
        inside = inside and folder.resolve().is_relative_to(roots.resolve())
    return "" if inside else f"outside of {root}: {place}"
