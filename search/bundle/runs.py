"""Runs as JSON, and back: all that a store has of each, but for the bytes of its artifacts and its model."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tracking import KEY_TAG, Dataset, Measurement, Model, Record, Status

FOLDER, ABOUT, MODEL = "runs/", "/run.json", "/model.keras"


@dataclass(frozen=True)
class Kept:
    """A run: what it holds, every measurement by metric, and its model, whose file may be elsewhere by now."""

    record: Record
    histories: Mapping[str, Sequence[Measurement]]
    model: Model | None

    @property
    def what(self) -> str:
        """What it is known by within its study: the number of its trial, `study`, or `confirmation/3/0`."""
        return self.record.tags[KEY_TAG].partition("/")[2]

    @property
    def folder(self) -> str:
        """Where it is in a bundle."""
        return FOLDER + self.what

    def artifact(self, name: str) -> str:
        """Return where an artifact of it is in a bundle."""
        return f"{self.folder}/artifacts/{name}"


def to_json(kept: Kept) -> dict[str, Any]:
    """Return a run but for its last values, which its measurements have as well."""
    known = asdict(kept.record)
    del known["metrics"]
    measured = {name: [[one.step, one.value, one.time] for one in history] for name, history in kept.histories.items()}
    model = kept.model and {name: value for name, value in asdict(kept.model).items() if name != "file"}
    return known | {"metrics": measured, "model": model}


def of_json(known: Mapping[str, Any]) -> Kept:
    """Return the run again."""
    histories = {name: [Measurement(*one) for one in history] for name, history in known["metrics"].items()}
    record = Record(
        id=known["id"],
        name=known["name"],
        status=Status(known["status"]),
        tags=dict(known["tags"]),
        parameters=dict(known["parameters"]),
        metrics={name: history[-1].value for name, history in histories.items()},
        artifacts=list(known["artifacts"]),
        datasets=[Dataset(**given) for given in known["datasets"]],
        began=int(known["began"]),
        ended=known["ended"],
    )
    return Kept(record, histories, known["model"] and Model.of(known["model"], Path()))
