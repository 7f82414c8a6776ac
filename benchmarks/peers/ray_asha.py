"""Ray Tune: ASHA over random search, actors used again, recorded by its callback for MLflow.

ASHA as in its reference (reduction factor 3, one bracket), from the first epoch on:
https://docs.ray.io/en/latest/tune/api/schedulers.html
A class trainable with `reset_config`, which is what `reuse_actors` asks for:
https://docs.ray.io/en/latest/tune/api/trainable.html
`MLflowLoggerCallback` as in its guide: https://docs.ray.io/en/latest/tune/examples/tune-mlflow.html
One trial a core, TensorFlow on one thread in each. The dashboard is off: it would only cost time.
"""

import os
from typing import Any, cast

import ray
from ray import tune
from ray.air.integrations.mlflow import MLflowLoggerCallback
from ray.tune.schedulers import ASHAScheduler

import models
from benchmarks.journal import Journal
from benchmarks.peers.ray_space import for_ray
from benchmarks.peers.task import EPOCHS, Task, parse
from models.classifier import Classifier
from models.data.images import Images
from models.family import Infeasible
from search.workers.worker import Given


class Training(tune.Trainable):
    """A trial: an iteration is an epoch."""

    def setup(self, config: dict[str, Any], task: Task | None = None, images: Images | None = None) -> None:
        """Begin in a new actor."""
        assert task is not None
        assert images is not None
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        self._task, self._images = task, images
        self._journal = Journal(task.folder, task.began, f"actor-{os.getpid()}")
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Begin another trial in this actor."""
        import keras

        from benchmarks import plain

        keras.backend.clear_session()
        family = models.family(self._task.family).suggest(Given(new_config))
        self._family = cast(Classifier, family)
        self._epoch = 0
        try:
            self._network = plain.build(self._family, self._images.shape, self._task.seed)
        except Infeasible:
            # To raise it would end the search: the callback for MLflow knows no trial that ends before it began.
            self._network = None
        return True

    def step(self) -> dict[str, float]:
        """Train for an epoch."""
        from benchmarks import plain

        if self._network is None:
            return {"val_accuracy": 0.0, tune.result.DONE: True}
        number = int(self.trial_id.rpartition("_")[2])
        keep = plain.ToJournal(lambda *entry: self._journal.add(number, *entry))
        history = plain.fit(
            self._network,
            self._family,
            self._images,
            epochs=EPOCHS,
            start=self._epoch,
            stop=self._epoch + 1,
            callbacks=[keep],
        )
        self._epoch += 1
        return {name: values[-1] for name, values in history.items()}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Write the weights: Ray asks for that where it pauses a trial, which ASHA does not do."""
        if self._network is not None:
            self._network.save_weights(f"{checkpoint_dir}/network.weights.h5")

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Read the weights."""
        self._network.load_weights(f"{checkpoint}/network.weights.h5")


def run(task: Task) -> None:
    """Search until the time is used up."""
    images = task.load()
    cores = len(os.sched_getaffinity(0))
    ray.init(num_cpus=cores, include_dashboard=False, log_to_driver=False)
    record = MLflowLoggerCallback(
        tracking_uri=f"sqlite:///{task.folder / 'mlflow.db'}", experiment_name="ray", save_artifact=False
    )
    tuner = tune.Tuner(
        tune.with_resources(tune.with_parameters(Training, task=task, images=images), {"cpu": 1}),
        param_space=for_ray(models.family(task.family)),
        tune_config=tune.TuneConfig(
            metric="val_accuracy",
            mode="max",
            scheduler=ASHAScheduler(max_t=EPOCHS, grace_period=1, reduction_factor=3, brackets=1),
            search_alg=tune.search.BasicVariantGenerator(random_state=task.seed),
            num_samples=-1,
            time_budget_s=task.left,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(storage_path=str(task.folder / "ray"), callbacks=[record], verbose=0),
    )
    tuner.fit()


if __name__ == "__main__":
    run(parse())
