"""TensorFlow's own settings, made once in a process before it computes anything."""

import sys


def configure(threads: int) -> None:
    """Compute on `threads` cores, and the same bits every time.

    Measured on two cores, an epoch of a fully connected network with and without determinism: 1.7 s and 1.7 s.
    """
    # Keras as well: a worker imports while there is nothing to train yet.
    import keras  # noqa: F401  # see above
    import tensorflow as tf

    for gpu in tf.config.list_physical_devices("GPU"):
        # Not all of its memory at once: another worker may compute on it, too.
        tf.config.experimental.set_memory_growth(gpu, True)
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
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
