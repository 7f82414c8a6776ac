"""Configurations from which a search may well begin: what textbooks advise, at sizes for small images.

No report has figures of them. They are tried after the reports' best, and then are trials like any other.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from models.family import Choice

# Batch normalisation (Ioffe and Szegedy 2015), dropout (Srivastava et al. 2014), Adam at its authors' rate (Kingma and
# Ba 2015) falling along a cosine (Loshchilov and Hutter 2017).
ADVISED: Mapping[str, Choice] = {
    "activation": "relu",
    "l1": 0.0,
    "l2": 0.0,
    "batch_norm": True,
    "augmentation": "none",
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "schedule": "cosine",
    "batch_size": 128,
}


@dataclass(frozen=True)
class Start:
    """A configuration and what it is in a few words."""

    label: str
    parameters: Mapping[str, Choice]


_OF: Mapping[str, Start] = {
    "mlp": Start(
        "512 and 256 units, batch normalisation, dropout, cosine schedule",
        {**ADVISED, "depth": 2, "units_1": 512, "units_2": 256, "dropout": 0.3},
    ),
    "lenet5": Start(
        "LeCun's strides, batch normalisation, dropout, flips, cosine schedule",
        {
            **ADVISED,
            "filters_1": 32,
            "filters_2": 64,
            "kernel_size": 5,
            "pool_stride": 2,
            "depth": 2,
            "units_1": 256,
            "units_2": 128,
            "conv_dropout": 0.2,
            "dropout": 0.4,
            "augmentation": "flip",
        },
    ),
    "cnn": Start(
        "three convolutions, batch normalisation, dropout, flips, cosine schedule",
        {
            **ADVISED,
            "depth": 3,
            "filters_1": 32,
            "filters_2": 64,
            "filters_3": 128,
            "convolutions": 1,
            "kernel_size": 3,
            "padding": "valid",
            "dense_depth": 1,
            "units_1": 128,
            "dropout": 0.4,
            "augmentation": "flip",
            "batch_size": 64,
        },
    ),
    "siamese": Start(
        "all pairs of a batch, few equal ones, batch normalisation, flips, cosine schedule",
        {
            **ADVISED,
            "depth": 2,
            "units_1": 512,
            "units_2": 256,
            "embedding_size": 64,
            "dropout": 0.2,
            "margin": 1.0,
            "pairing": "in_batch",
            "equal_pairs": 0.03,
            "augmentation": "flip",
        },
    ),
    "resnet50": Start(
        "256 units on the features of 64x64 pixels, batch normalisation, dropout, cosine schedule",
        {
            **{name: value for name, value in ADVISED.items() if name != "augmentation"},
            "preprocessing": "imagenet",
            "image_size": 64,
            "depth": 1,
            "units_1": 256,
            "dropout": 0.4,
        },
    ),
}


def of(family: str) -> Start | None:
    """Return the configuration for a family; none for one that is not known here."""
    return _OF.get(family)
