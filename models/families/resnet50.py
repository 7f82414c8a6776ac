"""Transfer learning: a head on a frozen ResNet50 (report B, section B3)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from models import space
from models.classifier import Classifier
from models.data.images import Images, Shape
from models.family import Cost, Family, Resources, Suggest

if TYPE_CHECKING:
    from keras import Model

    from models.pretrained import Extractor


@dataclass(frozen=True, kw_only=True)
class TransferredResNet50(Classifier):
    """Dense layers on the pooled features of ResNet50 (He et al. 2016), which are computed once and for all heads."""

    cost: ClassVar[Cost] = Cost(
        epoch_seconds=3.0, model_megabytes=100.0, bound_by="dispatch", preparation_seconds=180.0
    )

    preprocessing: str
    image_size: int
    activation: str
    units: tuple[int, ...]
    dropout: float
    l1: float
    l2: float
    batch_norm: bool

    @classmethod
    def suggest(cls, trial: Suggest) -> Self:
        """Ask what the frozen network is fed, and for `depth` dense layers on its features."""
        return cls(
            # Report B divides by 255; the weights were trained on what Keras's own preprocessing gives.
            preprocessing=str(trial.suggest_categorical("preprocessing", ("scaled", "imagenet"))),
            image_size=int(trial.suggest_categorical("image_size", (32, 64))),
            activation=space.activation(trial),
            units=space.units(trial, depth=trial.suggest_int("depth", 1, 2)),
            dropout=space.dropout(trial),
            l1=space.l1(trial),
            l2=space.l2(trial),
            batch_norm=space.batch_norm(trial),
            optimizer=space.optimizer(trial),
            learning_rate=space.learning_rate(trial),
            schedule=space.schedule(trial),
            batch_size=space.batch_size(trial),
        )

    def prepare(self, images: Images, resources: Resources) -> Images:
        """Return the features, (n, 2048), computed where the cache does not hold them."""
        return self._extractor().features(images, resources)

    def build(self, shape: Shape, seed: int) -> "Model":
        """Return the head on features, compiled."""
        from models import layers, runtime
        from models.pretrained import FEATURES

        runtime.seed(seed)
        source = layers.vectors(FEATURES)
        x = layers.dense_layers(
            source,
            self.units,
            self.activation,
            l1=self.l1,
            l2=self.l2,
            batch_norm=self.batch_norm,
            dropout=self.dropout,
        )
        return self.compile(source, layers.classes(x, shape))

    def export(self, network: "Model", shape: Shape, resources: Resources, temperature: float | None = None) -> "Model":
        """Return base and head together."""
        from models import layers

        if temperature is not None:
            layers.temper(network, temperature)
        base = self._extractor().network(shape, resources.weights)
        # Without its optimiser, which others would have to have to load it.
        head = layers.network(network.input, network.output)
        return layers.network(base.input, head(base.output))

    def _extractor(self) -> "Extractor":
        from models.pretrained import Extractor

        return Extractor(self.image_size, self.preprocessing)


FAMILY: type[Family] = TransferredResNet50
