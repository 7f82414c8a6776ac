"""The process that our search is measured against: it trains a list of configurations, and does nothing else.

python -m benchmarks.raw JOBS.json --by fit|family --cache FOLDER --out FILE.json, as `benchmarks.fixed` writes it.

It imports no more than it needs to train: neither Optuna nor MLflow.
"""

import argparse
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, cast

import models
from models.classifier import Classifier
from models.data import Images, load
from models.family import Family
from search.workers.worker import Given

By = Literal["fit", "family"]


def main() -> None:
    """Train the list, and write the validation accuracies and the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("jobs", type=Path)
    parser.add_argument("--by", choices=("fit", "family"), required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    case = json.loads(given.jobs.read_text("utf-8"))
    given.out.write_text(json.dumps(train(case, given.by, given.cache)), "utf-8")


def train(case: Mapping[str, Any], by: By, cache: Path) -> dict[str, list[Any]]:
    """Return by configuration validation accuracies, when it began and ended, and test accuracy where asked for."""
    from models import runtime

    if by == "family":
        runtime.configure(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    images = load(cache=cache, images=case["images"])
    found: dict[str, list[Any]] = {"values": [], "begins": [], "ends": [], "tests": []}
    for configuration, seed in zip(case["configurations"], case["seeds"], strict=True):
        runtime.release()
        family = models.family(case["family"]).suggest(Given(configuration["parameters"]))
        network = _build(cast(Classifier, family), images, seed, by)
        # The first begins when all is imported, as it does in our workers.
        found["begins"].append(time.time())
        found["values"].append(_values(cast(Classifier, family), network, images, configuration, seed, by))
        found["ends"].append(time.time())
        if case["judge"]:
            found["tests"].append(family.evaluate(network, images, "test").metrics["accuracy"])
    return found


def _build(family: Classifier, images: Images, seed: int, by: By) -> Any:
    if by == "family":
        return cast(Family, family).build(images.shape, seed)
    from benchmarks import plain

    return plain.build(family, images.shape, seed)


def _values(
    family: Classifier, network: Any, images: Images, configuration: Mapping[str, Any], seed: int, by: By
) -> list[float]:
    if by == "family":
        epochs = family.fit(network, images, epochs=configuration["epochs"], seed=seed)
        return [float(metrics["val_accuracy"]) for metrics in epochs]
    import keras

    from benchmarks import plain

    patience = configuration["patience"]
    stopping = [keras.callbacks.EarlyStopping(patience=patience)] if patience else []
    return plain.fit(network, family, images, epochs=configuration["epochs"], callbacks=stopping)["val_accuracy"]


if __name__ == "__main__":
    main()
