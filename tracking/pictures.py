"""Pictures that can be drawn: values, so that drawing may wait, and matplotlib is not imported before it begins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Picture(Protocol):
    """A frozen dataclass of arrays, texts, numbers, and lists and mappings of these."""

    def draw(self) -> "Figure":
        """Draw it."""


@dataclass(frozen=True, eq=False)
class ConfusionMatrix:
    """Counts (classes, classes) by true class (row) and predicted class (column)."""

    counts: NDArray[np.int64]
    class_names: Sequence[str]
    title: str

    def draw(self) -> "Figure":
        """Draw it with recall and precision at its edges."""
        from tracking import figures

        return figures.confusion_matrix(self.counts, self.class_names, self.title)


@dataclass(frozen=True, eq=False)
class LearningCurves:
    """The metrics of a training's epochs, by name, and the place of its best epoch."""

    history: Mapping[str, Sequence[float]]
    title: str
    best_epoch: int

    def draw(self) -> "Figure":
        """Draw each metric, training against validation."""
        from tracking import figures

        return figures.learning_curves(self.history, self.title, self.best_epoch)


@dataclass(frozen=True, eq=False)
class Predictions:
    """Images (n, height, width, channels), what they are, what they were taken for, and how surely."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    predictions: NDArray[np.int64]
    confidence: NDArray[np.float64]
    class_names: Sequence[str]
    title: str

    def draw(self) -> "Figure":
        """Draw a sheet."""
        from tracking import figures

        return figures.predictions(
            self.images, self.labels, self.predictions, self.confidence, self.class_names, self.title
        )


@dataclass(frozen=True, eq=False)
class Nearest:
    """Images that were looked for (q, height, width, channels), and the nearest to each (q, k, ...), nearest first."""

    queries: NDArray[np.uint8]
    query_labels: NDArray[np.int64]
    neighbours: NDArray[np.uint8]
    neighbour_labels: NDArray[np.int64]
    class_names: Sequence[str]
    title: str

    def draw(self) -> "Figure":
        """Draw a row for each query."""
        from tracking import figures

        return figures.nearest(
            self.queries, self.query_labels, self.neighbours, self.neighbour_labels, self.class_names, self.title
        )


@dataclass(frozen=True, eq=False)
class Found:
    """Images of which nobody knows the class (q, height, width, channels), by name, and those nearest to each.

    These are (q, k, height, width, channels), nearest first, with their labels and distances, (q, k).
    """

    queries: NDArray[np.uint8]
    names: Sequence[str]
    neighbours: NDArray[np.uint8]
    labels: NDArray[np.int64]
    distances: NDArray[np.float32]
    class_names: Sequence[str]
    title: str

    def draw(self) -> "Figure":
        """Draw a row for each query."""
        from tracking import figures

        return figures.found(
            self.queries, self.names, self.neighbours, self.labels, self.distances, self.class_names, self.title
        )


KINDS: Final = (ConfusionMatrix, LearningCurves, Predictions, Nearest)
