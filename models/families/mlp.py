"""Fully connected network (report B, section B1)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from models import space
from models.classifier import Classifier
from models.data.images import Shape
from models.family import Cost, Family, Suggest

if TYPE_CHECKING:
    from keras import Model


@dataclass(frozen=True, kw_only=True)
class MultilayerPerceptron(Classifier):
    """Dense layers on the flattened image."""

    cost: ClassVar[Cost] = Cost(epoch_seconds=1.0, model_megabytes=1.0, bound_by="dispatch")

    activation: str
    units: tuple[int, ...]
    dropout: float
    l1: float
    l2: float
    batch_norm: bool
    augmentation: str

    @classmethod
    def suggest(cls, trial: Suggest) -> Self:
        """Ask for `depth` hidden layers and the width of each."""
        return cls(
            activation=space.activation(trial),
            units=space.units(trial, depth=trial.suggest_int("depth", 1, 4)),
            dropout=space.dropout(trial),
            l1=space.l1(trial),
            l2=space.l2(trial),
            batch_norm=space.batch_norm(trial),
            augmentation=space.augmentation(trial),
            optimizer=space.optimizer(trial),
            # Report B, row 19, trains with Adadelta at 1.0.
            learning_rate=space.learning_rate(trial, high=1.0),
            schedule=space.schedule(trial),
            batch_size=space.batch_size(trial),
        )

    def build(self, shape: Shape, seed: int) -> "Model":
        """Return the network, compiled."""
        from models import layers, runtime

        runtime.seed(seed)
        source, x = layers.images(shape, self.augmentation)
        x = layers.flatten(x)
        x = layers.dense_layers(
            x,
            self.units,
            self.activation,
            l1=self.l1,
            l2=self.l2,
            batch_norm=self.batch_norm,
            dropout=self.dropout,
        )
        return self.compile(source, layers.classes(x, shape))


FAMILY: type[Family] = MultilayerPerceptron
