"""Keeping what libraries print out of what a person reads, and in a file where it can be found."""

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# TensorFlow reads these when it is imported; its first lines ignore them and are caught by `redirect`.
ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "2", "ABSL_MIN_LOG_LEVEL": "2", "GRPC_VERBOSITY": "ERROR"}


def redirect(file: Path) -> None:
    """Send all that this process prints, native code included, to the end of a file."""
    os.environ.update(ENVIRONMENT)
    sys.stdout.flush()
    sys.stderr.flush()
    with file.open("ab", buffering=0) as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)


@contextmanager
def redirected(file: Path) -> Iterator[None]:
    """The same for a while."""
    file.parent.mkdir(parents=True, exist_ok=True)
    kept = [os.dup(1), os.dup(2)]
    redirect(file)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, copy in enumerate(kept, start=1):
            os.dup2(copy, number)
            os.close(copy)


def libraries() -> None:
    """Let Optuna, MLflow and their kind speak of errors only."""
    os.environ.update(ENVIRONMENT)
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    # For good: `catch_warnings` around a call would undo what other threads do to the filters, and they to its own.
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    for name in ("alembic", "mlflow", "absl", "tensorflow"):
        logging.getLogger(name).setLevel(logging.ERROR)
