"""Runs kept in memory, under the same contract as those in MLflow: for tests, and for trying things out."""

import hashlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from typing_extensions import override

from tracking import rules
from tracking.run import (
    DESCRIPTION_TAG,
    DUPLICATE_TAG,
    KEY_TAG,
    MODEL_BEFORE_TAG,
    MODEL_REMOVED_TAG,
    MODEL_SHA256_TAG,
    MODEL_TAG,
    STUDY_TAG,
    Dataset,
    Gone,
    Measurement,
    Model,
    ModelRecord,
    Record,
    Run,
    Status,
    Tracker,
    TrackingError,
    now,
)

if TYPE_CHECKING:
    from tracking.pictures import Picture


class MemoryRun(Run):
    """One run, and all it holds."""

    def __init__(
        self, run_id: str, name: str, tags: Mapping[str, str], model_ids: Iterator[int], time: int | None
    ) -> None:
        self._id = run_id
        self.name = name
        self.status = Status.RUNNING
        self.began = now() if time is None else time
        self.ended: int | None = None
        self.tags = rules.tag_texts(tags)
        self.parameters: dict[str, str] = {}
        self.metrics: dict[str, dict[int, Measurement]] = {}
        self.datasets: list[Dataset] = []
        self.artifacts: dict[str, bytes | Picture] = {}
        self.models: dict[str, tuple[Model, bytes]] = {}
        self._model_ids = model_ids

    @property
    @override
    def id(self) -> str:
        return self._id

    @override
    def history(self, metric: str) -> Mapping[int, float]:
        return {step: found.value for step, found in self.metrics.get(rules.metric_name(metric), {}).items()}

    @override
    def log_parameters(self, parameters: Mapping[str, object]) -> None:
        self.parameters |= rules.new_parameters(self.name, self.parameters, parameters)

    @override
    def log_metrics(self, metrics: Mapping[str, float], step: int = 0, *, time: int | None = None) -> None:
        when = now() if time is None else time
        for name, value in rules.finite(metrics).items():
            self.metrics.setdefault(name, {}).setdefault(step, Measurement(step, value, when))

    @override
    def set_tags(self, tags: Mapping[str, str]) -> None:
        self.tags |= rules.tag_texts(tags)

    @override
    def log_dataset(self, dataset: Dataset) -> None:
        if dataset not in self.datasets:
            self.datasets.append(dataset)

    @override
    def log_text(self, name: str, text: str) -> None:
        self.log_artifact(name, text.encode())

    @override
    def log_picture(self, name: str, picture: "Picture") -> None:
        """It is kept undrawn."""
        self.artifacts[rules.artifact_name(name)] = picture

    @override
    def log_artifact(self, name: str, content: bytes) -> None:
        self.artifacts[rules.artifact_name(name)] = content

    @override
    def log_model(self, model: Model) -> None:
        content = model.file.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if digest not in rules.recorded(self.tags):
            address = f"memory:/m-{next(self._model_ids)}"
            self.models[address] = model, content
            self.tags |= {MODEL_TAG: address, MODEL_SHA256_TAG: digest}

    @override
    def remove_model(self, reason: str) -> int:
        kept = self.models.pop(self.tags.pop(MODEL_TAG, ""), None)
        if kept is None:
            return 0
        self.tags[MODEL_REMOVED_TAG] = reason
        return len(kept[1])

    @override
    def mend_model(self, file: Path) -> None:
        address = self.tags[MODEL_TAG]
        model, before = self.models[address]
        self.models[address] = model, file.read_bytes()
        digests = [hashlib.sha256(content).hexdigest() for content in (file.read_bytes(), before)]
        if digests[0] != digests[1]:
            self.tags |= dict(zip((MODEL_SHA256_TAG, MODEL_BEFORE_TAG), digests, strict=True))

    @override
    def finish(self, status: Status, *, time: int | None = None) -> None:
        self.status = status
        if status not in (Status.SCHEDULED, Status.RUNNING):
            self.ended = now() if time is None else time


class MemoryTracker(Tracker):
    """A store that is gone with its process."""

    def __init__(self) -> None:
        self._experiments: dict[str, list[MemoryRun]] = {}
        self._tags: dict[str, dict[str, str]] = {}
        self._run_ids = itertools.count(1)
        self._model_ids = itertools.count(1)

    @override
    def prepare(self, experiment: str, tags: Mapping[str, str]) -> None:
        self._require_ours(experiment, tags[STUDY_TAG])
        there = self._tags[experiment]
        there |= {name: text for name, text in tags.items() if name != DESCRIPTION_TAG or name not in there}

    @override
    def claim(self, experiment: str, owner: str) -> None:
        self._tags[experiment][STUDY_TAG] = owner

    def _require_ours(self, experiment: str, owner: str) -> None:
        self._experiments.setdefault(experiment, [])
        if self._tags.setdefault(experiment, {}).setdefault(STUDY_TAG, owner) != owner:
            raise TrackingError(f"experiment {experiment!r} in memory is somebody else's; name another study")

    @override
    def experiment_id(self, experiment: str) -> str | None:
        return experiment if experiment in self._experiments else None

    @override
    def experiment_tags(self, experiment: str) -> Mapping[str, str] | None:
        return self._tags.get(experiment, {}) if experiment in self._experiments else None

    @override
    def run(
        self, experiment: str, key: str, name: str, tags: Mapping[str, str], *, time: int | None = None
    ) -> MemoryRun:
        self._require_ours(experiment, key.partition("/")[0])
        runs = self._experiments[experiment]
        for run in runs:
            if _counts(run.tags, key):
                run.status = Status.RUNNING
                return run
        run = MemoryRun(f"memory-{next(self._run_ids)}", name, {**tags, KEY_TAG: key}, self._model_ids, time)
        runs.append(run)
        return run

    @override
    def reopen(self, run: str) -> MemoryRun:
        found = next((one for runs in self._experiments.values() for one in runs if one.id == run), None)
        if found is None:
            raise TrackingError(f"there is no run {run} in memory")
        return found

    @override
    def find(self, experiment: str, key: str) -> Record | None:
        return next((record for record in self.records(experiment) if _counts(record.tags, key)), None)

    @override
    def record(self, run: str) -> Record:
        return _record(self.reopen(run))

    @override
    def records(self, experiment: str) -> Sequence[Record]:
        return [_record(run) for run in self._experiments.get(experiment, [])]

    @override
    def values(self, run: str, metric: str) -> Sequence[tuple[int, float]]:
        return sorted(self.reopen(run).history(metric).items())

    @override
    def histories(self, run: str) -> Mapping[str, Sequence[Measurement]]:
        recorded = self.reopen(run).metrics
        return {name: [history[step] for step in sorted(history)] for name, history in recorded.items()}

    @override
    def read(self, run: str, artifact: str) -> bytes:
        found = self.reopen(run).artifacts.get(artifact)
        if found is None:
            raise TrackingError(f"run {run} in memory has no artifact {artifact}")
        if isinstance(found, bytes):
            return found
        from tracking import figures

        return figures.png(found.draw)

    @override
    def curves(self, experiment: str, metric: str) -> Callable[[Record], Sequence[tuple[int, float]]]:
        return lambda run: self.values(run.id, metric)

    @override
    def networks(self, experiment: str) -> Callable[[Record], bytes | None]:
        def network(run: Record) -> bytes | None:
            kept = self.reopen(run.id).models.get(run.tags.get(MODEL_TAG, ""))
            return kept[1] if kept else None

        return network

    @override
    def models(self, experiment: str) -> Sequence[ModelRecord]:
        """Nothing is registered here."""
        return [
            ModelRecord(address, address, run.id, run.name, "" if DUPLICATE_TAG in run.tags else run.tags[KEY_TAG], "")
            for run in self._experiments.get(experiment, [])
            for address in run.models
        ]

    @override
    def model_bytes(self, model: ModelRecord) -> int:
        return len(self.reopen(model.run).models[model.id][1])

    @override
    def rename(self, experiment: str, name: str, tags: Mapping[str, str]) -> None:
        if experiment in self._experiments:
            self._experiments[name] = self._experiments.pop(experiment)
            self._tags[name] = self._tags.pop(experiment, {})
        for run in self._experiments.get(name, []):
            run.set_tags(tags)

    @override
    def remove(self, experiment: str, prefix: str) -> Gone:
        runs = self._experiments.get(experiment, [])
        gone = [run for run in runs if run.tags[KEY_TAG].startswith(prefix)]
        self._experiments[experiment] = [run for run in runs if run not in gone]
        if not self._experiments[experiment]:
            del self._experiments[experiment]
            self._tags.pop(experiment, None)
        return Gone(sum(len(content) for run in gone for _, content in run.models.values()), "")

    @override
    def model(self, run: str, folder: Path) -> Model:
        opened = self.reopen(run)
        kept = opened.models.get(opened.tags.get(MODEL_TAG, ""))
        if kept is None:
            raise TrackingError(f"run {run} in memory has no model")
        model, content = kept
        file = folder / "model.keras"
        file.write_bytes(content)
        rules.require_recorded(file, opened.tags)
        return replace(model, file=file)

    def close(self) -> None:
        """Keep everything: there is nothing to let go of."""


def _record(run: MemoryRun) -> Record:
    return Record(
        id=run.id,
        name=run.name,
        status=run.status,
        tags=dict(run.tags),
        parameters=dict(run.parameters),
        metrics={name: history[max(history)].value for name, history in run.metrics.items()},
        artifacts=sorted(run.artifacts),
        datasets=list(run.datasets),
        began=run.began,
        ended=run.ended,
    )


def _counts(tags: Mapping[str, str], key: str) -> bool:
    return tags[KEY_TAG] == key and DUPLICATE_TAG not in tags
