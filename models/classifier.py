"""What families that predict a class share: loss, metrics, goal, and how they are judged."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from models import metrics
from models.calibration import expected_calibration_error, fitted_temperature, tempered
from models.data.images import Images, Shape
from models.family import Answer, Evaluation, Goal, Resources

if TYPE_CHECKING:
    from keras import KerasTensor, Model


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """A network whose output is the probability of each class, and how it is trained."""

    goal: ClassVar[Goal] = Goal("val_accuracy", "maximize")
    answer: ClassVar[Answer] = "probabilities"

    optimizer: str
    learning_rate: float
    schedule: str
    batch_size: int

    def prepare(self, images: Images, resources: Resources) -> Images:
        """Return the images as they are: the networks scale them themselves."""
        return images

    def compile(self, inputs: "KerasTensor", outputs: "KerasTensor") -> "Model":
        """Return the network from `inputs` to `outputs`, ready to be trained."""
        from models import layers, training

        network = layers.network(inputs, outputs)
        return training.compile_network(network, self.optimizer, "sparse_categorical_crossentropy")

    def fit(
        self, network: "Model", images: Images, *, epochs: int, seed: int, start: int = 0
    ) -> Iterator[Mapping[str, float]]:
        """Return `loss`, `accuracy`, `val_loss`, `val_accuracy`, `learning_rate` and `seconds` of each epoch."""
        import keras

        from models import training

        def validate() -> dict[str, float]:
            validation = self.evaluate(network, images, "validation").metrics
            return {f"val_{name}": validation[name] for name in ("loss", "accuracy")}

        return training.train(
            network,
            images.train.images,
            training.shuffled(images.train.labels, seed),
            batch_size=self.batch_size,
            metrics={"accuracy": keras.metrics.sparse_categorical_accuracy},
            rate=lambda epoch: training.learning_rate(self.schedule, self.learning_rate, epoch, epochs),
            epochs=range(start, epochs),
            validate=validate,
        )

    def temperature(self, network: "Model", images: Images) -> float:
        """Return the temperature at which its probabilities fit the validation images best."""
        from models import training

        return fitted_temperature(training.predict(network, images.validation.images), images.validation.labels)

    def evaluate(
        self, network: "Model", images: Images, split: Literal["validation", "test"], temperature: float | None = None
    ) -> Evaluation:
        """Return the loss (with penalties, as Keras has it), accuracy, and precision, recall and F1 by class.

        With a temperature the confidence is that at it, `ece` its expected calibration error, and `ece_uncalibrated`
        that of the network as it was trained.
        """
        from models import training

        judged = getattr(images, split)
        probabilities = training.predict(network, judged.images)
        predictions = probabilities.argmax(axis=1)
        counts = metrics.confusion_counts(judged.labels, predictions, len(images.class_names))
        penalties = sum(float(penalty) for penalty in network.losses)
        loss = metrics.cross_entropy(probabilities, judged.labels) + penalties
        confidence = probabilities.max(axis=1).astype(np.float64)
        errors = {}
        # Not after every epoch, which is judged without.
        if temperature is not None:
            right = predictions == judged.labels
            errors["ece_uncalibrated"] = expected_calibration_error(confidence, right)
            confidence = tempered(probabilities, temperature).max(axis=1)
            errors["ece"] = expected_calibration_error(confidence, right)
        return Evaluation(
            metrics={"loss": loss} | errors | metrics.classification(counts, images.class_names),
            labels=np.asarray(judged.labels),
            predictions=predictions,
            confidence=confidence,
        )

    def export(self, network: "Model", shape: Shape, resources: Resources, temperature: float | None = None) -> "Model":
        """Return the network without its optimiser, and without what acts in training alone."""
        from models import kept, layers

        if temperature is not None:
            layers.temper(network, temperature)
        return kept.still(layers.network(network.input, network.output))
