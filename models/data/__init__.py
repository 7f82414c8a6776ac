"""Labelled images: where they come from, how they are split, and what identifies them.

    images = load("fashion-mnist", cache=home / "cache")

Nothing here imports TensorFlow.
"""

from models.data import fashion_mnist
from models.data.given import keep
from models.data.images import DataError, Images, Shape, Split, Summary, summary
from models.data.loading import load
from models.data.sharing import open_shared, share, shared_place

__all__ = [
    "DataError",
    "Images",
    "Shape",
    "Split",
    "Summary",
    "is_cut_out",
    "keep",
    "load",
    "open_shared",
    "share",
    "shared_place",
    "summary",
    "test_images",
]


def test_images(source: str) -> int | None:
    """Return how many test images a source has of which that is known without looking."""
    return fashion_mnist.TEST_IMAGES if source == fashion_mnist.NAME else None


def is_cut_out(name: str) -> bool:
    """Whether the things on these images were cut out of their photographs, as they were for Fashion-MNIST."""
    return name == fashion_mnist.NAME
