"""The page itself: what was gathered, put into a template and into a file."""

import base64
import re
import time
import webbrowser
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any, Final

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray
from optuna.storages import RDBStorage
from plotly.offline import get_plotlyjs
from rich.console import Console

from models.data.names import shortened
from search.analysis.paired import Judged
from search.output import comparison, confirmed_table, suggestions, told
from search.output.progress import say
from search.output.tables import Sheet, cell, exact
from search.policies.pruners.halving import ladder
from search.problem.settings import Place
from search.report import gathering
from search.report.differing import address
from search.report.gathering import Gathered, Section, by_class
from search.store import results
from search.store.results import Result, Summary
from search.system import atomic_files, library_output, next_commands
from search.system.wording import counted

BYTE: Final = 256
# How a file begins that may be written over: it can be made again.
MARK: Final = "<!doctype html>\n<!-- python -m search report -->\n"


def report(place: Place, names: Sequence[str], out: Path, *, open_browser: bool) -> int:
    """Write the page about these studies, or all. Raises `UsageError` where the file is none to write over."""
    began = time.monotonic()
    require_ours(out)
    console = Console(stderr=True)
    library_output.libraries()
    # In a notebook it would take widgets.
    with console.status("reading ...") if console.is_terminal else nullcontext():
        gathered = gathering.gather(place, names)
        text = render(gathered)
    write(out, text)
    for problem in gathered.problems:
        say(console, problem)
    print(f"{out}: {_count(gathered)}, {len(text.encode()) / 1e6:.1f} MB in {time.monotonic() - began:.1f} s")
    if open_browser:
        webbrowser.open(out.absolute().as_uri())
    return 0


def _count(gathered: Gathered) -> str:
    trials, of = sum(len(section.trials) for section in gathered.sections), len(gathered.sections)
    return f"{of} {'study' if of == 1 else 'studies'}, {counted(trials, 'trial')}"


def of_study(store: RDBStorage, name: str) -> str:
    """Return the page about one study, without what its networks said of the images."""
    return render(gathering.of_study(store, name))


def require_ours(out: Path) -> None:
    """Raise `UsageError` where something else is in the way."""
    atomic_files.require_ours(out, lambda head: head.startswith(MARK.encode()), "report")


def write(out: Path, text: str) -> None:
    """Put the file there whole, or leave what was there. Raises `UsageError`."""
    with atomic_files.placed(out) as fresh:
        fresh.write_text(text, "utf-8")


def render(gathered: Gathered) -> str:
    """Return the page as HTML."""
    summaries = [section.summary for section in gathered.sections]
    rows = [row for section in gathered.sections for row in section.reproductions]
    boards = comparison.leaderboards(summaries, wide=True)
    return MARK + _environment().get_template("page.html").render(
        gathered=gathered,
        when=datetime.now().astimezone(),
        leaderboards=list(zip(boards, gathered.leads, gathered.overviews, strict=True)),
        against=comparison.against_reports(rows),
        notes=[*comparison.notes(summaries, rows), *([comparison.CHANCE] if any(gathered.leads) else [])],
        data=data(gathered),
        plotly=get_plotlyjs(),
        style=_file("page.css"),
        script=_file("page.js"),
    )


def _environment() -> Environment:
    """Return what templates are found by, and what they can call."""
    environment = Environment(
        loader=PackageLoader("search.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"cell": cell, "exact": exact, "address": address, "fitting": fitting}
    environment.globals |= {
        "again": suggestions.again,
        "compare": next_commands.lasting("compare", "FIRST", "SECOND"),
        "by_class": by_class,
        "choice_of": choice_of,
        "confirmed": confirmed_table.table,
        "intervals": confirmed_table.INTERVALS,
        "trials_of": trials_of,
    }
    return environment


def fitting(text: str) -> str:
    """Return a text in which no word is too long for a column."""
    return re.sub(r"\S+", lambda word: shortened(word[0]), text)


def _file(name: str) -> str:
    return resources.files("search.report").joinpath(name).read_text("utf-8")


def data(gathered: Gathered) -> dict[str, Any]:
    """Return what the page's script draws and compares: charts, and every network's predictions."""
    judged = [one for section in gathered.sections for one in section.judged.values()]
    kinds: list[Judged] = []
    for one in judged:
        if not any(one.same_images(kind) for kind in kinds):
            kinds.append(one)
    return {
        "charts": _named_figures(gathered),
        "images": [{"classes": list(kind.class_names), "labels": _packed(kind, kind.labels)} for kind in kinds],
        "trials": {
            one.name: {
                "images": next(place for place, kind in enumerate(kinds) if one.same_images(kind)),
                "predictions": _packed(one, one.predictions),
            }
            for one in judged
        },
        "compared": _compared(gathered),
        "sentences": {f"{one} {other}": pairing.sentences() for (one, other), pairing in gathered.pairings.items()},
    }


def _named_figures(gathered: Gathered) -> dict[str, Any]:
    # No study's name has a space.
    overviews = {
        f"overview {place}-{chart.name}": chart.figure
        for place, overview in enumerate(gathered.overviews)
        for chart in overview
    }
    return overviews | {
        f"{section.summary.name}-{chart.name}": chart.figure
        for section in gathered.sections
        for chart in section.charts
        if chart.figure
    }


def _compared(gathered: Gathered) -> list[str]:
    """Return what is compared when the page is opened: the best of two studies, or of one, and another of it."""
    if gathered.pairings:
        return list(next(iter(gathered.pairings)))
    bests = [section.best.name for section in gathered.sections if section.best]
    for section in gathered.sections:
        there = [name for name in (*bests, *section.judged) if name in section.judged]
        if there:
            return [*dict.fromkeys(there), *there][:2]
    return []


def _packed(judged: Judged, classes: NDArray[np.int64]) -> str:
    """Return class numbers in base64: a byte each, or two where there are more classes than one can tell."""
    return base64.b64encode(classes.astype("<u1" if len(judged.class_names) <= BYTE else "<u2").tobytes()).decode()


def choice_of(section: Section) -> Sheet | None:
    """Return the Pareto set of a study; None where it has one objective."""
    numbers = section.summary.pareto
    found = {trial.number: trial for trial in section.trials if trial.number in numbers}
    return comparison.choice(section.summary, [found[number] for number in numbers]) if numbers else None


def trials_of(section: Section) -> Sheet:
    """Return a row a trial."""
    metrics = (goal.metric for goal in section.summary.goals)
    came = any(trial.source not in ("", *results.BEGAN) for trial in section.trials)
    columns = ("trial", "state", *(["source", "rung"] if came else []), *metrics, "test", "epochs", "seconds", "what")
    rows = [
        (
            trial.number,
            # A page is there for longer than whoever searches.
            told.marked(trial, section.summary, driver=""),
            *([trial.source, _rung(trial, section.summary)] if came else []),
            trial.value,
            *(trial.metrics.get(cost.metric) for cost in section.summary.costs),
            trial.metrics.get("test_accuracy"),
            trial.epochs,
            None if trial.seconds is None else round(trial.seconds),
            told.what(trial),
        )
        for trial in section.trials
    ]
    return Sheet("", columns, rows)


def _rung(trial: Result, summary: Summary) -> str:
    """Return how many of the rungs a trial has come to at which trials are compared, and how many there are."""
    rungs = ladder(trial.budget or summary.settings["epochs"]).rungs
    return f"{sum(rung <= trial.epochs for rung in rungs)}/{len(rungs)}"
