"""Optuna with MLflow as people write it: the objective trains, autologging records, a callback prunes.

The objective, `KerasPruningCallback` and `MedianPruner` are those of Optuna's own example:
https://github.com/optuna/optuna-examples/blob/main/keras/keras_integration.py
A study as a parent run with one nested run a trial is MLflow's own tutorial, autologging its advice for Keras:
https://mlflow.org/docs/latest/ml/traditional-ml/tutorials/hyperparameter-tuning/
https://mlflow.org/docs/latest/ml/deep-learning/keras/guide
Everything else is default: TPE, in memory, one trial at a time on all cores; MLflow in SQLite, which is its default.
"""

from typing import cast

import keras
import mlflow
import optuna
from optuna_integration import KerasPruningCallback

import models
from benchmarks import plain
from benchmarks.journal import Journal
from benchmarks.peers.task import EPOCHS, Task, parse
from models.classifier import Classifier
from models.family import Infeasible


def run(task: Task) -> None:
    """Search until the time is used up."""
    images = task.load()
    journal = Journal(task.folder, task.began)
    mlflow.set_tracking_uri(f"sqlite:///{task.folder / 'mlflow.db'}")
    experiment = mlflow.create_experiment("optuna", (task.folder / "artifacts").as_uri())
    mlflow.keras.autolog()

    def objective(trial: optuna.Trial) -> float:
        keras.backend.clear_session()
        with mlflow.start_run(experiment_id=experiment, nested=True):
            family = models.family(task.family).suggest(trial)
            try:
                network = plain.build(cast(Classifier, family), images.shape, task.seed + trial.number)
            except Infeasible as error:
                # Anything else that is raised would end the study.
                raise optuna.TrialPruned(str(error)) from error
            keep = plain.ToJournal(lambda *entry: journal.add(trial.number, *entry))
            prune = KerasPruningCallback(trial, "val_accuracy")
            history = plain.fit(network, cast(Classifier, family), images, epochs=EPOCHS, callbacks=[keep, prune])
            return max(history["val_accuracy"])

    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=task.seed),
        pruner=optuna.pruners.MedianPruner(),
    )
    with mlflow.start_run(experiment_id=experiment):
        study.optimize(objective, timeout=task.left)


if __name__ == "__main__":
    run(parse())
