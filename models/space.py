"""Hyperparameters that several families share: the same name, range and meaning in each."""

from models.family import Suggest

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
