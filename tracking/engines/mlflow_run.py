"""One run in MLflow, open for writing."""

import contextlib
import json
import tempfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mlflow import entities
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT
from typing_extensions import override

from tracking import rules
from tracking.engines import keras_model, mlflow_models
from tracking.engines.files import Files
from tracking.engines.refusals import told
from tracking.run import (
    MODEL_BEFORE_TAG,
    MODEL_REMOVED_TAG,
    MODEL_SHA256_TAG,
    MODEL_TAG,
    Dataset,
    Model,
    Run,
    Status,
    TrackingError,
    now,
)

if TYPE_CHECKING:
    from tracking.pictures import Picture


class MlflowRun(Run):
    """A run, and what is known of it: nobody else writes to it, so that the store is read once and not every epoch."""

    def __init__(self, client: MlflowClient, place: str, files: Files, run: entities.Run) -> None:
        self._id: str = run.info.run_id
        self._name: str = run.info.run_name
        self._experiment_id: str = run.info.experiment_id
        self._client = client
        self._place = place
        self._files = files
        self._folder: str = run.info.artifact_uri
        self._parameters: dict[str, str] = dict(run.data.params)
        self._tags: dict[str, str] = dict(run.data.tags)
        self._metrics: dict[str, dict[int, entities.Metric]] = {}
        # Metrics of which the store holds values that are not in `_metrics`.
        self._unread: set[str] = set(run.data.metrics)

    @property
    @override
    def id(self) -> str:
        return self._id

    @override
    def history(self, metric: str) -> Mapping[int, float]:
        return {step: recorded.value for step, recorded in sorted(self._recorded(rules.metric_name(metric)).items())}

    @override
    def log_parameters(self, parameters: Mapping[str, object]) -> None:
        new = rules.new_parameters(self._name, self._parameters, parameters)
        if new:
            with self._told("record parameters"):
                entries = [entities.Param(name, text) for name, text in new.items()]
                self._client.log_batch(self.id, params=entries, synchronous=True)
            self._parameters |= new

    @override
    def log_metrics(self, metrics: Mapping[str, float], step: int = 0, *, time: int | None = None) -> None:
        when = now() if time is None else time
        entries = [
            entities.Metric(name, value, when, step)
            for name, value in rules.finite(metrics).items()
            if step not in self._recorded(name)
        ]
        if not entries:
            return
        try:
            with self._told("record metrics"):
                self._client.log_batch(self.id, metrics=entries, synchronous=True)
        except TrackingError:
            # It may have been recorded all the same, if only the answer was lost: the store is to be read again.
            for entry in entries:
                del self._metrics[entry.key]
                self._unread.add(entry.key)
            raise
        for entry in entries:
            self._metrics[entry.key][step] = entry

    @override
    def set_tags(self, tags: Mapping[str, str]) -> None:
        texts = rules.tag_texts(tags)
        with self._told("set tags"):
            entries = [entities.RunTag(name, text) for name, text in texts.items()]
            self._client.log_batch(self.id, tags=entries, synchronous=True)
        self._tags |= texts

    @override
    def log_dataset(self, dataset: Dataset) -> None:
        remote = dataset.source.startswith(("http://", "https://"))
        entry = entities.Dataset(
            name=dataset.name,
            digest=dataset.digest,
            source_type="http" if remote else "local",
            source=json.dumps({"url" if remote else "uri": dataset.source}),
            profile=json.dumps(dict(dataset.profile)),
        )
        context = entities.InputTag(MLFLOW_DATASET_CONTEXT, "training")
        with self._told("record the data set"):
            self._client.log_inputs(self.id, datasets=[entities.DatasetInput(entry, [context])])

    @override
    def log_text(self, name: str, text: str) -> None:
        self.log_artifact(name, text.encode())

    @override
    def log_picture(self, name: str, picture: "Picture") -> None:
        from tracking.figures import png

        self.log_artifact(name, png(picture.draw))

    @override
    def log_artifact(self, name: str, content: bytes) -> None:
        with self._told(f"record {name}"):
            self._files.put(self._folder, self._root, rules.artifact_name(name), content)

    @override
    def log_model(self, model: Model) -> None:
        with self._told("record the model"):
            digest = rules.sha256(model.file)
            if digest in rules.recorded(self._tags):
                return
            logged = self._begun(digest) or self._client.create_logged_model(
                self._experiment_id,
                name=rules.model_name(self._name),
                source_run_id=self.id,
                tags={MODEL_SHA256_TAG: digest},
                params=self._parameters,
            )
            with tempfile.TemporaryDirectory() as folder:
                keras_model.write(model, Path(folder), logged)
                self._files.put_all(logged.artifact_location, self._root, Path(folder))
            self._client.finalize_logged_model(logged.model_id, entities.LoggedModelStatus.READY)
            if logged.model_id not in self._outputs():
                self._client.log_outputs(self.id, [entities.LoggedModelOutput(logged.model_id, step=0)])
            self._log_results(logged.model_id)
        self.set_tags({MODEL_TAG: logged.model_uri, MODEL_SHA256_TAG: digest})

    @override
    def remove_model(self, reason: str) -> int:
        """The run says so first, and names the address of its model until all is done."""
        with self._told("let go of its model"):
            there = self._models()
            if not there and MODEL_REMOVED_TAG not in self._tags:
                return 0
            mlflow_models.require_free(self._files, self._name, there, self._root)
            self.set_tags({MODEL_REMOVED_TAG: self._tags.get(MODEL_REMOVED_TAG, reason)})
            freed = sum(mlflow_models.remove(self._client, self._files, model, self._root) for model in there)
            if MODEL_TAG in self._tags:
                self._client.delete_tag(self.id, MODEL_TAG)
                del self._tags[MODEL_TAG]
        return freed

    @override
    def mend_model(self, file: Path) -> None:
        """The run tells of both files before one takes the other's place."""
        with self._told("mend its model"):
            model = self._client.get_logged_model(self._tags[MODEL_TAG].rpartition("/")[2])
            digest, before = rules.sha256(file), self._tags[MODEL_SHA256_TAG]
            if digest != before:
                self.set_tags({MODEL_SHA256_TAG: digest, MODEL_BEFORE_TAG: before})
            mlflow_models.rewrite(self._files, model, self._root, file)
            self._client.set_logged_model_tags(model.model_id, {MODEL_SHA256_TAG: digest})

    @override
    def finish(self, status: Status, *, time: int | None = None) -> None:
        with self._told(f"set it {status.value}"):
            if status in (Status.SCHEDULED, Status.RUNNING):
                self._client.update_run(self.id, status=status.value)
            else:
                self._client.set_terminated(self.id, status.value, end_time=time)

    @cached_property
    def _root(self) -> str:
        """Where the files of all runs of its experiment are."""
        return str(self._client.get_experiment(self._experiment_id).artifact_location)

    def _begun(self, digest: str) -> entities.LoggedModel | None:
        """Return what an earlier try at recording this model has left: it was killed, or never heard the answer."""
        return next((model for model in self._models() if model.tags.get(MODEL_SHA256_TAG) == digest), None)

    def _models(self) -> list[entities.LoggedModel]:
        return list(self._client.search_logged_models([self._experiment_id], f"source_run_id = '{self.id}'"))

    def _outputs(self) -> set[str]:
        """Return the models that the run shows as its own: one named twice is refused."""
        outputs = self._client.get_run(self.id).outputs
        return {output.model_id for output in outputs.model_outputs} if outputs else set()

    def _recorded(self, metric: str) -> dict[int, entities.Metric]:
        if metric not in self._metrics:
            found = []
            if metric in self._unread:
                with self._told(f"give back {metric}"):
                    found = self._client.get_metric_history(self.id, metric)
            self._metrics[metric] = {recorded.step: recorded for recorded in found}
            self._unread.discard(metric)
        return self._metrics[metric]

    def _log_results(self, model_id: str) -> None:
        """Show with the model what was measured once, at the end. The run holds the very same already."""
        histories = [self._recorded(name) for name in self._unread | self._metrics.keys()]
        results = [
            entities.Metric(result.key, result.value, result.timestamp, result.step, model_id=model_id, run_id=self.id)
            for history in histories
            for result in history.values()
            if len(history) == 1
        ]
        self._client.log_batch(self.id, metrics=results, synchronous=True)

    def _told(self, action: str) -> contextlib.AbstractContextManager[None]:
        return told(f"run {self._name} in {self._place}", action)
