"""A trial, as Python has it."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pandas as pd

from models import metrics
from models.family import Choice
from search.analysis import predictions
from search.analysis.paired import Pairing
from search.analysis.predictions import Unreadable
from search.notebook import showing
from search.output import told
from search.output.tables import cell
from search.problem.settings import Place
from search.report.differing import address
from search.store import claims, storage
from search.store.results import Result
from search.system import next_commands
from search.system.errors import UsageError


@dataclass(frozen=True)
class Trial:
    """One trial: its numbers, and where its run and its network are."""

    result: Result
    place: Place

    @property
    def metrics(self) -> Mapping[str, float]:
        """Its final metrics: those of the best epoch."""
        return self.result.metrics

    @property
    def parameters(self) -> Mapping[str, Choice]:
        """Its hyperparameters."""
        return self.result.parameters

    @property
    def model(self) -> str:
        """The address of its network, for `mlflow.keras.load_model`; empty where it left none, or that was removed."""
        return self.result.model

    @property
    def confusion(self) -> pd.DataFrame:
        """Counts of the test images, by what they are (down) and what they were taken for (across)."""
        with about(self.place), predictions.opened(self.place) as tracker:
            judged = predictions.judged(tracker, self.result)
        names = list(judged.class_names)
        counts = metrics.confusion_counts(judged.labels, judged.predictions, len(names))
        return pd.DataFrame(counts, pd.Index(names, name="is"), pd.Index(names, name="taken for"))

    def against(self, other: "Trial") -> Pairing:
        """Return both beside each other, image by image. Raises `UsageError` where they judged other images."""
        with about(self.place):
            return predictions.against_first(self.place, [self.result, other.result])[0]

    def __repr__(self) -> str:
        test = self.metrics.get("test_accuracy")
        with storage.reading(self.place.storage) as store:
            driver = claims.searcher(self.place.home, store, self.result.study)
        words = [f"{self.result.name}: {told.state(self.result, driver)}", self.result.reason]
        words += [f"best {cell(self.result.value)}" if self.result.value is not None else ""]
        return ", ".join(filter(None, [*words, f"test {cell(test)}" if test is not None else ""]))

    def _repr_html_(self) -> str:
        tables = [list(showing.cells(self.metrics)), list(showing.cells(self.parameters))]
        return showing.shown(repr(self), tables, self._matrix())

    def _matrix(self) -> str:
        """Return the picture of its confusion matrix; empty where it cannot be read."""
        if not predictions.has_judged(self.result):
            return ""
        try:
            with predictions.opened(self.place) as tracker:
                return address(predictions.picture(tracker, self.result, "confusion/test.png"))
        except (Unreadable, UsageError):
            return ""


def about(place: Place) -> AbstractContextManager[None]:
    """Let the commands that are told be about this place."""
    words = {"--home": str(place.home), "--storage": place.storage, "--tracking-uri": place.tracking_uri}
    return next_commands.typed([word for flag in words.items() for word in flag])
