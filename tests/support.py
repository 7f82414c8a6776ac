"""Small images of every kind, and small configurations of every family."""

import os
import signal
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import models
from models.data import share
from models.data.images import Images, Split
from models.family import Choice, Family, Resources
from search.workers.execution import Plan
from search.workers.messages import Job

# TensorFlow may be configured once in a process: for every test alike.
THREADS = len(os.sched_getaffinity(0))
PLAN = Plan(workers=1, threads=THREADS, precision="float32", why="for tests", evaluation_batch=1000)
CHEAP = {
    "depth": 1,
    "dense_depth": 1,
    "optimizer": "adam",
    "learning_rate": 0.003,
    "activation": "relu",
    "batch_size": 32,
    "embedding_size": 16,
    "equal_pairs": 0.5,
    "margin": 1.0,
}

# Everything that has a state of its own: random layers, moments of an optimiser, running means, a schedule.
STATEFUL = {
    "dropout": 0.2,
    "conv_dropout": 0.2,
    "batch_norm": True,
    "augmentation": "all",
    "optimizer": "nadam",
    "schedule": "cosine",
    "l2": 1e-4,
}


def heed_signals() -> None:
    """Let this process, and those it begins, heed what a shell's background and `nohup` make processes ignore."""
    for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, usual)


def read_only(folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to which a folder is one that it may only read; skip the test where that cannot be had."""
    if os.geteuid() != 0:
        paths = [folder, *folder.rglob("*")]
        modes = [path.stat().st_mode for path in paths]
        for path, mode in zip(paths, modes, strict=True):
            path.chmod(mode & ~0o222)
        try:
            return subprocess.run(command, capture_output=True, text=True, check=False)
        finally:
            for path, mode in zip(paths, modes, strict=True):
                path.chmod(mode)
    # Permissions keep nothing from root, but a disk that is mounted so does.
    mount = f'mount --bind "{folder}" "{folder}" && mount -o remount,ro,bind "{folder}"'
    if subprocess.run(["unshare", "--mount", "sh", "-c", mount], capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    words = ["unshare", "--mount", "sh", "-c", f'{mount} && exec "$@"', "sh", *command]
    return subprocess.run(words, capture_output=True, text=True, check=False)


class Scripted:
    """Stands in for a trial: answers with what is given, else with the lowest or first value."""

    def __init__(self, **values: Any) -> None:
        self.values = CHEAP | values

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        return self.values.get(name, low)

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        return self.values.get(name, low)

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        return self.values.get(name, choices[0])


def configuration(name: str, **values: Any) -> Family:
    """Return a small configuration of a family, with these hyperparameters."""
    return models.family(name).suggest(Scripted(**values))


def make_split(count: int, height: int, width: int, channels: int, classes: int, seed: int) -> Split:
    """Return images of classes that a network learns in an epoch or two: each has a bright bar of its own."""
    labels = np.arange(count, dtype=np.int64) % classes
    images = np.random.default_rng(seed).integers(0, 60, (count, height, width, channels))
    for label in range(classes):
        row = label * (height - 1) // max(classes - 1, 1)
        images[labels == label, row] += 180
    return Split(images.astype(np.uint8), labels)


def make_images(
    height: int = 28,
    width: int = 28,
    channels: int = 1,
    classes: int = 10,
    train: int = 320,
    validation: int = 100,
    test: int = 120,
) -> Images:
    """Return small images in three splits."""
    shape = (height, width, channels, classes)
    return Images(
        name="bars",
        source="made for a test",
        class_names=tuple(f"class {label}" for label in range(classes)),
        train=make_split(train, *shape, seed=1),
        validation=make_split(validation, *shape, seed=2),
        test=make_split(test, *shape, seed=3),
    )


class Recorded(Scripted):
    """Notes what it answered, as the parameters of a job."""

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.parameters: dict[str, Any] = {}

    def suggest_float(self, name: str, low: float, high: float, **how: Any) -> float:
        self.parameters[name] = super().suggest_float(name, low, high)
        return self.parameters[name]

    def suggest_int(self, name: str, low: int, high: int, **how: Any) -> int:
        self.parameters[name] = super().suggest_int(name, low, high)
        return self.parameters[name]

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        self.parameters[name] = super().suggest_categorical(name, choices)
        return self.parameters[name]


def job_of(family: str, images: Images, home: Path, number: int = 0, epochs: int = 2, **values: Any) -> Job:
    """Return the job of training a small configuration of a family."""
    trial = Recorded(**values)
    models.family(family).suggest(trial)
    return Job(
        number=number,
        key=f"{uuid.uuid4().hex}/{number}",
        family=family,
        parameters=trial.parameters,
        images=share(images, home / "cache"),
        resources=Resources(home / "cache", "none"),
        epochs=epochs,
        patience=None,
        seed=1,
        folder=home / "checkpoints" / str(number),
    )


def parameters(**values: Any) -> Mapping[str, Choice]:
    """Return a small configuration of an MLP, as its trial has it."""
    recorded = Recorded(**values)
    type(configuration("mlp")).suggest(recorded)
    return recorded.parameters
