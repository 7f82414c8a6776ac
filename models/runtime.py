"""Keras's and TensorFlow's own settings, made once in a process before anything is computed.

What a person has set for them elsewhere decides nothing here: numbers depend on the project's settings alone.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Final

from models.family import Unavailable

# How variables begin by which Keras, TensorFlow and their compilers compute otherwise, or end a training early.
DECIDING: Final = ("KERAS_", "TF_", "TF2_", "XLA_", "DNNL_", "ONEDNN_")
# Those of them that say how much is told, where files are, and what a GPU lends: a person's.
PERSONAL: Final = ("KERAS_HOME", "TF_CPP_", "TF_GPU_", "TF_FORCE_GPU_")
# What Keras is, unless told otherwise.
BACKEND: Final = "tensorflow"
USUAL: Final = {"backend": BACKEND, "float": "float32", "epsilon": 1e-7, "images": "channels_last", "limit": None}


def begin() -> None:
    """Import Keras and TensorFlow as they are by themselves. Raises `Unavailable` where Keras is here, and is not."""
    if "keras" not in sys.modules:
        for name in list(os.environ):
            if name.startswith(DECIDING) and not name.startswith(PERSONAL):
                del os.environ[name]
        os.environ["KERAS_BACKEND"] = BACKEND
        with _no_file():
            # It reads its settings now, once.
            import_module("keras")
    if (found := _settings()) != USUAL:
        differing = ", ".join(f"{name} {value}" for name, value in found.items() if value != USUAL[name])
        raise Unavailable(
            f"Keras was set otherwise in this process before ({differing}), and results would not be those of another "
            "search; leave --engine inline (engine=) out, so that processes of their own train"
        )


@contextmanager
def _no_file() -> Iterator[None]:
    """Let Keras find no `keras.json`, and write none."""
    home = os.environ.get("KERAS_HOME")
    os.environ["KERAS_HOME"] = os.devnull
    try:
        yield
    finally:
        del os.environ["KERAS_HOME"]
        if home is not None:
            os.environ["KERAS_HOME"] = home


def _settings() -> dict[str, object]:
    import keras

    config = keras.config
    return {
        "backend": config.backend(),
        "float": config.dtype_policy().name if config.floatx() == "float32" else config.floatx(),
        "epsilon": config.epsilon(),
        "images": config.image_data_format(),
        "limit": config.max_epochs() or config.max_steps_per_epoch(),
    }


def configure(threads: int) -> None:
    """Compute on `threads` cores, and the same bits every time. Raises `Unavailable` where that is too late.

    Measured on two cores, an epoch of a fully connected network with and without determinism: 1.7 s and 1.7 s.
    """
    # Keras as well: a worker imports while there is nothing to train yet.
    begin()
    import tensorflow as tf

    for gpu in tf.config.list_physical_devices("GPU"):
        # Not all of its memory at once: another worker may compute on it, too.
        tf.config.experimental.set_memory_growth(gpu, True)
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError as error:
        raise Unavailable(
            "TensorFlow has computed in this process before, and takes no settings any more; leave --engine inline "
            "(engine=) out, so that processes of their own train"
        ) from error
    tf.config.experimental.enable_op_determinism()


def gpus() -> tuple[tuple[int, int], ...]:
    """Return the compute capability of each GPU that TensorFlow sees; (0, 0) where a GPU has none."""
    import tensorflow as tf

    found = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    return tuple(details.get("compute_capability") or (0, 0) for details in found)


def seed(value: int) -> None:
    """Make initial weights, dropout and augmentation of the networks built from here on a function of `value`."""
    import keras

    keras.utils.set_random_seed(value % 2**32)


def release() -> None:
    """Let go of the graphs of networks that are not used any more."""
    # Where Keras was never imported there are none, and importing it takes seconds.
    if "keras" in sys.modules:
        import keras

        keras.backend.clear_session()
