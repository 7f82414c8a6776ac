"""Labelled images: where they come from, how they are split, and what identifies them.

    images = load("fashion-mnist", cache=home / "cache")

Nothing here imports TensorFlow.
"""

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
    "keep",
    "load",
    "open_shared",
    "share",
    "shared_place",
    "summary",
]
