"""KerasTuner's Hyperband: random draws, and of each group the best go on together.

pip install keras-tuner==1.4.8 jax six

It knows no configuration to begin with, and is given none. What is not asked for is drawn all the same, and left out.
"""

import os
import tempfile
from typing import Any

# Keras wants a backend, which nothing here is computed by.
os.environ.setdefault("KERAS_BACKEND", "jax")

import keras_tuner
from dialogue import Peer, asked, problem, serve
from keras_tuner.engine.base_tuner import BaseTuner

FACTOR = 3
# So often the whole of Hyperband is gone through: as often as the budget allows.
ITERATIONS = 1000


class Hyperband(Peer):
    """A trial that goes on is a new one of KerasTuner's, which names the one that it goes on from."""

    def __init__(self, told: dict[str, Any], folder: str) -> None:
        self._space = told["space"]
        self._oracle = keras_tuner.oracles.HyperbandOracle(
            objective=keras_tuner.Objective("val_accuracy", "max"),
            max_epochs=told["rungs"][-1],
            factor=FACTOR,
            hyperband_iterations=ITERATIONS,
            seed=told["seed"],
            hyperparameters=_hyperparameters(self._space),
        )
        # It gives the oracle a folder.
        BaseTuner(self._oracle, directory=folder, project_name="replay")
        self._keys: dict[str, int] = {}
        self._running: dict[tuple[int, int], Any] = {}
        self._asked = 0

    def ask(self) -> tuple[int, dict[str, Any], int]:
        """Return what the tool says."""
        self._asked += 1
        trial = self._oracle.create_trial(f"worker-{self._asked}")
        drawn = dict(trial.hyperparameters.values)
        until, before = drawn["tuner/epochs"], drawn.get("tuner/trial_id")
        key = self._keys[before] if before else len(set(self._keys.values()))
        self._keys[trial.trial_id] = key
        self._running[key, until] = trial
        return key, asked(self._space, drawn), until

    def tell(self, key: int, epoch: int, value: float) -> None:
        """Let the tool know."""
        trial = self._running.pop((key, epoch))
        self._oracle.update_trial(trial.trial_id, {"val_accuracy": value}, step=epoch)
        trial.status = "COMPLETED"
        self._oracle.end_trial(trial)


def _hyperparameters(space: list[dict[str, Any]]) -> keras_tuner.HyperParameters:
    found = keras_tuner.HyperParameters()
    for one in space:
        if one["kind"] == "choices":
            found.Choice(one["name"], one["choices"])
        else:
            kind = found.Int if one["kind"] == "whole" else found.Float
            kind(one["name"], one["low"], one["high"], sampling="log" if one["log"] else "linear")
    return found


with tempfile.TemporaryDirectory() as made:
    serve(Hyperband(problem(), made))
