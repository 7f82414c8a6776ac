"""Models in a store of MLflow's: which there are, what they take, who refers to them, and how one is removed."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from mlflow import entities
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from tracking.engines import keras_model, pages
from tracking.engines.files import Files
from tracking.engines.mlflow_registry import MlflowRegistry
from tracking.engines.places import Site
from tracking.run import DUPLICATE_TAG, KEY_TAG, ModelRecord, TrackingError

# Between the name that an experiment had and its id, once it is deleted.
_ASIDE = ", deleted: "
# So many runs are asked for at once.
_RUNS = 100


def find(client: MlflowClient, model_id: str) -> entities.LoggedModel | None:
    """Return a model; None where there is none, or where it was deleted."""
    try:
        return client.get_logged_model(model_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None


def stored(client: MlflowClient, files: Files, experiment: entities.Experiment) -> list[ModelRecord]:
    """Return the models of an experiment that were not deleted."""
    found = list(_of_experiment(client, experiment.experiment_id))
    names, keys = _owners(client, experiment.experiment_id, [model.source_run_id for model in found])
    references = _references(files.store)
    return [
        ModelRecord(
            id=model.model_id,
            place=model.artifact_location,
            run=model.source_run_id or "",
            name=names.get(model.source_run_id, model.name),
            key=keys.get(model.source_run_id, ""),
            held=_held(model, references) or files.astray(model.artifact_location, experiment.artifact_location),
        )
        for model in found
    ]


def folders(client: MlflowClient, experiment_id: str) -> dict[str, str]:
    """Return where the files of an experiment's models lie, by their ids."""
    return {model.model_id: model.artifact_location for model in _of_experiment(client, experiment_id)}


def _of_experiment(client: MlflowClient, experiment_id: str) -> Iterator[entities.LoggedModel]:
    return pages.everything(
        lambda token: client.search_logged_models([experiment_id], max_results=1000, page_token=token)
    )


def require_free(files: Files, run: str, models: Sequence[entities.LoggedModel], root: str) -> None:
    """Raise `TrackingError` where one of a run's models may not be removed."""
    references = _references(files.store)
    for model in models:
        if held := _held(model, references) or files.astray(model.artifact_location, root):
            raise TrackingError(f"the model of run {run} stays: it is {held}")


def remove(client: MlflowClient, files: Files, model: entities.LoggedModel, root: str) -> int:
    """Remove a model's files, mark it as deleted, which hides it, and return how many bytes came free.

    What a server refuses to remove is left to `mlflow gc`, which takes what is marked.
    """
    freed = files.remove(model.artifact_location, root)
    # Last: as long as it is not deleted, there is something to go on with.
    client.delete_logged_model(model.model_id)
    return freed


def rewrite(files: Files, model: entities.LoggedModel, root: str, file: Path) -> None:
    """Put a file in the place of a model's own; its description says then how large it is."""
    with tempfile.TemporaryDirectory() as folder:
        described = files.copied(model.artifact_location, keras_model.DESCRIPTION, Path(folder))
        keras_model.weigh(described, file.stat().st_size)
        for fresh, name in ((file, keras_model.FILE), (described, keras_model.DESCRIPTION)):
            files.replace(model.artifact_location, root, name, fresh)


def of_run(client: MlflowClient, run: entities.Run) -> list[entities.LoggedModel]:
    """Return the models that a run has made and that were not removed."""
    made = f"source_run_id = '{run.info.run_id}'"
    return list(client.search_logged_models([run.info.experiment_id], made))


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
        with closing(MlflowRegistry(Site(address, address))) as registry:
            found |= registry.references()
    return found


def _held(model: entities.LoggedModel, references: dict[str, str]) -> str:
    """Say which version of a registered model refers to a model or to its run; empty where none does."""
    ids = [name for name in (model.model_id, model.source_run_id) if name]
    version = next((version for version, said in references.items() if any(name in said for name in ids)), "")
    return f"registered: {version}" if version else ""
