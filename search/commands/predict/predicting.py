"""`predict`: the classes of pictures, however many, and how sure the model is of them."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Final, TextIO

import numpy as np
from rich.console import Console

from models.data import DataError
from models.data.asked import Batch, Source, sources
from search.commands.predict import answers, loading, progress
from search.commands.predict.answers import Answer, Format
from search.commands.predict.loading import Ready
from search.output import tables
from search.output.progress import duration, say
from search.problem.settings import Place
from search.registry import named
from search.system import atomic_files, library_output, signals, streams
from search.system.errors import UsageError
from search.system.wording import counted

# So many pictures that cannot be read are named; of the others there is their number.
NAMED: Final = 20


@dataclass
class Tally:
    """What has come of it so far: images that were asked about, and which of them stand out."""

    asked: int = 0
    inverted: int = 0
    unreadable: int = 0
    labelled: int = 0
    right: int = 0


def predict(
    name: str, place: Place, paths: Sequence[str], out: Path | None, output: Format | None, trusted: str | None
) -> int:
    """Write the answers to stdout, or into a file; 1 where a picture could not be read, while the others were.

    Raises `UsageError`, `DataError` and `SearchError`, and `Stopped` where a signal asked to stop: whatever is raised,
    a file that was there before is as it was.
    """
    console = Console(stderr=True)
    library_output.libraries()
    if out is not None:
        _require_free(out, paths)
    asked = sources(paths)
    total = sum(source.count for source in asked)
    with signals.heeded(), named.opened(name, place, trusted) as kept, ExitStack() as stack:
        ready = loading.classifier(console, kept, "predict")
        _require_known(asked, ready)
        tally, began = Tally(), time.monotonic()
        stream = stack.enter_context(_opened(out))
        # Lines that are printed on the same terminal show by themselves how it goes on.
        quietly = stream is sys.stdout and stream.isatty()
        show = (lambda _: None) if quietly else stack.enter_context(progress.shown(console, total))
        # Whoever read it may have seen enough, as `head` has.
        told = takewhile(lambda _: streams.heard(stream), answered(console, ready, asked, tally, show))
        answers.write(told, stream, output or ("csv" if out else "text"), ready.class_names, tables.console().width)
        stream.flush()
        if not streams.heard(stream):
            return 0
    _conclude(console, ready, tally, time.monotonic() - began, out)
    return 1 if tally.unreadable else 0


def _require_free(out: Path, paths: Sequence[str]) -> None:
    if any(Path(path).resolve() == out.resolve() for path in paths):
        raise UsageError(f"--out {out}: this is what the model is asked about; name another file")
    atomic_files.require_ours(out, lambda head: not head or head.startswith(answers.MARKS), "table of predictions")


def _require_known(asked: Sequence[Source], ready: Ready) -> None:
    """Raise `DataError` where images are of classes that the model does not know."""
    known = len(ready.class_names)
    for source in asked:
        if source.labels is not None and int(source.labels.max()) >= known:
            raise DataError(
                f"labels go up to {source.labels.max()}, and {ready.kept.name} knows {known} classes; choose "
                "another model, or leave the labels out of the file"
            )


@contextmanager
def _opened(out: Path | None) -> Iterator[TextIO]:
    if out is None:
        yield sys.stdout
        return
    with atomic_files.placed(out) as fresh, fresh.open("w", encoding="utf-8", newline="") as stream:
        yield stream


def answered(
    console: Console, ready: Ready, asked: Sequence[Source], tally: Tally, show: Callable[[int], None]
) -> Iterator[Answer]:
    """Ask about batch after batch, and yield what is answered about each image."""
    for source in asked:
        for batch in source.batches(ready.predictor.frame):
            for why in batch.unreadable[: max(NAMED - tally.unreadable, 0)]:
                say(console, why)
            yield from _judged(ready, batch, tally)
            show(tally.asked + tally.unreadable)


def _judged(ready: Ready, batch: Batch, tally: Tally) -> Iterator[Answer]:
    tally.asked += len(batch.names)
    tally.inverted += batch.inverted
    tally.unreadable += len(batch.unreadable)
    if not batch.names:
        return
    with loading.told():
        ranking = ready.predictor.rank(batch.images)
    if batch.labels is not None:
        tally.labelled += len(batch.labels)
        tally.right += int(np.sum(ranking.classes[:, 0] == batch.labels))
    yield from zip(batch.names, ranking.named(ready.class_names), strict=True)


def _conclude(console: Console, ready: Ready, tally: Tally, seconds: float, out: Path | None) -> None:
    written = f", in {out}" if out else ""
    rate = tally.asked / max(seconds, 1e-9)
    took = duration(seconds) if seconds > 10 else f"{seconds:.1f} s"
    say(console, f"{counted(tally.asked, 'image')} in {took}, {rate:,.0f} a second{written}")
    if tally.labelled:
        say(console, f"accuracy {tally.right / tally.labelled:.4f} on the {tally.labelled:,} whose class is known")
    if tally.inverted:
        ground, other = ("light", "dark") if ready.predictor.frame.dark else ("dark", "light")
        say(console, f"{tally.inverted:,} negated: shown on {ground}, where training images are on {other}")
    if tally.unreadable:
        say(console, f"{tally.unreadable:,} could not be read, and are left out")
