"""Report B's way: its rows one after another, each trained by `fit` for its own epochs, Keras's defaults.

Rows in the report's order; those with early stopping stop as the report's did. Nothing is drawn, so a seed changes
only initial weights and the order of the images.
"""

from typing import Any, cast

import keras

import models
from benchmarks import plain
from benchmarks.journal import Journal
from benchmarks.peers.task import Task, parse
from models.classifier import Classifier
from search.problem import baselines
from search.workers.worker import Given


def run(task: Task) -> None:
    """Train the rows until they, or the time, are used up."""
    images = task.load()
    journal = Journal(task.folder, task.began)
    for number, row in enumerate(baselines.of(task.family)):
        if not task.left:
            return
        configuration = cast(Classifier, models.family(task.family).suggest(Given(row.parameters)))
        network = plain.build(configuration, images.shape, task.seed)
        callbacks: list[Any] = [plain.ToJournal(lambda *entry, number=number: journal.add(number, *entry))]
        if row.patience:
            callbacks.append(keras.callbacks.EarlyStopping(patience=row.patience))
        plain.fit(network, configuration, images, epochs=row.epochs, callbacks=callbacks)


if __name__ == "__main__":
    run(parse())
