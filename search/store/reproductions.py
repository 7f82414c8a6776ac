"""What studies came to where they ran again what a report had run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from search.problem import baselines
from search.problem.baselines import Baseline
from search.store import results, storage
from search.store.against import apart
from search.store.attributes import BASELINE

if TYPE_CHECKING:
    from optuna import Study

    from search.store.results import Result, Summary


@dataclass(frozen=True)
class Reproduction:
    """A row of a report beside the trial of a study that ran it again; `ours` is in the report's own metric."""

    study: str
    baseline: Baseline
    trial: "Result"
    ours: float | None

    @property
    def judged_by(self) -> tuple[str, str]:
        """The report and the metric by which it judges the row."""
        return self.baseline.title, self.baseline.headline[0]

    @property
    def difference(self) -> float | None:
        """Ours minus theirs."""
        return None if self.ours is None else apart(self.ours, self.baseline.headline[1])


def of(study: "Study") -> list[Reproduction]:
    """Return every row of the reports that a study ran, with the trial that ran it as the report did.

    Where there is none, the one that came closest in epochs stands in; its `epochs` say so. Rows that no trial can
    stand beside are left out.
    """
    found, of_study = results.summary(study), study.user_attrs
    ran = [results.result(found.name, trial, of_study) for trial in storage.marked(study, BASELINE)]
    # What was over a limit has no figure of its own.
    done = [trial for trial in ran if trial.metrics and trial.epochs]
    beside = [(row, [trial for trial in done if _is_of(row, trial, found)]) for row in baselines.of(found.family)]
    return [_reproduction(found.name, row, trials) for row, trials in beside if trials]


def _is_of(row: Baseline, trial: "Result", found: "Summary") -> bool:
    return trial.baseline == row.name and row.is_comparable(found.settings, trial.budget)


def _reproduction(study: str, row: Baseline, done: "Sequence[Result]") -> Reproduction:
    # The one that was given the report's epochs before the one that came closest to them.
    trial = max(done, key=lambda found: (row.patience is not None or found.epochs == row.epochs, found.epochs))
    return Reproduction(study, row, trial, trial.metrics.get(row.headline[0]))
