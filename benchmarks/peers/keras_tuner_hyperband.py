"""KerasTuner's Hyperband, which goes on with a trial's weights when it gets more epochs.

`HyperModel.build` and `HyperModel.fit` (for the batch size) as in its guide, `Hyperband` as in its reference, which
advises as many iterations as the budget allows; factor 3 is its default:
https://keras.io/guides/keras_tuner/getting_started/
https://keras.io/keras_tuner/api/tuners/hyperband/
It records nothing in MLflow: it has nothing for that.
"""

from itertools import count
from typing import Any, cast

import keras_tuner

import models
from benchmarks import plain
from benchmarks.journal import Journal
from benchmarks.peers.keras_tuner_space import FromKerasTuner
from benchmarks.peers.task import EPOCHS, Task, parse
from models.classifier import Classifier
from models.data.images import Images
from models.family import Family


class Network(keras_tuner.HyperModel):
    """The family's network, from the hyperparameters that KerasTuner draws."""

    def __init__(self, task: Task, images: Images, journal: Journal) -> None:
        super().__init__()
        self._task, self._images, self._journal = task, images, journal
        self._numbers = count()

    def build(self, hp: Any) -> Any:
        """Return the network, compiled."""
        return plain.build(cast(Classifier, self._family(hp)), self._images.shape, self._task.seed)

    def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        """Train for the epochs that Hyperband has decided on."""
        number = next(self._numbers)
        keep = plain.ToJournal(lambda *entry: self._journal.add(number, *entry))
        return plain.fit(
            model,
            cast(Classifier, self._family(hp)),
            self._images,
            epochs=EPOCHS,
            start=kwargs["initial_epoch"],
            stop=kwargs["epochs"],
            callbacks=[*kwargs["callbacks"], keep],
        )

    def _family(self, hp: Any) -> Family:
        return models.family(self._task.family).suggest(FromKerasTuner(hp))


def run(task: Task) -> None:
    """Search until the process is ended: KerasTuner knows no time limit."""
    images = task.load()
    tuner = keras_tuner.Hyperband(
        Network(task, images, Journal(task.folder, task.began)),
        objective=keras_tuner.Objective("val_accuracy", "max"),
        max_epochs=EPOCHS,
        factor=3,
        hyperband_iterations=1000,
        seed=task.seed,
        directory=task.folder,
        project_name="tuner",
    )
    tuner.search(verbose=0)


if __name__ == "__main__":
    run(parse())
