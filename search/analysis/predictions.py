"""What the runs of trials keep of how their networks judged images."""

import io
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

import tracking
from models import metrics
from search.analysis.paired import Judged, Pairing, pair
from search.problem.settings import Place
from search.system import next_commands
from search.system.errors import SearchError, UsageError
from search.system.redaction import redacted
from tracking import Tracker, TrackingError

if TYPE_CHECKING:
    from search.store.results import Result

Splits = Literal["validation", "test"]
# Of each image: its class, what it was taken for, and how sure that was.
COLUMNS: Final = 3
# How a picture's file begins and ends that is whole.
_PNG: Final = (b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82")


class Unreadable(SearchError):
    """What a run was to keep is missing, or damaged: whatever else there is can be gone on with."""


def against_first(
    place: Place, results: "Sequence[Result]", passed: Callable[[Unreadable], None] | None = None
) -> list[Pairing]:
    """Return the first trial beside each of the others, on the test images. Raises `UsageError`.

    `passed` is told of each trial of which that cannot be read, and which is left out; without it, it is raised.
    """
    if len(results) < 2:
        raise UsageError(f"{results[0].name} alone cannot be compared; give a second trial, as STUDY/NUMBER")
    found: dict[str, Judged] = {}
    with opened(place) as tracker:
        for result in results:
            try:
                found[result.name] = judged(tracker, result)
            except Unreadable as error:
                if passed is None:
                    raise
                passed(error)
    first, *others = (found.get(result.name) for result in results)
    return [pair(first, other) for other in others if first and other]


@contextmanager
def opened(place: Place) -> Iterator[Tracker]:
    """Lend a tracker to read, which must be there. Raises `UsageError`."""
    with closing(there(tracking.open_existing(place.tracking_uri, place.artifacts), place)) as tracker:
        yield tracker


def there(tracker: Tracker | None, place: Place) -> Tracker:
    """Return a tracker that was opened where there is one. Raises `UsageError` where there is none."""
    if tracker is None:
        named = redacted(place.tracking_uri)
        raise UsageError(f"--tracking-uri {named}: there are no runs; give the one that the search was given")
    return tracker


def has_judged(result: "Result") -> bool:
    """Whether a trial's network was asked about the test images."""
    return bool(result.run) and "test_accuracy" in result.metrics


def judged(tracker: Tracker, result: "Result") -> Judged:
    """Return what a trial's network said of each test image.

    Raises `UsageError` where it was never asked, and `Unreadable` where that is lost.
    """
    if not has_judged(result):
        why = f": {result.reason}" if result.reason else ""
        raise UsageError(
            f"{result.name} has judged no images ({result.state.lower()}{why}); choose one that is complete, see "
            f"`{next_commands.command('show', result.study)}`"
        )
    return of_run(tracker, result.run, result.name, result.study)


def of_run(tracker: Tracker, run: str, name: str, study: str, split: Splits = "test") -> Judged:
    """Return what the network of a run of a study said of each image, under the name that people know it by.

    Raises `Unreadable`.
    """
    try:
        counts = tracker.read(run, f"confusion/{split}.json")
        return parsed(name, counts, tracker.read(run, f"predictions/{split}.csv"))
    except (TrackingError, ValueError) as error:
        raise _lost(f"what {name} said of the {split} images", study, error) from error


def parsed(name: str, counts: bytes, predictions: bytes) -> Judged:
    """Return what stands in both files of a split. Raises `ValueError` where one is damaged, or not of the other."""
    try:
        about = json.loads(counts)
        names, counted = list(map(str, about["class_names"])), np.array(about["counts"], dtype=np.int64)
        rows = _rows(predictions)
    # What a file that is torn or of another kind makes JSON and NumPy raise.
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(f"the counts or the predictions in its run are damaged ({error})") from error
    labels, answers = rows[:, :2].T.astype(np.int64)
    # A class that there is not would be counted as another one.
    known = np.isin(rows[:, :2], np.arange(len(names))).all()
    if not known or not np.array_equal(metrics.confusion_counts(labels, answers, len(names)), counted):
        raise ValueError("the counts in its run are not those of the predictions there: one of them is damaged")
    return Judged(name, names, labels, answers, rows[:, 2])


def _rows(predictions: bytes) -> NDArray[np.float64]:
    """Return a label, an answer and its confidence for each image, (n, 3)."""
    _, _, lines = predictions.decode().partition("\n")
    rows = np.loadtxt(io.StringIO(lines), delimiter=",", ndmin=2) if lines.strip() else np.empty((0, COLUMNS))
    if not len(rows) or rows.shape[1] != COLUMNS or not np.isfinite(rows).all():
        raise ValueError("no predictions")
    return rows


def picture(tracker: Tracker, result: "Result", name: str) -> bytes:
    """Return a picture of a trial's run, as a PNG file. Raises `Unreadable`."""
    try:
        return whole(tracker.read(result.run, name))
    except (TrackingError, ValueError) as error:
        raise _lost(f"{name} of {result.name}", result.study, error) from error


def whole(png: bytes) -> bytes:
    """Return the picture. Raises `ValueError` where it is cut short, or none."""
    begin, end = _PNG
    if not (png.startswith(begin) and png.endswith(end)):
        raise ValueError("the file in its run is damaged")
    return png


def _lost(what: str, study: str, error: Exception) -> Unreadable:
    return Unreadable(
        f"{what} is missing or damaged: {error}; `{next_commands.command('doctor', study)}` says what else is"
    )
