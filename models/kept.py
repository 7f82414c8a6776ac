"""Networks as they are kept, and their files, read without Keras: nothing in them acts as in training by itself.

Keras 3 calls its layers for images with `training=True` unless somebody says otherwise, which `predict` does, and
neither a call of the network does, nor one inside another network, nor what `export` makes of it. Random ones vary the
images then; they have no weights, and a network without them is the same one. Any of them, one that resizes as well,
lets what comes behind it take that for its own: batch normalisation, and dropout in a network inside the network.
"""

import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from models.data.files import UNREADABLE

if TYPE_CHECKING:
    from keras import Model as Network

# Of a network or a layer, what Keras writes as JSON.
Described = Mapping[str, Any]

CONFIG: Final = "config.json"
# Of the file itself: when it was written, and by which version of Keras.
METADATA: Final = "metadata.json"
# Beside those that are called `Random...`. A crop is none of them: without it, images have another size.
MIXING: Final = ("AugMix", "CutMix", "MixUp", "RandAugment")
CROP: Final = "RandomCrop"
# Those for images that stay: they act alike in training, and let others act as in it.
CERTAIN: Final = (
    "AutoContrast",
    "CenterCrop",
    "ContrastLimitedAdaptiveHistogramEqualization",
    "Equalization",
    "MaxNumBoundingBoxes",
    "Pipeline",
    CROP,
    "Resizing",
    "Solarization",
)


def still(network: "Network") -> "Network":
    """Return the network, not compiled, without what acts in training alone; `network` itself where nothing does."""
    described = json.loads(network.to_json())
    if not acting(described):
        return network
    import keras

    made = keras.models.model_from_json(json.dumps(calmed(described)))
    made.set_weights(network.get_weights())
    return made


def read(file: Path | IO[bytes], part: str = CONFIG) -> Described:
    """Return what a `.keras` file says of its network, or of itself; nothing where it is none that could be read."""
    try:
        with zipfile.ZipFile(file) as archive:
            found = json.loads(archive.read(part))
    except UNREADABLE:
        return {}
    return found if isinstance(found, dict) else {}


def write_still(file: Path, out: Path) -> None:
    """Write the `.keras` file again without what acts in training: the same bytes each time, and the same weights."""
    with zipfile.ZipFile(file) as before, zipfile.ZipFile(out, "w") as after:
        for member in before.infolist():
            content = before.read(member)
            if member.filename == CONFIG:
                content = json.dumps(calmed(json.loads(content))).encode()
            after.writestr(member, content)


def acting(described: Described) -> list[str]:
    """Return the names of the layers that act as in training unless told not to, in networks inside it as well."""
    return list(_acting(described))


def calmed(described: Described) -> dict[str, Any]:
    """Return the description without random layers, what they gave being what they were given, and others at rest."""
    inside = _inside(described)
    if not inside:
        return dict(described)
    layers = [_rescaling(layer) if _converts(layer) else calmed(layer) for layer in inside]
    wiring = _Wiring({_name(layer): layer.get("inbound_nodes", ()) for layer in layers if _varies(layer)})
    config = described["config"] | {
        "layers": [
            # Layers of a `Sequential` one are in a row, and say nothing of each other.
            {name: wiring.of(_at_rest(layer)) if name == "inbound_nodes" else part for name, part in layer.items()}
            for layer in layers
            if _name(layer) not in wiring.gone
        ]
    }
    if "output_layers" in config:
        config["output_layers"] = wiring.of(config["output_layers"])
    return {**described, "config": config}


@dataclass(frozen=True)
class _Wiring:
    """Tensors as a network's description names them; of the layers that are `gone` there are the nodes, by name."""

    gone: Mapping[str, Sequence[Described]]

    def of(self, part: Any) -> Any:
        """Return a part of the description with what stands for the tensors of layers that are gone."""
        match part:
            case {"class_name": "__keras_tensor__", "config": {"keras_history": [name, node, _]}}:
                return self._source(name, node) or part
            case [str() as name, int() as node, int()]:
                found = self._source(name, node)
                return found["config"]["keras_history"] if found else part
            case dict():
                return {name: self.of(value) for name, value in part.items()}
            case list():
                return [self.of(one) for one in part]
        return part

    def _source(self, name: str, node: int) -> Any:
        """Return what a layer that is gone was given; None where it is still there."""
        if name not in self.gone:
            return None
        (tensor,) = self.gone[name][node]["args"]
        return self.of(tensor)


def _inside(described: Described) -> list[dict[str, Any]]:
    """Return the layers of a network; none of what is a layer itself."""
    config = described.get("config")
    found = config.get("layers") if isinstance(config, dict) else None
    return found if isinstance(found, list) else []


def _acting(described: Described) -> Iterator[str]:
    for layer in _inside(described):
        if _varies(layer) or _at_rest(layer) != layer.get("inbound_nodes", []):
            yield _name(layer)
        yield from _acting(layer)


def _at_rest(layer: Described) -> list[Any]:
    """Return how a layer is called, with `training=False` where it was told to train, or does unless told otherwise."""
    wakes = _is_of_keras(layer) and layer["class_name"] in CERTAIN

    def trains(told: bool | None) -> bool:
        return wakes if told is None else told

    return [
        node | {"kwargs": node["kwargs"] | {"training": False}} if trains(node["kwargs"].get("training")) else node
        for node in layer.get("inbound_nodes", [])
    ]


def _name(layer: Described) -> str:
    return str(layer["config"]["name"])


def _varies(layer: Described) -> bool:
    name = layer["class_name"]
    return _is_of_keras(layer) and (name in MIXING or (name.startswith("Random") and name != CROP))


def _is_of_keras(layer: Described) -> bool:
    return layer.get("registered_name") is None


def _converts(layer: Described) -> bool:
    """Whether a layer that varies images gives another type than it is given: others could not do without it."""
    if not _varies(layer):
        return False
    policy = layer["config"]["dtype"]
    own = policy["config"]["name"] if isinstance(policy, dict) else policy
    given = [node["args"] for node in layer.get("inbound_nodes", ())]
    return any(tensor["config"]["dtype"] != own for (tensor,) in given)


def _rescaling(layer: Described) -> dict[str, Any]:
    """Return a layer in the place of another that does nothing but convert its input: it multiplies by one."""
    config = {name: layer["config"][name] for name in ("name", "dtype")} | {"scale": 1.0, "offset": 0.0}
    nodes = [node | {"kwargs": {}} for node in layer["inbound_nodes"]]
    return {**layer, "class_name": "Rescaling", "config": config, "inbound_nodes": nodes}
