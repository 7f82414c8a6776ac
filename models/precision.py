"""What networks compute in while they are trained: float32, or bfloat16 where a machine is faster at it.

Variables, losses and the moments of optimisers are float32 either way (Micikevicius et al. 2018), and so is what is
judged at the end and kept: not every machine on which a model is used has bfloat16.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

Precision = Literal["float32", "bfloat16"]
_POLICIES: Final = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


@contextmanager
def computing(precision: Precision) -> Iterator[None]:
    """Let layers that are made meanwhile compute in `precision`."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(_POLICIES[precision])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
