"""Curves of networks on 34 data sets, as a model of them tells: LCBench's, plain or within a space like that of `mlp`.

LCBench (Zimmer et al. 2021) has 2,000 networks a data set; YAHPO Gym (Pfisterer et al. 2022) has the model, under the
Apache License: slds-lmu/yahpo_data, folder `lcbench`. It is not part of this project; give the folder by `--lcbench`.
"""

import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from benchmarks.replay.contenders import coordinates
from benchmarks.replay.simulated import Noise, noise
from models import space
from models.family import Choice, Suggest
from search.policies.ensemble.coordinates import Coordinates
from search.policies.ensemble.sources import Sources, Traits
from search.problem import beginnings

Array = NDArray[np.float64]
Parameters = Mapping[str, Choice]
Ends = tuple[tuple[float, float], ...]
EPOCHS = 52
# The model knows nothing of the first epoch but what was before it.
KNOWN = np.arange(2, EPOCHS + 1)
ACCURACY = 1


class Surrogate:
    """The model, read once."""

    def __init__(self, folder: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._codes = json.loads((folder / "encoding.json").read_text())["OpenML_task_id"]
        found = json.loads((folder / "config_space.json").read_text())["hyperparameters"][0]["choices"]
        self.names: Sequence[str] = sorted(found, key=int)

    def accuracy(self, task: str, epochs: Array, rows: Array) -> Array:
        """Return percent, for rows of batch size, rate, momentum, decay, layers, widest layer and dropout. (n,)."""
        told = {
            "x_cat": np.full((len(rows), 1), self._codes[task], np.int32),
            "x_cont": np.column_stack([epochs, rows]).astype(np.float32),
        }
        return np.asarray(self._session.run(["output"], told)[0][:, ACCURACY], float)


# Rates that are usual, for the optimisers of the wide space: what was the usual one here is the best there, but for
# half a decade.
USUAL = {"sgd": 1e-1, "adam": 1e-3, "rmsprop": 1e-3, "adagrad": 1e-2, "adadelta": 1.0, "nadam": 1e-3, "adamw": 1e-3}
L1 = {0.0: 1.0, 1e-6: 1.0, 1e-5: 0.995, 1e-4: 0.975, 1e-3: 0.75, 1e-2: 0.05}
L2 = {0.0: 0.997, 1e-6: 0.998, 1e-5: 1.0, 1e-4: 0.998, 1e-3: 0.96, 1e-2: 0.7}


class Task:
    """One data set in the wide space: its accuracy relative to the best there is, times what each choice costs."""

    epochs = EPOCHS

    def __init__(self, surrogate: Surrogate, name: str, salt: str = "") -> None:
        self.name, self._surrogate = name, surrogate
        rng = np.random.default_rng(zlib.crc32((name + salt).encode()))
        between = rng.uniform
        self._rates = {one: 0.02 / rate * 10 ** between(-0.3, 0.3) for one, rate in USUAL.items()}
        ends: Ends = ((0.96, 0.995), (0.99, 1), (0.975, 0.998), (0.96, 0.99), (0.95, 0.985), (0.99, 1), (0.99, 1))
        self._optimizers = {one: between(*end) for one, end in zip(USUAL, ends, strict=True)}
        ends = ((0.99, 1), (0.99, 1), (0.985, 1), (0.975, 0.998), (0.95, 0.98))
        self._activations = {
            one: between(*end) for one, end in zip(("relu", "gelu", "elu", "tanh", "sigmoid"), ends, strict=True)
        }
        self._saturates = between(0.02, 0.08)
        ends = ((0.985, 1), (0.97, 1), (0.96, 0.998), (0.95, 0.995), (0.95, 0.995), (0.94, 0.998), (0.85, 0.97))
        self._augmentations = {one: between(*end) for one, end in zip(space.AUGMENTATIONS, ends, strict=True)}
        self._unnormalised, self._constant = between(0.96, 0.99), between(0.985, 0.997)

    @cached_property
    def _range(self) -> tuple[float, float]:
        """Return what the worst networks have, and the best."""

        def drawn(seed: int, count: int) -> Array:
            rng = np.random.default_rng(seed)
            rows = np.stack(
                [
                    np.round(np.exp(rng.uniform(math.log(16), math.log(512), count))),
                    np.exp(rng.uniform(math.log(1e-4), math.log(0.1), count)),
                    rng.uniform(0.1, 0.99, count),
                    rng.uniform(1e-5, 0.1, count),
                    rng.integers(1, 6, count),
                    np.round(np.exp(rng.uniform(math.log(64), math.log(1024), count))),
                    rng.uniform(0, 1, count),
                ],
                1,
            )
            return self._surrogate.accuracy(self.name, np.full(count, float(EPOCHS)), rows)

        return float(np.percentile(drawn(1, 1000), 1)), float(drawn(2, 20000).max())

    @staticmethod
    def suggest(trial: Suggest) -> None:
        """Ask for a configuration."""
        space.activation(trial)
        space.units(trial, depth=trial.suggest_int("depth", 1, 5))
        trial.suggest_float("dropout", 0.0, 0.7)
        space.l1(trial)
        space.l2(trial)
        space.batch_norm(trial)
        space.augmentation(trial)
        space.optimizer(trial)
        space.learning_rate(trial, high=1.0)
        space.schedule(trial)
        space.batch_size(trial)

    def curve(self, parameters: Parameters) -> Array:
        """Return percent after each of the epochs. (52,)."""
        found = self._wrapped(self._accuracy([parameters], KNOWN), self._factor(parameters))
        return np.concatenate([[found[0]], found])

    def final(self, many: Sequence[Parameters]) -> Array:
        """Return percent at the end. (n,)."""
        reached = self._accuracy(many, np.full(len(many), EPOCHS))
        return self._wrapped(reached, np.array([self._factor(parameters) for parameters in many]))

    def _accuracy(self, many: Sequence[Parameters], epochs: NDArray[Any]) -> Array:
        rows = [self._row(parameters) for parameters in many]
        return self._surrogate.accuracy(self.name, epochs.astype(float), np.resize(rows, (len(epochs), len(rows[0]))))

    def _wrapped(self, accuracy: Array, factor: float | Array) -> Array:
        worst, best = self._range
        # Decent networks lie closer to each other with images than with tables: ranks are kept.
        return worst + (best - worst) * np.clip((accuracy - worst) / (best - worst), 0, 1.1) ** 0.4 * factor

    def _effective(self, parameters: Any) -> float:
        return float(parameters["learning_rate"]) * self._rates[parameters["optimizer"]]

    def _row(self, parameters: Any) -> list[float]:
        return [
            parameters["batch_size"],
            min(max(self._effective(parameters), 1e-4), 0.1),
            0.9,
            min(max(10 * parameters["l2"], 1e-5), 0.1),
            parameters["depth"],
            min(max(parameters["units_1"], 64), 1024),
            parameters["dropout"],
        ]

    def _factor(self, parameters: Any) -> float:
        """Return what choices leave that the model does not know of."""
        rate, normalised = self._effective(parameters), parameters["batch_norm"]
        steep = 0.1 if normalised else 0.04
        left = 1.0
        if rate > steep:
            # It diverges: nothing is left a little more than a decade above.
            left *= max(0.0, 1 - math.log10(rate / steep) / 1.2)
        if rate < 1e-4:
            left *= math.exp(-1.2 * math.log10(1e-4 / rate))
        left *= L1[parameters["l1"]] * L2[parameters["l2"]]
        left *= self._optimizers[parameters["optimizer"]] * self._augmentations[parameters["augmentation"]]
        left *= self._activations[parameters["activation"]]
        if not normalised:
            left *= self._unnormalised
            if parameters["activation"] == "sigmoid":
                left *= max(0.1, 1 - self._saturates * (parameters["depth"] - 1) ** 2)
        if parameters["schedule"] == "constant":
            left *= self._constant
        for layer in range(2, parameters["depth"] + 1):
            # Half of the width before is best, and what is narrow costs more.
            halves = math.log2(parameters[f"units_{layer}"] / parameters[f"units_{layer - 1}"]) + 1
            left *= (1 - 0.004 * min(abs(halves), 5)) * (0.97 if parameters[f"units_{layer}"] < 32 else 1.0)
        if parameters["units_1"] < 64:
            left *= 0.96 - 0.03 * math.log2(64 / parameters["units_1"])
        return left


class Plain(Task):
    """One data set in LCBench's own space, of whose seven hyperparameters nothing is believed but what others share."""

    @staticmethod
    @override
    def suggest(trial: Suggest) -> None:
        """Ask for a configuration."""
        trial.suggest_int("batch_size", 16, 512, log=True)
        trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True)
        trial.suggest_float("momentum", 0.1, 0.99)
        trial.suggest_float("weight_decay", 1e-5, 1e-1)
        trial.suggest_int("num_layers", 1, 5)
        trial.suggest_int("max_units", 64, 1024, log=True)
        trial.suggest_float("max_dropout", 0.0, 1.0)

    @override
    def _row(self, parameters: Any) -> list[float]:
        asked = ("batch_size", "learning_rate", "momentum", "weight_decay", "num_layers", "max_units", "max_dropout")
        return [parameters[name] for name in asked]

    @override
    def _wrapped(self, accuracy: Array, factor: float | Array) -> Array:
        return accuracy

    @override
    def _factor(self, parameters: Any) -> float:
        return 1.0


@dataclass(frozen=True)
class LCBench:
    """Every task, the best that is known of it, and what a search may begin with: good or bad."""

    folder: Path
    salt: str
    plain: bool
    known_best: Mapping[str, float]
    good: Mapping[str, Parameters]
    bad: Mapping[str, Parameters]

    @classmethod
    def prepare(cls, folder: Path, salt: str = "", *, plain: bool = False) -> Self:
        """Find out what is known of all tasks.

        A good start is the best by its ranks on the *other* tasks, of 400 sensible configurations and the textbook's:
        what a textbook is. A bad one is at the 70th percentile of 300 that are drawn evenly. In the plain space all are
        drawn evenly.
        """
        tasks = {name: _task(folder, name, salt, plain=plain) for name in surrogate(folder).names}
        rng = np.random.default_rng(1)
        known = coordinates(next(iter(tasks.values())), believing=False)
        sensible: list[Parameters] = _drawn(known, 400, rng) if plain else _sensible(known, 400, rng)
        sensible += [] if plain else [beginnings.of("mlp")[0].parameters]
        finals = {name: task.final(sensible) for name, task in tasks.items()}
        ranks = {name: np.argsort(np.argsort(-found)) for name, found in finals.items()}
        drawn = _drawn(known, 300, rng)
        best, good, bad = {}, {}, {}
        for name, task in tasks.items():
            others = sum(ranks[other] for other in tasks if other != name)
            good[name] = sensible[int(np.argmin(others))]
            bad[name] = drawn[int(np.argsort(task.final(drawn))[210])]
            more = _drawn(known, 1100, rng) if plain else _sensible(known, 1100, rng)
            best[name] = _best(task, [*sensible, *more], rng)
        return cls(folder, salt, plain, best, good, bad)

    @property
    def halves(self) -> Mapping[str, Sequence[str]]:
        """What the tasks are called: those to tune on, and those that are looked at once, at the end."""
        names = tuple(self.known_best)
        return {"tuning": names[0::2], "held-out": names[1::2]}

    def task(self, name: str) -> Task:
        """Return a task."""
        return _task(self.folder, name, self.salt, plain=self.plain)

    def best(self, name: str) -> float:
        """Return the best percent that is known of a task."""
        return self.known_best[name]

    def starts(self, name: str, kind: str) -> Sequence[Parameters]:
        """Return what a search begins with."""
        known = {"good": self.good, "bad": self.bad}
        return [known[kind][name]] if kind in known else []

    def noise(self, name: str, seed: int) -> Noise:
        """Return what is seen beside the truth."""
        return noise(EPOCHS, seed)


@cache
def surrogate(folder: Path) -> Surrogate:
    """Return the model of a folder, read once."""
    return Surrogate(folder)


@cache
def _task(folder: Path, name: str, salt: str, *, plain: bool) -> Task:
    """Return a task, whose range takes 21,000 networks to tell, once."""
    return (Plain if plain else Task)(surrogate(folder), name, salt)


def _drawn(known: Coordinates, count: int, rng: np.random.Generator) -> list[Parameters]:
    """Return configurations that are drawn evenly."""
    return [known.parameters(row) for row in Sources(known, Traits()).uniform(count, rng)]


def _sensible(known: Coordinates, count: int, rng: np.random.Generator) -> list[Parameters]:
    """Return some as a person would draw them who knows the trade."""
    return [_knowing(found, rng) for found in _drawn(known, count, rng)]


def _knowing(found: Parameters, rng: np.random.Generator) -> dict[str, Choice]:
    usual = USUAL[str(found["optimizer"])] * 10 ** rng.uniform(-1.3, 0.5)
    return {
        **found,
        "l1": space.PENALTIES[rng.integers(3)],
        "l2": space.PENALTIES[rng.integers(4)],
        "batch_norm": bool(rng.random() < 0.9),
        "schedule": "cosine",
        "learning_rate": float(np.clip(usual, 1e-5, 1.0)),
    }


def _best(task: Task, pool: Sequence[Parameters], rng: np.random.Generator) -> float:
    """Return the best that six rounds of mutation around the ten best find."""
    known = coordinates(task, believing=False)
    sources = Sources(known, Traits(narrow=0.12, wide=0.1201, changes=(0.19,), crossed=0.0))
    values = task.final(pool)
    for _ in range(6):
        order = np.argsort(-values)[:10]
        pool, values = [pool[place] for place in order], values[order]
        parents = np.array([known.point(parameters) for parameters in pool])
        new = [known.parameters(row) for row in sources.children(parents, False, 250, rng)]
        pool, values = [*pool, *new], np.concatenate([values, task.final(new)])
    return float(values.max())
