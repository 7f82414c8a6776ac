"""Why a file cannot be loaded as a network, and what to do: Keras's own words are about objects of Python."""

import zipfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from models import kept

HDF5: Final = b"\x89HDF\r\n\x1a\n"
ZIP: Final = b"PK"
# Layers of Keras that wrap what another library has made.
BACKENDS: Final = {"TorchModuleWrapper": "torch", "JaxLayer": "jax", "FlaxLayer": "jax"}
# The layers of ours, which are registered under this name.
OURS: Final = "garment-search"


def why(file: Path, error: Exception) -> str:
    """Return why Keras has raised this over a `.keras` file, and the way out."""
    return _no_archive(file) or _foreign(kept.read(file)) or _versions(file) or str(error).partition("\n")[0]


def written_by(file: Path) -> str:
    """Return the version of Keras that wrote a `.keras` file; empty where it does not say."""
    return str(kept.read(file, kept.METADATA).get("keras_version", ""))


def converted(file: Path) -> str:
    """Say how a file as Keras wrote it before becomes one that can be asked."""
    return (
        f"it is HDF5, as Keras wrote before; "
        f"`keras.saving.load_model({str(file)!r}, compile=False).save({str(file.with_suffix('.keras'))!r})` makes a "
        ".keras file of it, if you know where it is from"
    )


def _no_archive(file: Path) -> str:
    """Say what is wrong with a file that is no archive of a network's parts; empty where it is one."""
    try:
        with file.open("rb") as stream:
            head = stream.read(len(HDF5))
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    if head == HDF5:
        return converted(file)
    if not head.startswith(ZIP):
        return "it is no .keras file, which is a zip archive; save the network with `model.save('model.keras')`"
    if not zipfile.is_zipfile(file):
        return "it is cut short; copy it again from where it is whole"
    return "" if kept.read(file) else "there is no network in it, or it is damaged; save it again with `model.save`"


def _foreign(described: kept.Described) -> str:
    """Say which layers of a network Keras does not know here whatever its version; empty where it knows all."""
    names = dict(_classes(described))
    if "Lambda" in names:
        return "it has a Lambda layer, which is code, and is not run; build it of other layers, and save it again"
    for name, backend in BACKENDS.items():
        if name in names:
            return f"it has a {name} layer, which needs {backend}, and is asked with TensorFlow; build it without"
    own = sorted(name for name, module in names.items() if module.partition(".")[0] != "keras")
    if own:
        listed = ", ".join(own)
        return f"it has layers that are not Keras's own ({listed}); build it of Keras's own, and save it again"
    return ""


def _classes(described: kept.Described) -> Iterator[tuple[str, str]]:
    """Yield name and module of every class of layers in a network, those of this program left out."""
    config: Any = described.get("config")
    for layer in config.get("layers", ()) if isinstance(config, dict) else ():
        if not str(layer.get("registered_name")).startswith(OURS):
            yield str(layer.get("class_name")), str(layer.get("module"))
        yield from _classes(layer)


def _versions(file: Path) -> str:
    """Say which versions of Keras wrote the file and are here, where these are two."""
    wrote, here = written_by(file), version("keras")
    if not wrote or wrote == here:
        return ""
    if _numbers(wrote) > _numbers(here):
        way = f"install that one (`pip install 'keras=={wrote}'`), or save the network again with Keras {here} or older"
    else:
        way = f"ask it where Keras {wrote} is installed, or train it again with Keras {here}"
    return f"Keras {wrote} wrote it, and Keras {here} is here; {way}"


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(".")[:3] if part.isdecimal()]
