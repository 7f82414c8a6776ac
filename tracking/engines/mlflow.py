"""Runs recorded in MLflow: in a SQLite database of one's own, or on a server."""

import json
import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mlflow import artifacts, entities
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NAME
from typing_extensions import override

from tracking import rules
from tracking.engines import keras_model, mlflow_internals, mlflow_models, mlflow_rows, pages
from tracking.engines.files import Files, local
from tracking.engines.mlflow_run import MlflowRun
from tracking.engines.places import Site
from tracking.engines.refusals import told
from tracking.run import (
    DESCRIPTION_TAG,
    DUPLICATE_TAG,
    KEY_TAG,
    MODEL_REMOVED_TAG,
    MODEL_TAG,
    STUDY_TAG,
    Dataset,
    Gone,
    Measurement,
    Model,
    ModelRecord,
    Record,
    Status,
    Tracker,
    TrackingError,
)

# Makes the UI show what belongs to training, and not to language models, which it otherwise asks a person about.
_KIND = {"mlflow.experimentKind": "custom_model_development"}
# Tags of an experiment that people change in the interface.
PEOPLES = (DESCRIPTION_TAG, *_KIND)

TRIES = 3


class MlflowTracker(Tracker):
    """A store of MLflow's, written to by one process."""

    def __init__(self, site: Site) -> None:
        """`site` is what `places` makes of an address."""
        # Its errors are raised here as TrackingError; printed with a traceback they would be said twice.
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
        self._place, self._site = site.named, site
        self._files = Files(site.address, site.own)
        # Where a run's artifacts are never changes.
        self._folders: dict[str, str] = {}
        with told(self._place, "be opened"):
            self._client = MlflowClient(site.address)
            self._client.search_experiments(max_results=1)

    @override
    def prepare(self, experiment: str, tags: Mapping[str, str]) -> None:
        for tries_left in reversed(range(TRIES)):
            try:
                with told(self._place, f"make experiment {experiment}"):
                    experiment_id = self._experiment(experiment, tags[STUDY_TAG])
                    self._tag(experiment_id, tags)
            except TrackingError:
                # Nobody waits for this but the person: an answer that got lost on the way is asked for again.
                if not tries_left:
                    raise
            else:
                self._try_artifacts(experiment, experiment_id)
                return

    @override
    def claim(self, experiment: str, owner: str) -> None:
        with told(self._place, f"mark experiment {experiment}"):
            found = self._client.get_experiment_by_name(experiment)
            assert found, "what is claimed was seen to be there"
            self._client.set_experiment_tag(found.experiment_id, STUDY_TAG, owner)

    def _tag(self, experiment_id: str, tags: Mapping[str, str]) -> None:
        there = self._client.get_experiment(experiment_id).tags
        for name, text in (_KIND | dict(tags)).items():
            if text != there.get(name) and not (name in PEOPLES and name in there):
                self._client.set_experiment_tag(experiment_id, name, text)

    @override
    def experiment_id(self, experiment: str) -> str | None:
        with told(self._place, f"look up experiment {experiment}"):
            found = self._client.get_experiment_by_name(experiment)
            return str(found.experiment_id) if found else None

    @override
    def experiment_tags(self, experiment: str) -> Mapping[str, str] | None:
        with told(self._place, f"look up experiment {experiment}"):
            found = self._client.get_experiment_by_name(experiment)
            return dict(found.tags) if found else None

    @override
    def run(
        self, experiment: str, key: str, name: str, tags: Mapping[str, str], *, time: int | None = None
    ) -> MlflowRun:
        with told(self._place, f"open run {name}"):
            experiment_id = self._experiment(experiment, key.partition("/")[0])
            found = self._find(experiment_id, key)
            if found is None:
                found = self._client.create_run(
                    experiment_id, start_time=time, tags=rules.tag_texts({**tags, KEY_TAG: key}), run_name=name
                )
            elif found.info.status != Status.RUNNING:
                self._client.update_run(found.info.run_id, status=Status.RUNNING.value)
        return MlflowRun(self._client, self._place, self._files, found)

    @override
    def reopen(self, run: str) -> MlflowRun:
        with told(self._place, f"open run {run}"):
            return MlflowRun(self._client, self._place, self._files, self._client.get_run(run))

    @override
    def find(self, experiment: str, key: str) -> Record | None:
        with told(self._place, f"look up a run of {experiment}"):
            within = self._client.get_experiment_by_name(experiment)
            found = self._find(within.experiment_id, key) if within else None
            return self._record(found) if found else None

    @override
    def record(self, run: str) -> Record:
        with told(self._place, f"look up run {run}"):
            return self._record(self._client.get_run(run))

    @override
    def records(self, experiment: str) -> Sequence[Record]:
        with told(self._place, f"list the runs of {experiment}"):
            found = self._client.get_experiment_by_name(experiment)
            if found is None:
                return []
            return [self._record(run) for run in self._runs(found.experiment_id)]

    @override
    def values(self, run: str, metric: str) -> Sequence[tuple[int, float]]:
        with told(self._place, f"give back {metric} of run {run}"):
            found = self._client.get_metric_history(run, rules.metric_name(metric))
        return sorted((recorded.step, recorded.value) for recorded in found)

    @override
    def curves(self, experiment: str, metric: str) -> Callable[[Record], Sequence[tuple[int, float]]]:
        if not self._is_file:
            return lambda run: self.values(run.id, metric)
        with told(self._place, f"give back {metric} of {experiment}"):
            found, name = self._client.get_experiment_by_name(experiment), rules.metric_name(metric)
            engine = mlflow_internals.engine_of_runs(self._client)
            curves = mlflow_rows.values(engine, found.experiment_id, name) if found else {}
        return lambda run: curves.get(run.id, [])

    @override
    def histories(self, run: str) -> Mapping[str, Sequence[Measurement]]:
        with told(self._place, f"give back the metrics of run {run}"):
            names = self._client.get_run(run).data.metrics
            found = {name: self._client.get_metric_history(run, name) for name in names}
        return {
            name: sorted((Measurement(one.step, one.value, one.timestamp) for one in history), key=lambda one: one.step)
            for name, history in found.items()
        }

    @override
    def read(self, run: str, artifact: str) -> bytes:
        with told(self._place, f"give back {artifact} of run {run}"):
            if run not in self._folders:
                self._folders[run] = self._client.get_run(run).info.artifact_uri
            return self._fetch(self._folders[run], artifact)

    @override
    def networks(self, experiment: str) -> Callable[[Record], bytes | None]:
        with told(self._place, f"list the models of {experiment}"):
            found = self._client.get_experiment_by_name(experiment)
            folders = self._model_folders(found.experiment_id) if found else {}

        def network(run: Record) -> bytes | None:
            folder = folders.get(run.tags.get(MODEL_TAG, "").rpartition("/")[2])
            if folder is None:
                return None
            try:
                with told(self._place, f"give back the model of run {run.id}"):
                    return self._fetch(folder, keras_model.FILE)
            except TrackingError:
                return None

        return network

    @override
    def models(self, experiment: str) -> Sequence[ModelRecord]:
        with told(self._place, f"list the models of {experiment}"):
            found = self._client.get_experiment_by_name(experiment)
            return mlflow_models.stored(self._client, self._files, found) if found else []

    @override
    def model_bytes(self, model: ModelRecord) -> int:
        with told(self._place, f"look up what the model of run {model.name} takes"):
            return self._files.size(model.place)

    @override
    def rename(self, experiment: str, name: str, tags: Mapping[str, str]) -> None:
        with told(self._place, f"give {experiment} the name {name}"):
            if found := self._client.get_experiment_by_name(experiment):
                self._client.rename_experiment(found.experiment_id, name)
            renamed = self._client.get_experiment_by_name(name)
            for run in list(self._runs(renamed.experiment_id)) if renamed else ():
                for tag, text in tags.items():
                    self._client.set_tag(run.info.run_id, tag, text)

    @override
    def remove(self, experiment: str, prefix: str) -> Gone:
        with told(self._place, f"remove the runs of {experiment}"):
            found = self._client.get_experiment_by_name(experiment)
            if found is None or found.lifecycle_stage == entities.LifecycleStage.DELETED:
                return Gone(0, mlflow_models.set_aside(self._client, experiment))
            runs = list(self._runs(found.experiment_id))
            gone = [run for run in runs if run.data.tags.get(KEY_TAG, "").startswith(prefix)]
            models = [model for run in gone for model in mlflow_models.of_run(self._client, run)]
            root = found.artifact_location
            mlflow_models.require_free(self._files, experiment, models, root)
            freed = sum(mlflow_models.remove(self._client, self._files, model, root) for model in models)
            for run in gone:
                # What a person has put elsewhere is not ours to remove.
                if not self._files.astray(run.info.artifact_uri, root):
                    freed += self._files.remove(run.info.artifact_uri, root)
                self._client.delete_run(run.info.run_id)
            kept = mlflow_models.set_aside(self._client, experiment) if len(gone) == len(runs) else ""
        return Gone(freed, kept)

    @override
    def model(self, run: str, folder: Path) -> Model:
        with told(self._place, f"give back the model of run {run}"):
            tags = self._client.get_run(run).data.tags
            logged = mlflow_models.find(self._client, tags[MODEL_TAG].rpartition("/")[2]) if MODEL_TAG in tags else None
            if logged is None:
                gone = f": removed {tags[MODEL_REMOVED_TAG]}" if MODEL_REMOVED_TAG in tags else ""
                raise TrackingError(f"run {run} in {self._place} has no model{gone}; choose one that has")
            location = logged.artifact_location
            here = local(location)
            if here is None:
                copied = artifacts.download_artifacts(location, dst_path=str(folder), tracking_uri=self._site.address)
                here = Path(copied)
            rules.require_recorded(here / keras_model.FILE, tags)
            return keras_model.read(here)

    @property
    def _is_file(self) -> bool:
        return self._place.startswith("sqlite:")

    def _model_folders(self, experiment_id: str) -> Mapping[str, str]:
        if self._is_file:
            return mlflow_rows.model_folders(mlflow_internals.engine_of_runs(self._client), experiment_id)
        return mlflow_models.folders(self._client, experiment_id)

    def close(self) -> None:
        """Close the database; what is recorded stays."""
        if self._is_file:
            mlflow_internals.engine_of_runs(self._client).dispose()
        self._site.close()

    def _fetch(self, folder: str, name: str) -> bytes:
        here = local(folder)
        if here:
            # Much cheaper than what MLflow would call a download.
            return (here / name).read_bytes()
        with tempfile.TemporaryDirectory() as copies:
            file = artifacts.download_artifacts(f"{folder}/{name}", dst_path=copies, tracking_uri=self._site.address)
            return Path(file).read_bytes()

    def _try_artifacts(self, experiment: str, experiment_id: str) -> None:
        """See whether artifacts can be written where a server puts them: it may be a place that only it reaches."""
        if self._site.artifacts:
            return
        with told(self._place, f"take artifacts of experiment {experiment}"):
            self._files.try_to_put(self._client.get_experiment(experiment_id).artifact_location)

    def _experiment(self, name: str, owner: str) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is None:
            location = self._site.artifacts and f"{self._site.artifacts}/{quote(name)}"
            tags = {**_KIND, STUDY_TAG: owner}
            return str(self._client.create_experiment(name, artifact_location=location, tags=tags))
        if found.lifecycle_stage == entities.LifecycleStage.DELETED:
            raise TrackingError(
                f"experiment {name!r} was deleted in {self._place}; with MLFLOW_TRACKING_URI set to that, "
                f"`mlflow experiments restore --experiment-id {found.experiment_id}` brings it back, and with it runs "
                f"that were deleted one by one before; `mlflow gc --experiment-ids {found.experiment_id}` removes it "
                f"for ever, but for the files of its models: they stay in {_folder(found.artifact_location)}/models "
                "until somebody removes that folder"
            )
        if found.tags.get(STUDY_TAG) != owner:
            raise TrackingError(
                f"experiment {name!r} in {self._place} is somebody else's ({_whose(found)}), and gets nothing; with "
                f"MLFLOW_TRACKING_URI set to that, `mlflow experiments rename --experiment-id {found.experiment_id} "
                f"--new-name {name}-before` makes room, or name another study"
            )
        return str(found.experiment_id)

    def _find(self, experiment_id: str, key: str) -> entities.Run | None:
        assert '"' not in key
        # A duplicate is told from its tags here: servers before 3.10 do not look for what is not there.
        found = self._client.search_runs(
            [experiment_id], filter_string=f'tags.`{KEY_TAG}` = "{key}"', order_by=["attributes.start_time ASC"]
        )
        return next((run for run in found if DUPLICATE_TAG not in run.data.tags), None)

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


def _folder(address: str) -> str:
    return str(local(address) or address)


def _dataset(entry: entities.Dataset) -> Dataset:
    """Return what `MlflowRun.log_dataset` has recorded; of what others have, as much as can be told."""
    source = _mapping(entry.source)
    where = source.get("url", source.get("uri", entry.source))
    return Dataset(entry.name, entry.digest, where, _mapping(entry.profile))


def _whose(experiment: entities.Experiment) -> str:
    owner = experiment.tags.get(STUDY_TAG)
    return f"that of a study known by {owner}" if owner else "no search has made it"


def _mapping(text: str | None) -> Mapping[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
