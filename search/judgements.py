"""What the runs of trials keep of how their networks judged images."""

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Literal

import numpy as np

import tracking
from search import advice
from search.addresses import redacted
from search.errors import UsageError
from search.pairing import Judged, Pairing, pair
from search.results import Result
from search.settings import Place
from tracking import Tracker


def against_first(place: Place, results: Sequence[Result]) -> list[Pairing]:
    """Return the first trial beside each of the others, on the test images. Raises `UsageError`."""
    if len(results) < 2:
        raise UsageError(f"{results[0].name} alone cannot be compared; give a second trial, as STUDY/NUMBER")
    with opened(place) as tracker:
        first, *others = (judged(tracker, result) for result in results)
    return [pair(first, other) for other in others]


@contextmanager
def opened(place: Place) -> Iterator[Tracker]:
    """Lend a tracker to read, which must be there. Raises `UsageError`."""
    tracker = tracking.open_existing(place.tracking_uri, place.artifacts)
    if tracker is None:
        named = redacted(place.tracking_uri)
        raise UsageError(f"--tracking-uri {named}: there are no runs; give the one that the search was given")
    with closing(tracker):
        yield tracker


def has_judged(result: Result) -> bool:
    """Whether a trial's network was asked about the test images."""
    return bool(result.run) and "test_accuracy" in result.metrics


def judged(tracker: Tracker, result: Result, split: Literal["validation", "test"] = "test") -> Judged:
    """Return what a trial's network said of each image of a split. Raises `UsageError` where it was never asked."""
    if not has_judged(result):
        why = f": {result.reason}" if result.reason else ""
        raise UsageError(
            f"{result.name} has judged no images ({result.state.lower()}{why}); choose one that is complete, see "
            f"`{advice.command('show', result.study)}`"
        )
    return of_run(tracker, result.run, result.name, split)


def of_run(tracker: Tracker, run: str, name: str, split: Literal["validation", "test"] = "test") -> Judged:
    """Return what the network of a run said of each image of a split, under the name that people know it by."""
    names = json.loads(tracker.read(run, f"confusion/{split}.json"))["class_names"]
    rows = np.loadtxt(io.BytesIO(tracker.read(run, f"predictions/{split}.csv")), delimiter=",", skiprows=1, ndmin=2)
    return Judged(
        name=name,
        class_names=names,
        labels=rows[:, 0].astype(np.int64),
        predictions=rows[:, 1].astype(np.int64),
        confidence=rows[:, 2],
    )
