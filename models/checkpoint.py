"""The state of a training in one file: enough to go on as if it had never stopped, to the last bit."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.data.files import UNREADABLE

if TYPE_CHECKING:
    import keras

NEWEST, BEFORE = "checkpoint.npz", "checkpoint-before.npz"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What `about` a training is to be remembered (as JSON), every variable of it, and the weights of its best epoch.

    The variables are the network's and its optimiser's, the states of its random layers among them: `.keras` and
    `.weights.h5` files leave those out, and a network with dropout went on differently from either.
    """

    about: Mapping[str, Any]
    variables: Sequence[NDArray[Any]]
    best: Sequence[NDArray[Any]]


def of(network: "keras.Model", about: Mapping[str, Any], best: Sequence[NDArray[Any]]) -> Checkpoint:
    """Return the state of a compiled network."""
    return Checkpoint(about, [variable.numpy() for variable in _variables(network)], best)


def restore(network: "keras.Model", checkpoint: Checkpoint) -> None:
    """Put a network that was built alike into the state of a checkpoint."""
    for variable, value in zip(_variables(network), checkpoint.variables, strict=True):
        variable.assign(value)


def write(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint so that its file is always whole, and keep the one before.

    It is not forced to the disk: a killed process loses nothing by that, and after a power failure a file that is
    torn all the same gives way to the one before.
    """
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {f"variable-{index}": array for index, array in enumerate(checkpoint.variables)}
    arrays |= {f"best-{index}": array for index, array in enumerate(checkpoint.best)}
    partial = folder / f"{NEWEST}.{os.getpid()}.partial"
    with partial.open("wb") as stream:
        # The archive guards the content of its members, and not whether one of them is missing.
        about = json.dumps([len(checkpoint.variables), len(checkpoint.best), dict(checkpoint.about)])
        np.savez(stream, allow_pickle=False, about=np.array(about), **arrays)
    if (folder / NEWEST).exists():
        (folder / NEWEST).replace(folder / BEFORE)
    partial.replace(folder / NEWEST)


def read(folder: Path) -> Checkpoint | None:
    """Return the newest checkpoint that is whole; nothing where there is none."""
    return _read(folder / NEWEST) or _read(folder / BEFORE)


def _read(file: Path) -> Checkpoint | None:
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            variables, best, about = json.loads(str(arrays["about"]))
            return Checkpoint(about, _numbered(arrays, "variable", variables), _numbered(arrays, "best", best))
    except UNREADABLE:
        return None


def _numbered(arrays: Mapping[str, NDArray[Any]], name: str, count: int) -> list[NDArray[Any]]:
    return [arrays[f"{name}-{index}"] for index in range(count)]


def _variables(network: "keras.Model") -> "list[keras.Variable]":
    if not network.optimizer.built:
        network.optimizer.build(network.trainable_variables)
    return [*network.variables, *network.optimizer.variables]
