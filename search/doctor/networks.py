"""I9: a network that is kept answers the same however it is called, those of confirmed and repeated trainings too."""

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from models import kept
from search.doctor.findings import Finding
from search.doctor.snapshot import Snapshot, counts
from tracking import KEY_TAG, MODEL_BEFORE_TAG, MODEL_REMOVED_TAG, MODEL_TAG, Record


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield the networks that act as in training, as those did that were kept by versions before this one."""
    numbers = {snapshot.key(trial): trial.number for trial in snapshot.trials}
    for run in snapshot.runs:
        key = run.tags.get(KEY_TAG, "")
        if not _has_model(run) or key in snapshot.waiting:
            continue
        # What is missing or damaged is told where it is looked for.
        if layers := snapshot.networks.get(run.id):
            yield Finding(
                "I9",
                snapshot.name,
                numbers.get(key),
                f"the network of {run.name} acts as in training ({', '.join(layers)}) wherever it is not told not to",
                f"its file is written without that, weights as they are; its SHA-256 before: tag {MODEL_BEFORE_TAG}",
                partial(_mend, snapshot, run),
            )


def _has_model(run: Record) -> bool:
    return counts(run) and MODEL_TAG in run.tags and MODEL_REMOVED_TAG not in run.tags


def _mend(snapshot: Snapshot, run: Record) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = snapshot.tools.tracker.model(run.id, Path(folder))
        still = Path(folder) / "still.keras"
        kept.write_still(found.file, still)
        snapshot.tools.tracker.reopen(run.id).mend_model(still)
