"""What a run can record, whatever records it."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from tracking.pictures import Picture

KEY_TAG: Final = "search.key"
"""The tag that names a run for ever: a study's uuid and a trial's number."""
STUDY_TAG: Final = "search.study_uuid"
"""The tag of an experiment that says whose it is: the uuid with which the keys of its runs begin."""
DUPLICATE_TAG: Final = "search.duplicate_of"
"""The tag of a run that is one too many under its key: it holds the id of the run that counts."""
MODEL_TAG: Final = "search.model"
"""The tag under which a run holds the address of its model."""
MODEL_SHA256_TAG: Final = "search.model_sha256"
"""The tag under which a run holds the SHA-256 of its model's `.keras` file."""
MODEL_BEFORE_TAG: Final = "search.model_sha256_before"
"""The tag of a run whose model was mended: the SHA-256 of the file that was there before."""
MODEL_REMOVED_TAG: Final = "search.model_removed"
"""The tag of a run that says when its model was removed on purpose, and by whom. Its SHA-256 stays."""

DESCRIPTION_TAG: Final = "mlflow.note.content"
"""The tag that MLflow shows as a run's description, in Markdown."""


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Status(StrEnum):
    """How a run stands, in MLflow's words. SCHEDULED: stopped in an orderly way, and to be resumed."""

    RUNNING = "RUNNING"
    SCHEDULED = "SCHEDULED"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"


@dataclass(frozen=True)
class Tensor:
    """One input or output of a model: NumPy's name of its type, and its shape, -1 for the batch."""

    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Model:
    """A trained network: a `.keras` file, what it takes and gives, and what it needs to be loaded.

    `metadata` is what JSON can hold, and is found with the model wherever it goes.
    """

    file: Path
    input: Tensor
    output: Tensor
    requirements: tuple[str, ...]
    keras_version: str
    keras_backend: str = "tensorflow"
    metadata: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def of(cls, plain: Mapping[str, Any], file: Path) -> "Model":
        """Return the model whose fields JSON has kept, and whose file is this one now."""
        tensors = {name: Tensor(plain[name]["dtype"], tuple(plain[name]["shape"])) for name in ("input", "output")}
        return cls(**{**plain, **tensors, "file": file, "requirements": tuple(plain["requirements"])})


@dataclass(frozen=True)
class Dataset:
    """What a run was trained on. `digest` has at most 36 characters, `profile` counts and shapes."""

    name: str
    digest: str
    source: str
    profile: Mapping[str, object]


@dataclass(frozen=True)
class Measurement:
    """A value of a metric: after which step, and when, in milliseconds since 1970."""

    step: int
    value: float
    time: int


@dataclass(frozen=True)
class Record:
    """A run as it stands in the store: the last value of each metric, and the names of its artifacts.

    `datasets` are what it was trained on. It `began` and `ended` so many milliseconds after 1970; one that is not over
    may have no end.
    """

    id: str
    name: str
    status: Status
    tags: Mapping[str, str]
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    artifacts: Sequence[str]
    datasets: Sequence[Dataset]
    began: int
    ended: int | None


@dataclass(frozen=True)
class ModelRecord:
    """A model in a store: its id there, where its files are, and the id, the name and the `search.key` of its run.

    The key is empty where the run does not count. `held` says why the store may not let it go: it is registered.
    """

    id: str
    place: str
    run: str
    name: str
    key: str
    held: str


@dataclass(frozen=True)
class Gone:
    """How many bytes came free, and what the store calls the experiment of which it keeps the numbers as deleted."""

    freed: int
    kept: str


class Recorder(Protocol):
    """Takes in what is recorded of one run. What the store refuses is raised as `TrackingError`.

    `time` is when something happened, in milliseconds since 1970; None is now.
    """

    def log_parameters(self, parameters: Mapping[str, object]) -> None:
        """Record parameters as `str` writes them, which loses nothing of a number; None is `None`.

        The same value again is nothing new; another value, or one of more than 6000 characters, a `TrackingError`.
        """

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0, *, time: int | None = None) -> None:
        """Record one value a metric. A step that was already recorded is not recorded again.

        Infinities and NaN are left out: MLflow would make 1.8e308 of the one and 0 of the other. What it does not take
        in a name becomes `_`; of names that are alike then, the later ones in `metrics` get a number.
        """

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags, over those of the same name. A text of more than 8000 characters is cut short."""

    def log_dataset(self, dataset: Dataset) -> None:
        """Record what the run was trained on."""

    def log_text(self, name: str, text: str) -> None:
        """Record a text (JSON, CSV, a traceback) as the artifact `name`, such as `confusion/test.json`."""

    def log_picture(self, name: str, picture: "Picture") -> None:
        """Draw and record a picture as the artifact `name`, ending in `.png`."""

    def log_model(self, model: Model) -> None:
        """Record a model, and tag the run with its address and its SHA-256.

        The metrics of the run that have one value, not one an epoch, are shown with the model too, so log those first.
        The same file again is nothing new. Under the run's own name the model is loaded as `runs:/<run id>/<name>`.
        """

    def finish(self, status: Status, *, time: int | None = None) -> None:
        """End the run, or (SCHEDULED) leave it to be resumed."""


class Run(Recorder, Protocol):
    """One run in a store, open for writing by one process."""

    @property
    def id(self) -> str:
        """The store's own name of the run."""

    def history(self, metric: str) -> Mapping[int, float]:
        """What was recorded of a metric, by step. Empty for a metric that was never logged."""

    def remove_model(self, reason: str) -> int:
        """Remove the files of the run's model, tag the run with the reason, and return how many bytes came free.

        A call that was cut short is ended by the next one. Raises `TrackingError` where the model is held.
        """

    def mend_model(self, file: Path) -> None:
        """Put a file in the place of the model's own, under its SHA-256; that of the one before stays in a tag.

        What refers to the model goes on doing so. A call that was cut short is ended by the next one; until then both
        files are ones that were recorded.
        """

    def log_artifact(self, name: str, content: bytes) -> None:
        """Record a file as it is, such as one that another store has held, as the artifact `name`."""


class Tracker(Protocol):
    """A store of runs."""

    def prepare(self, experiment: str, tags: Mapping[str, str]) -> None:
        """Make the experiment if there is none, set tags of it, and see whether what runs need can be written there.

        A description that it has stays as it is. Its `STUDY_TAG` is never another one's: of the name of an experiment,
        others may have thought as well. Raises `TrackingError`.
        """

    def claim(self, experiment: str, owner: str) -> None:
        """Let the experiment that is there have this `STUDY_TAG`, whatever it had before."""

    def experiment_id(self, experiment: str) -> str | None:
        """Return what the store calls an experiment in its addresses; None where there is none."""

    def experiment_tags(self, experiment: str) -> Mapping[str, str] | None:
        """Return the tags of an experiment; None where there is none."""

    def run(self, experiment: str, key: str, name: str, tags: Mapping[str, str], *, time: int | None = None) -> Run:
        """Return the run whose tag `search.key` is `key`, RUNNING: the one there is, or a new one with these tags.

        Its experiment has for its `STUDY_TAG` what the key has before its first slash, or the run is refused.

        If several runs have the key, the oldest is returned that is not tagged as a duplicate. `time` is when a new one
        began.
        """

    def reopen(self, run: str) -> Run:
        """Return the run with this id as it stands, to add to it or to mend it."""

    def find(self, experiment: str, key: str) -> Record | None:
        """Return the run whose tag `search.key` is `key`, the same of several as `run`; None where there is none."""

    def record(self, run: str) -> Record:
        """Return the run with this id."""

    def records(self, experiment: str) -> Sequence[Record]:
        """Every run of an experiment, oldest first. Empty for an experiment that does not exist."""

    def values(self, run: str, metric: str) -> Sequence[tuple[int, float]]:
        """Every value in the store of a metric of the run with this id, by step; a step may stand there twice."""

    def curves(self, experiment: str, metric: str) -> Callable[[Record], Sequence[tuple[int, float]]]:
        """Return what gives the `values` of a metric in a run of an experiment: all are looked up at once, now."""

    def histories(self, run: str) -> Mapping[str, Sequence[Measurement]]:
        """Every value in the store of every metric of the run with this id, by step."""

    def read(self, run: str, artifact: str) -> bytes:
        """Return an artifact of the run with this id. Raises `TrackingError` where it is not there."""

    def networks(self, experiment: str) -> Callable[[Record], bytes | None]:
        """Return what gives the `.keras` file of a run of an experiment; None where the store holds none.

        All are looked up at once, now: one after the other takes ten times as long.
        """

    def models(self, experiment: str) -> Sequence[ModelRecord]:
        """Every model that the runs of an experiment have and that was not removed."""

    def model_bytes(self, model: ModelRecord) -> int:
        """Return what the files of a model take: on this machine's disks as `du` counts, elsewhere as they are long."""

    def rename(self, experiment: str, name: str, tags: Mapping[str, str]) -> None:
        """Give an experiment another name, and all its runs these tags; its runs keep theirs, as models go by them.

        A call that was cut short is ended by the next one.
        """

    def remove(self, experiment: str, prefix: str) -> Gone:
        """Remove the runs whose keys begin so, with their artifacts and models.

        An experiment that has no other gives its name free. A call that was cut short is ended by the next one. Raises
        `TrackingError` where a model is held.
        """

    def model(self, run: str, folder: Path) -> Model:
        """Return the model of the run with this id, its file copied into `folder` where the store is not on this disk.

        Raises `TrackingError` where there is none, or the file is not the one that was recorded.
        """

    def close(self) -> None:
        """Let go of the store."""


class TrackingError(RuntimeError):
    """A store that cannot be opened, or refuses. The message names it, the cause, and the way out."""
