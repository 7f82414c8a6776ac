"""`nearest`: the training images that a Siamese network finds most like a picture, as report A showed them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from models import retrieval
from models.data import DataError, Split
from models.data.asked import Batch, Source, sources
from search.commands.predict import gallery, loading
from search.commands.predict.loading import Ready
from search.output import tables
from search.output.progress import say
from search.output.tables import Cell, Sheet, TableFormat
from search.problem.settings import Place
from search.registry import named
from search.store import storage
from search.system import atomic_files, library_output, signals
from search.system.errors import UsageError
from tracking.pictures import Found

# Rows of one sheet.
MOST: Final = 50
COLUMNS: Final = ("image", "rank", "class", "distance", "position")
# How a PNG begins that was drawn, and is no photograph.
PNG, DRAWN = b"\x89PNG", b"Matplotlib"


@dataclass(frozen=True, eq=False)
class Nearest:
    """Pictures by name, as the network takes them (q, height, width, channels), and what is nearest to each.

    `positions` among the training images and their `distances` are (q, k), nearest first.
    """

    names: Sequence[str]
    images: NDArray[np.uint8]
    positions: NDArray[np.int64]
    distances: NDArray[np.float32]


def nearest(
    name: str, place: Place, paths: Sequence[str], k: int, out: Path, output: TableFormat, trusted: str | None
) -> int:
    """Print the nearest training images of each picture, and draw them into a file; 1 where one could not be read.

    Raises `UsageError`, `DataError` and `SearchError`.
    """
    console = Console(stderr=True)
    library_output.libraries()
    atomic_files.require_ours(out, lambda head: head.startswith(PNG) and DRAWN in head, "sheet of nearest images")
    asked = sources(paths)
    _require_few(asked)
    with (
        signals.heeded(),
        storage.if_there(place.storage) as store,
        named.opened(name, place, trusted, store) as kept,
    ):
        ready = loading.embedder(console, kept)
        batches = [batch for source in asked for batch in source.batches(ready.predictor.frame)]
        unreadable = _say_unreadable(console, batches)
        train = gallery.training_images(kept, place, store)
        with loading.told():
            embeddings = gallery.embeddings(console, ready, train, place.home)
            images = np.concatenate([batch.images for batch in batches])
            found = _found([name for batch in batches for name in batch.names], images, embeddings, ready, k)
    _print(found, train, ready, output)
    with atomic_files.placed(out) as fresh:
        fresh.write_bytes(_drawn(found, train, ready))
    say(console, f"drawn in {out}")
    return 1 if unreadable else 0


def _require_few(asked: Sequence[Source]) -> None:
    count = sum(source.count for source in asked)
    if count > MOST:
        raise UsageError(f"{count:,} pictures are too many for one sheet; give {MOST} or fewer")


def _say_unreadable(console: Console, batches: Sequence[Batch]) -> int:
    """Say which pictures cannot be read, and return how many. Raises `DataError` where that is all."""
    unreadable = [why for batch in batches for why in batch.unreadable]
    for why in unreadable:
        say(console, why)
    if not any(batch.names for batch in batches):
        raise DataError("none of the pictures can be read; give others")
    return len(unreadable)


def _found(
    names: Sequence[str], images: NDArray[np.uint8], embeddings: NDArray[np.float32], ready: Ready, k: int
) -> Nearest:
    queries = ready.predictor.numbers(images)
    positions = retrieval.nearest(queries, embeddings, k)
    distances = np.linalg.norm(embeddings[positions] - queries[:, np.newaxis], axis=2)
    return Nearest(names, images, positions, distances)


def _print(found: Nearest, train: Split, ready: Ready, output: TableFormat) -> None:
    rows = list(_rows(found, train, ready))
    if output == "json":
        tables.as_json([dict(zip(COLUMNS, row, strict=True)) for row in rows])
        return
    note = f"positions count the {len(train):,} training images of {ready.kept.data}, from 0"
    tables.sheets([Sheet(f"nearest training images by {ready.title}", COLUMNS, rows)], [note], output)


def _rows(found: Nearest, train: Split, ready: Ready) -> Iterator[tuple[Cell, ...]]:
    for (query, column), position in np.ndenumerate(found.positions):
        label = ready.class_names[int(train.labels[position])]
        yield found.names[query], column + 1, label, float(found.distances[query, column]), int(position)


def _drawn(found: Nearest, train: Split, ready: Ready) -> bytes:
    from tracking import figures

    sheet = Found(
        queries=found.images,
        names=[Path(name).name for name in found.names],
        neighbours=np.asarray(train.images[found.positions]),
        labels=np.asarray(train.labels[found.positions]),
        distances=found.distances,
        class_names=ready.class_names,
        title=f"{ready.kept.name}: nearest training images",
    )
    return figures.png(sheet.draw)
