"""Runs recorded in MLflow: in a SQLite database of one's own, or on a server."""

import hashlib
import json
import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mlflow import artifacts, entities
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NAME

from tracking import rules
from tracking.engines import keras_model, mlflow_models, pages
from tracking.engines.mlflow_run import MlflowRun
from tracking.engines.places import local
from tracking.engines.refusals import told
from tracking.run import (
    DUPLICATE_TAG,
    KEY_TAG,
    MODEL_REMOVED_TAG,
    MODEL_SHA256_TAG,
    MODEL_TAG,
    Dataset,
    Gone,
    Measurement,
    Model,
    ModelRecord,
    Record,
    Status,
    TrackingError,
)

# Makes the UI show what belongs to training, and not to language models, which it otherwise asks a person about.
_KIND = {"mlflow.experimentKind": "custom_model_development"}

TRIES = 3


class MlflowTracker:
    """A store of MLflow's, written to by one process."""

    def __init__(self, place: str, artifacts: str | None) -> None:
        """`place` and `artifacts` are what `places` makes of an address; without `artifacts`, the store puts them."""
        # Its errors are raised here as TrackingError; printed with a traceback they would be said twice.
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
        self._place, self._artifacts = place, artifacts
        # Where a run's artifacts are never changes.
        self._folders: dict[str, str] = {}
        with told(self._place, "be opened"):
            self._client = MlflowClient(self._place)
            self._client.search_experiments(max_results=1)

    def prepare(self, experiment: str, tags: Mapping[str, str]) -> None:
        """As in the contract."""
        for tries_left in reversed(range(TRIES)):
            try:
                with told(self._place, f"make experiment {experiment}"):
                    experiment_id = self._experiment(experiment)
                    for name, text in tags.items():
                        self._client.set_experiment_tag(experiment_id, name, text)
            except TrackingError:
                # Nobody waits for this but the person: an answer that got lost on the way is asked for again.
                if not tries_left:
                    raise
            else:
                return

    def experiment_tags(self, experiment: str) -> Mapping[str, str] | None:
        """As in the contract."""
        with told(self._place, f"look up experiment {experiment}"):
            found = self._client.get_experiment_by_name(experiment)
            return dict(found.tags) if found else None

    def run(
        self, experiment: str, key: str, name: str, tags: Mapping[str, str], *, time: int | None = None
    ) -> MlflowRun:
        """As in the contract."""
        with told(self._place, f"open run {name}"):
            experiment_id = self._experiment(experiment)
            found = self._find(experiment_id, key)
            if found is None:
                found = self._client.create_run(
                    experiment_id, start_time=time, tags=rules.tag_texts({**tags, KEY_TAG: key}), run_name=name
                )
            elif found.info.status != Status.RUNNING:
                self._client.update_run(found.info.run_id, status=Status.RUNNING.value)
        return MlflowRun(self._client, self._place, found)

    def reopen(self, run: str) -> MlflowRun:
        """As in the contract."""
        with told(self._place, f"open run {run}"):
            return MlflowRun(self._client, self._place, self._client.get_run(run))

    def find(self, experiment: str, key: str) -> Record | None:
        """As in the contract."""
        with told(self._place, f"look up a run of {experiment}"):
            within = self._client.get_experiment_by_name(experiment)
            found = self._find(within.experiment_id, key) if within else None
            return self._record(found) if found else None

    def record(self, run: str) -> Record:
        """As in the contract."""
        with told(self._place, f"look up run {run}"):
            return self._record(self._client.get_run(run))

    def records(self, experiment: str) -> Sequence[Record]:
        """As in the contract."""
        with told(self._place, f"list the runs of {experiment}"):
            found = self._client.get_experiment_by_name(experiment)
            if found is None:
                return []
            return [self._record(run) for run in self._runs(found.experiment_id)]

    def values(self, run: str, metric: str) -> Sequence[tuple[int, float]]:
        """As in the contract."""
        with told(self._place, f"give back {metric} of run {run}"):
            found = self._client.get_metric_history(run, rules.metric_name(metric))
        return sorted((recorded.step, recorded.value) for recorded in found)

    def histories(self, run: str) -> Mapping[str, Sequence[Measurement]]:
        """As in the contract."""
        with told(self._place, f"give back the metrics of run {run}"):
            names = self._client.get_run(run).data.metrics
            found = {name: self._client.get_metric_history(run, name) for name in names}
        return {
            name: sorted((Measurement(one.step, one.value, one.timestamp) for one in history), key=lambda one: one.step)
            for name, history in found.items()
        }

    def read(self, run: str, artifact: str) -> bytes:
        """As in the contract."""
        with told(self._place, f"give back {artifact} of run {run}"):
            if run not in self._folders:
                self._folders[run] = self._client.get_run(run).info.artifact_uri
            return self._fetch(self._folders[run], artifact)

    def model_sha256(self, run: str) -> str | None:
        """As in the contract."""
        with told(self._place, f"look up the model of run {run}"):
            address = self._client.get_run(run).data.tags.get(MODEL_TAG)
            if address is None:
                return None
            model = mlflow_models.find(self._client, address.rpartition("/")[2])
        if model is None:
            return None
        try:
            with told(self._place, f"give back the model of run {run}"):
                return hashlib.sha256(self._fetch(model.artifact_location, keras_model.FILE)).hexdigest()
        except TrackingError:
            return None

    def models(self, experiment: str) -> Sequence[ModelRecord]:
        """As in the contract."""
        with told(self._place, f"list the models of {experiment}"):
            found = self._client.get_experiment_by_name(experiment)
            return mlflow_models.stored(self._client, self._place, found) if found else []

    def model_bytes(self, model: ModelRecord) -> int:
        """As in the contract."""
        with told(self._place, f"look up what the model of run {model.name} takes"):
            return mlflow_models.size(self._place, model.place)

    def rename(self, experiment: str, name: str, tags: Mapping[str, str]) -> None:
        """As in the contract."""
        with told(self._place, f"give {experiment} the name {name}"):
            if found := self._client.get_experiment_by_name(experiment):
                self._client.rename_experiment(found.experiment_id, name)
            renamed = self._client.get_experiment_by_name(name)
            for run in list(self._runs(renamed.experiment_id)) if renamed else ():
                for tag, text in tags.items():
                    self._client.set_tag(run.info.run_id, tag, text)

    def remove(self, experiment: str, prefix: str) -> Gone:
        """As in the contract."""
        with told(self._place, f"remove the runs of {experiment}"):
            found = self._client.get_experiment_by_name(experiment)
            if found is None or found.lifecycle_stage == entities.LifecycleStage.DELETED:
                return Gone(0, mlflow_models.set_aside(self._client, experiment))
            runs = list(self._runs(found.experiment_id))
            gone = [run for run in runs if run.data.tags.get(KEY_TAG, "").startswith(prefix)]
            models = [model for run in gone for model in mlflow_models.of_run(self._client, run)]
            mlflow_models.require_free(self._client, self._place, experiment, models)
            freed = sum(mlflow_models.remove(self._client, self._place, model) for model in models)
            for run in gone:
                freed += mlflow_models.remove_artifacts(self._place, run, found)
                self._client.delete_run(run.info.run_id)
            kept = mlflow_models.set_aside(self._client, experiment) if len(gone) == len(runs) else ""
        return Gone(freed, kept)

    def model(self, run: str, folder: Path) -> Model:
        """As in the contract."""
        with told(self._place, f"give back the model of run {run}"):
            tags = self._client.get_run(run).data.tags
            logged = mlflow_models.find(self._client, tags[MODEL_TAG].rpartition("/")[2]) if MODEL_TAG in tags else None
            if logged is None:
                gone = f": removed {tags[MODEL_REMOVED_TAG]}" if MODEL_REMOVED_TAG in tags else ""
                raise TrackingError(f"run {run} in {self._place} has no model{gone}; choose one that has")
            location = logged.artifact_location
            here = local(location)
            if here is None:
                copied = artifacts.download_artifacts(location, dst_path=str(folder), tracking_uri=self._place)
                here = Path(copied)
            rules.require_recorded(here / keras_model.FILE, tags.get(MODEL_SHA256_TAG))
            return keras_model.read(here)

    def close(self) -> None:
        """Close the database; what is recorded stays."""
        if self._place.startswith("sqlite:"):
            # MLflow keeps its connections for as long as the process lives, and has no public way to close them.
            self._client._tracking_client.store.engine.dispose()  # noqa: SLF001  # see above

    def _fetch(self, folder: str, name: str) -> bytes:
        here = local(folder)
        if here:
            # Much cheaper than what MLflow would call a download.
            return (here / name).read_bytes()
        with tempfile.TemporaryDirectory() as copies:
            file = artifacts.download_artifacts(f"{folder}/{name}", dst_path=copies, tracking_uri=self._place)
            return Path(file).read_bytes()

    def _experiment(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is None:
            location = self._artifacts and f"{self._artifacts}/{quote(name)}"
            return str(self._client.create_experiment(name, artifact_location=location, tags=_KIND))
        if found.lifecycle_stage == entities.LifecycleStage.DELETED:
            raise TrackingError(
                f"experiment {name!r} was deleted in {self._place}; with MLFLOW_TRACKING_URI set to that, "
                f"`mlflow experiments restore --experiment-id {found.experiment_id}` brings it back, "
                f"and `mlflow gc --experiment-ids {found.experiment_id}` removes it for ever"
            )
        return str(found.experiment_id)

    def _find(self, experiment_id: str, key: str) -> entities.Run | None:
        assert '"' not in key
        found = self._client.search_runs(
            [experiment_id],
            filter_string=f'tags.`{KEY_TAG}` = "{key}" AND tags.`{DUPLICATE_TAG}` IS NULL',
            order_by=["attributes.start_time ASC"],
            max_results=1,
        )
        return found[0] if found else None

    def _runs(self, experiment_id: str) -> Iterator[entities.Run]:
        by_start = ["attributes.start_time ASC"]
        return pages.everything(
            lambda token: self._client.search_runs([experiment_id], order_by=by_start, page_token=token)
        )

    def _record(self, run: entities.Run) -> Record:
        self._folders[run.info.run_id] = run.info.artifact_uri
        return Record(
            id=run.info.run_id,
            name=run.info.run_name,
            status=Status(run.info.status),
            tags={name: text for name, text in run.data.tags.items() if name != MLFLOW_RUN_NAME},
            parameters=run.data.params,
            metrics=run.data.metrics,
            artifacts=sorted(self._artifact_names(run)),
            datasets=[_dataset(given.dataset) for given in run.inputs.dataset_inputs] if run.inputs else [],
            began=run.info.start_time,
            ended=run.info.end_time,
        )

    def _artifact_names(self, run: entities.Run) -> Iterator[str]:
        folder = local(run.info.artifact_uri)
        if folder is None:
            yield from self._listed(run.info.run_id, None)
            return
        # Much cheaper than asking MLflow folder by folder.
        yield from (file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())

    def _listed(self, run_id: str, folder: str | None) -> Iterator[str]:
        for entry in self._client.list_artifacts(run_id, folder):
            if entry.is_dir:
                yield from self._listed(run_id, entry.path)
            else:
                yield entry.path


def _dataset(entry: entities.Dataset) -> Dataset:
    """Return what `MlflowRun.log_dataset` has recorded; of what others have, as much as can be told."""
    source = _mapping(entry.source)
    where = source.get("url", source.get("uri", entry.source))
    return Dataset(entry.name, entry.digest, where, _mapping(entry.profile))


def _mapping(text: str | None) -> Mapping[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
