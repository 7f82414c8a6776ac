"""What the Optuna dashboard shows beside the numbers: notes, and the pictures of a trial's run."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from optuna.trial import FrozenTrial

from search.problem.baselines import Baseline
from search.store import links
from search.system import next_commands
from search.system.formats import number

# In the order in which the dashboard shows them. The first one stands in the note, too.
CURVES: Final = "curves.png"
PICTURES: Final = (
    "confusion/test.png",
    CURVES,
    "predictions/samples.png",
    "predictions/mistakes.png",
    "nearest.png",
)
SHOWN: Final = ("best_val_accuracy", "test_accuracy", "best_epoch", "parameters", "latency_ms", "training_seconds")
COUNTS: Final = ("best_epoch", "parameters")
# Keys of Optuna and of its dashboard (0.21), which have no function for what is not a file, and for what may not take
# longer with every trial there is.
ARTIFACT: Final = "artifacts:{}"
OF_TRIAL, OF_STUDY = "dashboard:{}:", "dashboard:"
LONGEST: Final = 2045


@dataclass(frozen=True)
class Ids:
    """A trial as Optuna's storage numbers it: its study, itself, and its number in the study."""

    study: int
    trial: int
    number: int

    def picture(self, name: str) -> str:
        """Return the id under which a picture of the trial's run is an artifact of the trial."""
        return f"{self.study:x}-{self.number:x}-{PICTURES.index(name):x}"


def picture_of(artifact: str) -> tuple[int, int, str]:
    """Return the study, the number of the trial, and the picture that have this id. Raises `ValueError`."""
    study, number, index = (int(part, 16) for part in artifact.split("-"))
    if not 0 <= index < len(PICTURES):
        raise ValueError(artifact)
    return study, number, PICTURES[index]


def pictures(trial: FrozenTrial) -> tuple[str, ...]:
    """Return the pictures that a trial's run has, as far as the trial knows: all once it was judged on test images."""
    if "test_accuracy" in trial.user_attrs:
        return PICTURES if shows_nearest(trial.user_attrs) else PICTURES[:-1]
    return (CURVES,) if trial.intermediate_values else ()


def shows_nearest(metrics: Iterable[str]) -> bool:
    """Whether a network with these metrics looks for the nearest images, of which its run has a picture."""
    return any("recall_at" in name for name in metrics)


def artifacts(ids: Ids, names: tuple[str, ...]) -> dict[str, str]:
    """Return the attributes that make pictures of a run artifacts of its trial."""
    return {
        ARTIFACT.format(ids.picture(name)): json.dumps(
            {
                "artifact_id": ids.picture(name),
                "filename": name.replace("/", "-"),
                "mimetype": "image/png",
                "encoding": None,
            }
        )
        for name in names
    }


def of_trial(ids: Ids, study: str, run: str, metrics: Mapping[str, Any], pictures: tuple[str, ...]) -> dict[str, Any]:
    """Return the attributes of a study that are the note of one of its trials. `run` is its run's address, if known."""
    parts = [
        _link("This trial's run in MLflow", run),
        f"`{next_commands.lasting('show', f'{study}/{ids.number}')}`",
        _table(metrics),
    ]
    if pictures:
        parts.append(f"![{pictures[0]}](/artifacts/{ids.study}/{ids.trial}/{ids.picture(pictures[0])})")
    return _note(OF_TRIAL.format(ids.trial), parts)


def of_study(
    study: str, best: Ids, run: str, own: str, metrics: Mapping[str, Any], row: Baseline | None
) -> dict[str, Any]:
    """Return the attributes of a study that are its own note: its best trial, and what a report came to.

    `run` and `own` are the addresses of the trial's run and of the study's own, as far as they are known.
    """
    parts = [
        f"**Best: [trial {best.number}]({links.trial(best.study, best.number)})**",
        _link("Its run in MLflow", run),
        _table(metrics),
    ]
    if row:
        metric, reported = row.headline
        parts.append(f"The best of {row.title}: {row.label}, {metric} {reported:.4f} (row {row.row})")
    parts.append(_link("Its charts in MLflow", own))
    return _note(
        OF_STUDY, [*parts, f"`{next_commands.lasting('show', study)}`, `{next_commands.lasting('compare', study)}`"]
    )


def _link(text: str, address: str) -> str:
    return f"[{text}]({address})" if address else ""


def _table(metrics: Mapping[str, Any]) -> str:
    shown = {name: metrics[name] for name in SHOWN if name in metrics}
    rows = (
        shown,
        ["---:"] * len(shown),
        [number(int(value) if name in COUNTS else value) for name, value in shown.items()],
    )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) if shown else ""


def _note(prefix: str, parts: Sequence[str]) -> dict[str, Any]:
    text = "\n\n".join(filter(None, parts))
    assert len(text) <= LONGEST, "a note is one attribute"
    return {f"{prefix}note_ver": 1, f"{prefix}note_str:0": text}
