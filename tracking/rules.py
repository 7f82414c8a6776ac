"""What holds for every store, so that a run is the same in each."""

import hashlib
import itertools
import math
import posixpath
import re
from collections.abc import Container, Mapping
from pathlib import Path, PurePosixPath

from tracking.run import MODEL_BEFORE_TAG, MODEL_SHA256_TAG, TrackingError

# MLflow's limits. Beyond them it cuts parameters short without a word, and two that differ become one.
LONGEST_PARAMETER = 6000
LONGEST_TAG = 8000
# MLflow's is 250; what is kept free is for a number that tells alike names apart.
LONGEST_METRIC_NAME = 240


def new_parameters(run: str, recorded: Mapping[str, str], parameters: Mapping[str, object]) -> dict[str, str]:
    """Return the parameters that `run` has not `recorded`, as text; raise if one would change or is too long."""
    texts = {name: str(value) for name, value in parameters.items()}
    for name, text in texts.items():
        if len(text) > LONGEST_PARAMETER:
            raise TrackingError(
                f"parameter {name!r} of run {run} has {len(text)} characters, more than the {LONGEST_PARAMETER} that "
                "can be kept; log it as a text instead"
            )
        if recorded.get(name, text) != text:
            raise TrackingError(
                f"parameter {name!r} of run {run} is {recorded[name]!r} and cannot become {text!r}; "
                "a run keeps its parameters, so another configuration needs another run"
            )
    return {name: text for name, text in texts.items() if name not in recorded}


def finite(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return the metrics that a store can hold, by the names that it can."""
    named: dict[str, float] = {}
    for name, value in metrics.items():
        if math.isfinite(value):
            named[_unique(metric_name(name), named)] = float(value)
    return named


def metric_name(name: str) -> str:
    """Return the name with `_` for what MLflow does not take, such as the brackets in a class called `boots (old)`."""
    kept = re.sub(r"[^\w./ -]", "_", name)[:LONGEST_METRIC_NAME]
    # A name is a path, too, and has to be written in the one shortest way.
    return kept if posixpath.normpath(kept) == kept and not kept.startswith(("/", "..")) else kept.replace("/", "_")


def _unique(name: str, others: Container[str]) -> str:
    """Return the name, or where it is taken the name with the first free number after it."""
    numbered = (f"{name}_{number}" for number in itertools.count(2))
    return next(free for free in itertools.chain([name], numbered) if free not in others)


def tag_texts(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags, long ones cut short visibly."""
    return {name: text if len(text) <= LONGEST_TAG else text[: LONGEST_TAG - 1] + "…" for name, text in tags.items()}


def model_name(run: str) -> str:
    """Return the name of a run's model: the run's, without what MLflow does not take."""
    return re.sub(r"[/:.%\"']", "-", run)


def recorded(tags: Mapping[str, str]) -> tuple[str, ...]:
    """Return the SHA-256 of each file that a run's model may be: of one that is being mended there are two."""
    return tuple(tags[name] for name in (MODEL_SHA256_TAG, MODEL_BEFORE_TAG) if name in tags)


def is_recorded(content: bytes | None, tags: Mapping[str, str]) -> bool:
    """Whether this is a file that a run's model may be, by its tags; None: there is none."""
    return content is not None and hashlib.sha256(content).hexdigest() in recorded(tags)


def sha256(file: Path) -> str:
    """Return the digest of a file's content."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def require_recorded(file: Path, tags: Mapping[str, str]) -> None:
    """Raise where a model's file is none that its run's tags tell of."""
    found, digest = sha256(file), tags.get(MODEL_SHA256_TAG)
    if found not in recorded(tags):
        raise TrackingError(
            f"{file} is not the model that was recorded: its SHA-256 is {found[:12]}..., and was {(digest or '')[:12]}"
            "...; put the right file back, or train it again"
        )


def artifact_name(name: str) -> str:
    """Return the name, if it stays inside its run."""
    path = PurePosixPath(name)
    if not path.name or path.is_absolute() or ".." in path.parts or "\\" in name:
        raise TrackingError(
            f"{name!r} does not name an artifact; give a path inside the run, as in 'confusion/test.json'"
        )
    return str(path)
