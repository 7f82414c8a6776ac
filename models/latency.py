"""How long a network takes to answer."""

import time
from statistics import median
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

if TYPE_CHECKING:
    from keras import Model as Network

# The first calls trace the network and fill caches.
WARM_UP = 10
FEWEST, MOST = 20, 200
SECONDS = 1.0


def milliseconds(network: "Network", images: NDArray[Any]) -> float:
    """Return the median time for one image alone, (1, ...) of `images`, as somebody waits for it who shows just one.

    For a small network that is mostly what TensorFlow takes for a call, whatever is called.
    """
    import tensorflow as tf

    answer = tf.function(lambda image: network(image, training=False), autograph=False)
    image = tf.constant(images[:1])
    taken: list[float] = []
    began = time.perf_counter()
    while len(taken) < WARM_UP + FEWEST or (len(taken) < WARM_UP + MOST and time.perf_counter() - began < SECONDS):
        called = time.perf_counter()
        answer(image).numpy()
        taken.append(time.perf_counter() - called)
    return 1000 * median(taken[WARM_UP:])
