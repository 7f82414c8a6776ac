"""LeNet-5 with today's activations, dropout and batch normalisation (report A, section A1)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from models import space
from models.classifier import Classifier
from models.data.images import Shape
from models.family import Cost, Family, Suggest

if TYPE_CHECKING:
    from keras import Model


@dataclass(frozen=True, kw_only=True)
class LeNet5(Classifier):
    """Two convolutions, each with a pooling, then dense layers (LeCun et al. 1998, sec. II-B, widened by report A)."""

    cost: ClassVar[Cost] = Cost(epoch_seconds=45.0, model_megabytes=8.0, bound_by="arithmetic")

    activation: str
    filters: tuple[int, ...]
    kernel_size: int
    pool_stride: int
    units: tuple[int, ...]
    conv_dropout: float
    dropout: float
    l1: float
    l2: float
    batch_norm: bool
    augmentation: str

    @classmethod
    def suggest(cls, trial: Suggest) -> Self:
        """Ask for the filters of C1 and C3, the stride of S2, and `depth` dense layers (C5, F6)."""
        return cls(
            activation=space.activation(trial),
            filters=space.filters(trial, depth=2, high=64),
            kernel_size=int(trial.suggest_categorical("kernel_size", (3, 5))),
            # Report A's first pooling moves by one pixel, which quadruples the work of C3; LeCun's moves by two.
            pool_stride=int(trial.suggest_categorical("pool_stride", (1, 2))),
            units=space.units(trial, depth=trial.suggest_int("depth", 1, 3), high=512),
            conv_dropout=space.dropout(trial, "conv_dropout"),
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
        for filters, stride in zip(self.filters, (self.pool_stride, 2), strict=True):
            x = layers.convolution(x, filters, self.kernel_size, self.activation, l1=self.l1, l2=self.l2)
            x = layers.pooling(x, stride)
        x = layers.flatten(layers.drop(x, self.conv_dropout))
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


FAMILY: type[Family] = LeNet5
