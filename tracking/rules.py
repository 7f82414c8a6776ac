"""What holds for every store, so that a run is the same in each."""

import math
from collections.abc import Mapping
from pathlib import PurePosixPath

from tracking.run import TrackingError

# MLflow's limits. Beyond them it cuts parameters short without a word, and two that differ become one.
LONGEST_PARAMETER = 6000
LONGEST_TAG = 8000


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
    """Return the metrics that a store can hold."""
    return {name: float(value) for name, value in metrics.items() if math.isfinite(value)}


def tag_texts(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags, long ones cut short visibly."""
    return {name: text if len(text) <= LONGEST_TAG else text[: LONGEST_TAG - 1] + "…" for name, text in tags.items()}


def artifact_name(name: str) -> str:
    """Return the name, if it stays inside its run."""
    path = PurePosixPath(name)
    if not path.name or path.is_absolute() or ".." in path.parts or "\\" in name:
        raise TrackingError(
            f"{name!r} does not name an artifact; give a path inside the run, as in 'confusion/test.json'"
        )
    return str(path)
