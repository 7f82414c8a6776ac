"""Convolutional networks (report B, section B2)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from models import space
from models.classifier import Classifier
from models.data.images import Shape
from models.family import Cost, Family, Suggest

if TYPE_CHECKING:
    from keras import Model


@dataclass(frozen=True, kw_only=True)
class ConvolutionalNetwork(Classifier):
    """Convolutions, one or two of a width, with a pooling between each two widths, then dense layers."""

    cost: ClassVar[Cost] = Cost(epoch_seconds=45.0, model_megabytes=1.5, bound_by="arithmetic")

    activation: str
    filters: tuple[int, ...]
    convolutions: int
    kernel_size: int
    padding: str
    units: tuple[int, ...]
    dropout: float
    l1: float
    l2: float
    batch_norm: bool
    augmentation: str

    @classmethod
    def suggest(cls, trial: Suggest) -> Self:
        """Ask for `depth` widths of convolutions and `dense_depth` dense layers, and the width of each."""
        return cls(
            activation=space.activation(trial),
            filters=space.filters(trial, depth=trial.suggest_int("depth", 1, 4)),
            # Report B has one of each width, without padding; two of them see as far as a larger one, with fewer
            # weights (Simonyan and Zisserman 2015, sec. 2.3).
            convolutions=trial.suggest_int("convolutions", 1, 2),
            kernel_size=int(trial.suggest_categorical("kernel_size", (3, 5))),
            padding=str(trial.suggest_categorical("padding", ("valid", "same"))),
            units=space.units(trial, depth=trial.suggest_int("dense_depth", 1, 2), high=512),
            dropout=space.dropout(trial),
            l1=space.l1(trial),
            l2=space.l2(trial),
            batch_norm=space.batch_norm(trial),
            augmentation=space.augmentation(trial),
            optimizer=space.optimizer(trial),
            learning_rate=space.learning_rate(trial),
            schedule=space.schedule(trial),
            batch_size=space.batch_size(trial),
        )

    def build(self, shape: Shape, seed: int) -> "Model":
        """Return the network, compiled."""
        from models import layers, runtime

        runtime.seed(seed)
        source, x = layers.images(shape, self.augmentation)
        for number, filters in enumerate(self.filters):
            if number:
                x = layers.pooling(x)
            for _ in range(self.convolutions):
                x = layers.convolution(
                    x,
                    filters,
                    self.kernel_size,
                    self.activation,
                    l1=self.l1,
                    l2=self.l2,
                    batch_norm=self.batch_norm,
                    padding=self.padding,
                )
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


FAMILY: type[Family] = ConvolutionalNetwork
