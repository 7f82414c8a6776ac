"""What the page is made of, read from both stores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path
from typing import Final

from optuna.storages import RDBStorage

from models import metrics
from models.data import DataError, open_shared, shared_place
from search.analysis import predictions
from search.analysis.paired import Judged, Pairing, pair
from search.analysis.predictions import Unreadable
from search.output import comparison
from search.output.tables import Cell, Points, Sheet
from search.problem import baselines
from search.problem.settings import Place
from search.report import charts
from search.report.charts import Chart, Chosen
from search.report.differing import Differing, differing
from search.store import dashboard_notes, reproductions, results, storage
from search.store.against import margin
from search.store.reproductions import Reproduction
from search.store.results import Result, Summary
from search.system.wording import counted
from tracking import Tracker

# What the best trial's run has to show beside its numbers.
PICTURES: Final = {
    "curves.png": "Epochs of the best trial",
    "predictions/mistakes.png": "Its most confident mistakes",
    "nearest.png": "Test images, and the nearest training images to each",
}


@dataclass(frozen=True)
class Shown:
    """A picture, as a PNG file."""

    caption: str
    png: bytes


@dataclass(frozen=True)
class Section:
    """One study. `judged` are its trials by name, as far as their predictions can be read."""

    summary: Summary
    trials: Sequence[Result]
    reproductions: Sequence[Reproduction]
    charts: Sequence[Chart]
    judged: Mapping[str, Judged]
    pictures: Sequence[Shown]
    # After so many hours, the best value so far.
    steps: Sequence[tuple[float, float]] = ()

    @property
    def best(self) -> Judged | None:
        """What the best trial said of the test images."""
        return self.judged.get(self.summary.best.name) if self.summary.best else None


@dataclass(frozen=True)
class Gathered:
    """Everything, studies of the same images together. `problems` say what could not be read."""

    sections: Sequence[Section]
    pairings: Mapping[tuple[str, str], Pairing]
    differing: Differing | None
    problems: Sequence[str]

    @property
    def overviews(self) -> list[list[Chart]]:
        """For each set of images, how its studies stand, and how they came to that."""
        groups = comparison.by_images([section.summary for section in self.sections])
        sections = {section.summary.name: section for section in self.sections}
        return [_overview([sections[summary.name] for summary in group]) for group in groups]

    @property
    def leads(self) -> list[list[Pairing]]:
        """For each set of images, the best trial of its first study against those of the others."""
        groups = comparison.by_images([section.summary for section in self.sections])
        bests = [[summary.best.name for summary in group if summary.best] for group in groups]
        return [
            [self.pairings[first, other] for other in others if (first, other) in self.pairings]
            for first, *others in (names or [""] for names in bests)
        ]


def gather(place: Place, names: Sequence[str]) -> Gathered:
    """Read these studies, or all. Raises `UsageError`, and `SearchError` where the storage cannot be read."""
    problems: list[str] = []
    with storage.reading(place.storage) as store, predictions.opened(place) as tracker:

        def read(name: str) -> Section:
            return _with_runs(_section(store, name), tracker, problems)

        read_all = map(read, dict.fromkeys(names)) if names else results.each(store, read, problems.append)
        found = {section.summary.name: section for section in read_all}
    groups = comparison.by_images([section.summary for section in found.values()])
    sections = [found[summary.name] for group in groups for summary in group]
    bests = [section for section in sections if section.best]
    return Gathered(sections, _pairings(bests), _differing(place.home, bests, problems), problems)


def _overview(sections: Sequence[Section]) -> list[Chart]:
    chosen = [found for section in sections if (found := _chosen(section))]
    steps = {section.summary.name: section.steps for section in sections if section.steps}
    return [*([charts.verdict(chosen)] if chosen else []), *([charts.course(steps)] if steps else [])]


def _chosen(section: Section) -> Chosen | None:
    """Return what a study has come to; None where that was not judged, or nobody knows by how many images."""
    summary, against = section.summary, section.summary.against
    reported = against.reported if against and against.metric == "test_accuracy" else None
    if summary.confirmed:
        first = summary.confirmed["finalists"][0]
        how = f"{first['name']}, confirmed with {counted(first['seeds'], 'seed')}"
        return Chosen(summary.title, how, first["test_accuracy"], first["margin"], reported)
    test = summary.best.metrics.get("test_accuracy") if summary.best else None
    half = summary.test_margin
    if section.best:
        half = margin(float(section.best.right.mean()), len(section.best.labels))
    if summary.best is None or test is None or half is None:
        return None
    return Chosen(summary.title, f"{summary.best.name}, chosen by validation", test, half, reported)


def of_study(store: RDBStorage, name: str) -> Gathered:
    """Read what Optuna alone knows of a study: all but what its networks said of the images."""
    return Gathered([_section(store, name)], {}, None, [])


def _section(store: RDBStorage, name: str) -> Section:
    study = storage.load(store, name)
    summary, trials = results.everything(study)
    return Section(
        summary,
        trials,
        reproductions.of(study),
        charts.of_study(study, summary, _baseline(summary, trials)),
        judged={},
        pictures=(),
        steps=charts.steps(study, summary.goal),
    )


def _with_runs(section: Section, tracker: Tracker, problems: list[str]) -> Section:
    """Add what stands in the runs of a study's trials."""
    judged = {}
    for trial in section.trials:
        if predictions.has_judged(trial):
            try:
                judged[trial.name] = predictions.judged(tracker, trial)
            except Unreadable as error:
                problems.append(str(error))
    best = section.summary.best
    return replace(section, judged=judged, pictures=_pictures(tracker, best, problems) if best else ())


def _baseline(summary: Summary, trials: Sequence[Result]) -> int | None:
    """Return the trial that ran the report's best configuration."""
    row = baselines.best(summary.family)
    return next((trial.number for trial in trials if row and trial.baseline == row.name), None)


def _pictures(tracker: Tracker, best: Result, problems: list[str]) -> list[Shown]:
    wanted = [name for name in PICTURES if name != "nearest.png" or dashboard_notes.shows_nearest(best.metrics)]
    found = []
    for name in wanted:
        try:
            found.append(Shown(PICTURES[name], predictions.picture(tracker, best, name)))
        except Unreadable as error:
            problems.append(str(error))
    return found


def _pairings(bests: Sequence[Section]) -> dict[tuple[str, str], Pairing]:
    """Return every best trial beside every other that judged the same images."""
    pairings = {}
    for one, other in permutations([section.best for section in bests if section.best], 2):
        if one.same_images(other):
            pairings[one.name, other.name] = pair(one, other)
    return pairings


def _differing(home: Path, bests: Sequence[Section], problems: list[str]) -> Differing | None:
    """Show where the best networks differ that judged the same images: the first of which there are several."""
    groups: dict[str, list[Judged]] = {}
    for section in bests:
        groups.setdefault(section.summary.digest, []).extend([section.best] if section.best else [])
    digest, alike = next(((digest, group) for digest, group in groups.items() if len(group) > 1), ("", []))
    if not alike:
        return None
    try:
        images = open_shared(shared_place(digest, home / "cache"))
    except DataError as error:
        problems.append(f"the images on which the best networks differ are missing: {error}")
        return None
    return differing(alike, images.test.images)


def by_class(section: Section) -> Sheet | None:
    """Return the report's figures of each class beside those of the best trial; None where a report has none."""
    row, best = section.summary.reported, section.best
    if row is None or best is None:
        return None
    classes = [name for name in best.class_names if f"test_f1.{name}" in row.reported]
    if not classes:
        return None
    counts = metrics.confusion_counts(best.labels, best.predictions, len(best.class_names))
    ours = metrics.classification(counts, best.class_names)
    figures = ("precision", "recall", "f1")
    columns = tuple(f"{name}, {whose}" for name in figures for whose in ("report", best.name, "points"))
    rows: list[tuple[Cell, ...]] = []
    for name in classes:
        cells: list[Cell] = []
        for figure in figures:
            theirs, our = row.reported[f"test_{figure}.{name}"], ours.get(f"{figure}.{name}")
            cells += [theirs, our, None if our is None else Points(our - theirs)]
        rows.append((name, *cells))
    return Sheet(f"{row.title}, {row.label}", ("class", *columns), rows)
