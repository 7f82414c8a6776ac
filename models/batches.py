"""How many examples are judged at once."""

import math
from typing import Final

# As many as have so many values together: 1,000 images of 28x28.
VALUES: Final = 784_000
MOST: Final = 1_000


def evaluation_batch(shape: tuple[int, ...]) -> int:
    """Return the size of a batch of examples of this shape, such as (height, width, channels)."""
    return max(1, min(MOST, VALUES // math.prod(shape)))
