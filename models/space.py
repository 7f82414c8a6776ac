"""Hyperparameters that several families share: the same name, range and meaning in each."""

import re
from collections.abc import Mapping

from models.belief import Around, Belief, Mostly
from models.family import Choice, Suggest

ACTIVATIONS = ("relu", "tanh", "sigmoid", "elu", "gelu")
OPTIMIZERS = ("sgd", "adam", "rmsprop", "adagrad", "adadelta", "nadam", "adamw")
AUGMENTATIONS = ("none", "flip", "shift", "rotation", "zoom", "flip+shift", "all")
SCHEDULES = ("constant", "cosine")
BATCH_SIZES = (32, 64, 128, 256, 512)
# A logarithmic range cannot hold the zero that most of the reports' rows have.
PENALTIES = (0.0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2)


def activation(trial: Suggest) -> str:
    """Nonlinearity of every hidden layer."""
    return str(trial.suggest_categorical("activation", ACTIVATIONS))


def units(trial: Suggest, depth: int, low: int = 16, high: int = 1024) -> tuple[int, ...]:
    """Widths of `depth` dense layers, first to last: `units_1`, `units_2`, ..."""
    return tuple(trial.suggest_int(f"units_{layer}", low, high, log=True) for layer in range(1, depth + 1))


def filters(trial: Suggest, depth: int, high: int = 128) -> tuple[int, ...]:
    """Filters of `depth` convolutions, first to last: `filters_1`, `filters_2`, ..."""
    return tuple(trial.suggest_int(f"filters_{layer}", 4, high, log=True) for layer in range(1, depth + 1))


def dropout(trial: Suggest, name: str = "dropout") -> float:
    """Share of activations dropped in training; a multiple of 0.02, so that none at all is drawn now and then."""
    return trial.suggest_float(name, 0.0, 0.7, step=0.02)


def l1(trial: Suggest) -> float:
    """Factor of the sum of absolute weights of hidden layers."""
    return float(trial.suggest_categorical("l1", PENALTIES))


def l2(trial: Suggest) -> float:
    """Factor of the sum of squared weights of hidden layers."""
    return float(trial.suggest_categorical("l2", PENALTIES))


def batch_norm(trial: Suggest) -> bool:
    """Whether a batch normalisation follows each hidden layer's activation."""
    return bool(trial.suggest_categorical("batch_norm", (False, True)))


def augmentation(trial: Suggest) -> str:
    """How training images are varied at random."""
    return str(trial.suggest_categorical("augmentation", AUGMENTATIONS))


def optimizer(trial: Suggest) -> str:
    """Keras's name of the optimiser, at its defaults but for the learning rate."""
    return str(trial.suggest_categorical("optimizer", OPTIMIZERS))


def learning_rate(trial: Suggest, high: float = 0.1) -> float:
    """Step size of the optimiser; of its first epoch where a schedule lowers it."""
    return trial.suggest_float("learning_rate", 1e-5, high, log=True)


def schedule(trial: Suggest) -> str:
    """How the learning rate goes over the epochs."""
    return str(trial.suggest_categorical("schedule", SCHEDULES))


def batch_size(trial: Suggest) -> int:
    """Images, or pairs of them, per step."""
    return int(trial.suggest_categorical("batch_size", BATCH_SIZES))


# Rates at which each optimiser usually trains well: those of its authors, but SGD's and Adagrad's for networks that are
# normalised, and Adadelta's, whose Keras default hardly moves.
USUAL_RATES: Mapping[Choice, float] = {
    "sgd": 0.05,
    "adam": 1e-3,
    "rmsprop": 1e-3,
    "adagrad": 0.02,
    "adadelta": 1.0,
    "nadam": 1e-3,
    "adamw": 1e-3,
}
_BELIEFS: Mapping[str, Belief] = {
    "activation": Mostly({"relu": 3, "gelu": 3, "elu": 2, "tanh": 1, "sigmoid": 0.3}),
    "units_1": Around(256, spread=0.25),
    "filters_1": Around(32, spread=0.25),
    "dropout": Around(0.25, spread=0.2),
    "conv_dropout": Around(0.15, spread=0.2),
    "l1": Mostly({0.0: 10, 1e-6: 4, 1e-5: 3, 1e-4: 1, 1e-3: 0.2, 1e-2: 0.05}),
    "l2": Mostly({0.0: 6, 1e-6: 4, 1e-5: 4, 1e-4: 3, 1e-3: 0.6, 1e-2: 0.1}),
    "batch_norm": Mostly({True: 4, False: 1}),
    "augmentation": Mostly({"none": 3, "flip": 2, "shift": 1, "rotation": 1, "zoom": 1, "flip+shift": 1, "all": 0.5}),
    "optimizer": Mostly({"adam": 3, "adamw": 3, "nadam": 3, "rmsprop": 2, "sgd": 1.5, "adagrad": 0.7, "adadelta": 0.5}),
    "learning_rate": Around(USUAL_RATES, spread=0.12, of="optimizer"),
    "schedule": Mostly({"cosine": 3, "constant": 1}),
}
# Dense layers fall in width, convolutions rise.
_FOLLOWING = {"units": 0.5, "filters": 2.0}


def belief(name: str) -> Belief | None:
    """Return where good values of a hyperparameter usually lie; None where nothing is believed."""
    found = re.fullmatch(r"(units|filters)_(\d+)", name)
    if found and name not in _BELIEFS:
        kind, layer = found[1], int(found[2])
        return Around(_FOLLOWING[kind], spread=0.12, of=f"{kind}_{layer - 1}")
    return _BELIEFS.get(name)
