"""Transfer learning: heads on features computed once, against the report's way through the frozen base every epoch.

Ten heads on ResNet50 for images of 32x32, at the report's 20 epochs. Ours is `python -m search run` in a new home, so
that the first head waits for the features. The report's way is measured for one epoch of each of these heads on a
fraction of the images, and **scaled linearly** to all images and epochs: it would take hours. The base's weights are
random here, which costs the same.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import models
from benchmarks import fixed, processes
from benchmarks.fixed import Case, Configuration
from benchmarks.table import Cell, Table, show
from models.classifier import Classifier
from models.data import Images, load
from models.family import Choice
from search.workers.worker import Given

if TYPE_CHECKING:
    import keras

COLUMNS = ("", "report's way: seconds", "ours: seconds", "report's way / ours")


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heads", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--images", type=int, default=12_000, help="take so many training images")
    parser.add_argument("--fraction", type=int, default=2_000, help="images for the report's way, then scaled")
    parser.add_argument("--json", type=Path, help="a file for the table")
    parser.add_argument("--whole", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.whole:
        # The process that trains through the frozen base.
        given.whole.write_text(json.dumps(_through_the_base(given.heads, given.fraction, given.whole.parent)), "utf-8")
        return
    with tempfile.TemporaryDirectory() as place:
        case = Case("heads", "resnet50", heads(given.heads, given.epochs), given.images, weights="none")
        measured = fixed.ours(case, Path(place) / "ours")
        epoch = _usual(given.heads, given.fraction, Path(place))
    usual = [seconds * given.images / given.fraction * given.epochs for seconds in epoch]
    show(_table(given, measured, usual), given.json)


def heads(count: int, epochs: int) -> tuple[Configuration, ...]:
    """Return the report's head, and others on the same features."""
    fed: dict[str, Choice] = {"preprocessing": "scaled", "image_size": 32, "batch_size": 32}
    row = fixed.rows("resnet50", "B4/23", epochs=epochs)
    return (*row, *fixed.drawn("resnet50", count - 1, epochs, **fed))


def _table(given: argparse.Namespace, measured: fixed.Measured, usual: list[float]) -> Table:
    """Compare the report's own head, which is the first, those after it, and all."""
    ends = sorted(measured.ends)
    others = max(1, len(ends) - 1)
    later, usual_later = (ends[-1] - ends[0]) / others, sum(usual[1:]) / others
    rows: list[tuple[Cell, ...]] = [
        ("first head, features and start included", usual[0], ends[0], usual[0] / ends[0]),
        ("each head after it", usual_later, later, usual_later / later),
        (f"all {given.heads}", sum(usual), measured.seconds, sum(usual) / measured.seconds),
    ]
    notes = (
        f"{given.epochs} epochs on {given.images:,} images, random weights",
        (
            f"the report's way: one epoch of each head on {given.fraction:,} images, the second of two, scaled "
            "linearly; without its start, and without the base's part in judging it on test images"
        ),
    )
    return Table("ResNet50: heads on cached features", COLUMNS, tuple(rows), notes)


def _usual(count: int, fraction: int, place: Path) -> list[float]:
    out = place / "whole.json"
    words = ["--whole", str(out), "--heads", str(count), "--fraction", str(fraction)]
    processes.run_well(processes.python("benchmarks.resnet50", *words), place / "printed.log")
    return [float(seconds) for seconds in json.loads(out.read_text("utf-8"))]


def _through_the_base(count: int, fraction: int, folder: Path) -> list[float]:
    """Return for each head the seconds of an epoch of base and head, validation included, as Keras trains them."""
    from models.pretrained import Extractor

    images = load(cache=folder / "cache", images=fraction)
    base = Extractor(32, "scaled").network(images.shape, "none")
    return [_epoch(base, head, images) for head in heads(count, epochs=2)]


def _epoch(base: "keras.Model", configuration: Configuration, images: Images) -> float:
    import keras

    from benchmarks import plain

    family = cast(Classifier, models.family("resnet50").suggest(Given(configuration.parameters)))
    head = cast(Any, family).build(images.shape, 0)
    network = keras.Model(base.input, head(base.output))
    network.compile(
        optimizer=family.optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False
    )
    # The first epoch also compiles.
    plain.fit(network, family, images, epochs=2, stop=1)
    began = time.perf_counter()
    plain.fit(network, family, images, epochs=2, start=1)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
