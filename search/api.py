"""The same from Python, as in a notebook: `from search import Study; Study("lenet5").run(trials=20).best`."""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from os import environ
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, Self, TypedDict, Unpack

import optuna
import pandas as pd
from jinja2 import Environment
from optuna.storages import RDBStorage
from typer.exceptions import TyperException

from models import metrics
from models.data import DataError, keep
from models.data.given import FORMS
from models.family import Choice
from models.naming import hint
from search import cli
from search.analysis import predictions
from search.analysis.paired import Pairing
from search.analysis.predictions import Unreadable
from search.cli import refusals
from search.driver.opening import require_writable
from search.output import comparison, told
from search.output.tables import Cell, cell
from search.problem.settings import Baselines, EngineName, Place, PrecisionChoice, Pruner, Sampler, check_name
from search.report import writing
from search.report.differing import address
from search.store import claims, results, storage
from search.store.results import Result
from search.system import library_output, next_commands, surroundings
from search.system.errors import UsageError
from search.system.signals import Stopped

# As `Stopped` says of Ctrl-C, and of the button that interrupts a notebook.
INTERRUPTED = 130
_FLAG = re.compile(r"--(?P<name>[a-z][a-z-]*)(?: (?P<value>[^\s;:,`][^\s;:`]*))?(?=[\s;:,.)]|$)")
_HTML = Environment(autoescape=True).from_string(
    """<p><b>{{ title }}</b></p>
<div style="display: flex; flex-wrap: wrap; gap: 1.5rem; align-items: flex-start">
{% for rows in tables %}
<table>
{% for name, value in rows %}<tr><th style="text-align: left">{{ name }}</th><td>{{ value }}</td></tr>
{% endfor %}
</table>
{% endfor %}
{% if picture %}<img src="{{ picture }}" alt="confusion matrix on the test images" style="max-width: 34rem">{% endif %}
</div>"""
)


class Options(TypedDict, total=False):
    """What `python -m search run` takes, by the same names; a time is a number of seconds, or as in `30m`.

    Images may be arrays, as for Keras: (x, y), or ((x_train, y_train), (x_test, y_test)) as its data sets come.
    """

    family: str
    trials: int
    epochs: int
    images: int
    data: str | Path | Sequence[Any]
    objective: str
    max_parameters: int
    max_seconds_per_epoch: float
    fix: Mapping[str, Choice]
    baselines: Baselines
    sampler: Sampler
    pruner: Pruner
    seed: int
    patience: int
    weights: str | Path
    repeats: bool
    keep: int
    timeout: float | str
    trial_timeout: float | str
    workers: int | Literal["auto"]
    precision: PrecisionChoice
    engine: EngineName


@dataclass(frozen=True)
class Trial:
    """One trial: its numbers, and where its run and its network are."""

    result: Result
    place: Place

    @property
    def metrics(self) -> Mapping[str, float]:
        """Its final metrics: those of the best epoch."""
        return self.result.metrics

    @property
    def parameters(self) -> Mapping[str, Choice]:
        """Its hyperparameters."""
        return self.result.parameters

    @property
    def model(self) -> str:
        """The address of its network, for `mlflow.keras.load_model`; empty where it left none, or that was removed."""
        return self.result.model

    @property
    def confusion(self) -> pd.DataFrame:
        """Counts of the test images, by what they are (down) and what they were taken for (across)."""
        with _about(self.place), predictions.opened(self.place) as tracker:
            judged = predictions.judged(tracker, self.result)
        names = list(judged.class_names)
        counts = metrics.confusion_counts(judged.labels, judged.predictions, len(names))
        return pd.DataFrame(counts, pd.Index(names, name="is"), pd.Index(names, name="taken for"))

    def against(self, other: "Trial") -> Pairing:
        """Return both beside each other, image by image. Raises `UsageError` where they judged other images."""
        with _about(self.place):
            return predictions.against_first(self.place, [self.result, other.result])[0]

    def __repr__(self) -> str:
        test = self.metrics.get("test_accuracy")
        with storage.reading(self.place.storage) as store:
            driver = claims.searcher(self.place.home, store, self.result.study)
        words = [f"{self.result.name}: {told.state(self.result, driver)}", self.result.reason]
        words += [f"best {cell(self.result.value)}" if self.result.value is not None else ""]
        return ", ".join(filter(None, [*words, f"test {cell(test)}" if test is not None else ""]))

    def _repr_html_(self) -> str:
        tables = [list(_cells(self.metrics)), list(_cells(self.parameters))]
        return _HTML.render(title=repr(self), tables=tables, picture=self._matrix())

    def _matrix(self) -> str:
        """Return the picture of its confusion matrix; empty where it cannot be read."""
        if not predictions.has_judged(self.result):
            return ""
        try:
            with predictions.opened(self.place) as tracker:
                return address(predictions.picture(tracker, self.result, "confusion/test.png"))
        except (Unreadable, UsageError):
            return ""


class Study:
    """A study in a home folder, by default `mlruns` or what `SEARCH_HOME` says; it need not have begun yet."""

    def __init__(
        self,
        name: str,
        *,
        home: str | Path | None = None,
        storage: str | None = None,
        tracking_uri: str | None = None,
    ) -> None:
        self.name = check_name(name)
        known = home or environ.get("SEARCH_HOME")
        self.place = Place.at(
            Path(known) if known else None,
            storage or environ.get("OPTUNA_STORAGE"),
            tracking_uri or environ.get("MLFLOW_TRACKING_URI"),
        )
        given = {"home": self.place.home if home else None, "storage": storage, "tracking-uri": tracking_uri}
        self._where = [word for name, value in given.items() if value for word in (f"--{name}", str(value))]

    def run(self, **options: Unpack[Options]) -> Self:
        """Begin the study, or continue it. Raises `UsageError`, and `SearchError` where the search had to stop."""
        words = ["run", "--study", self.name, *self._where]
        for name, value in options.items():
            words += self._words(name, value)
        try:
            # What may be given, and what is said where it may not, is the command line's; runs say what was typed.
            with _typed(words), surroundings.unraised():
                cli.app(words, standalone_mode=False)
        except TyperException as error:
            raise UsageError(_in_python(refusals.words(error))) from None
        except (UsageError, DataError) as error:
            raise type(error)(_in_python(str(error))) from error
        except Stopped as stopped:
            raise KeyboardInterrupt if stopped.exit_code == INTERRUPTED else SystemExit(stopped.exit_code) from None
        return self

    def _words(self, name: str, value: object) -> Iterator[str]:
        """Yield an option as it is typed. Raises `UsageError` where there is none of this name."""
        if name not in Options.__annotations__:
            there = ", ".join(Options.__annotations__)
            raise UsageError(f"run() takes no {name!r}{hint(name, Options.__annotations__)}; it takes {there}")
        if isinstance(value, bool):
            yield f"--{name}" if value else f"--no-{name}"
            return
        if name == "data" and value is not None and not isinstance(value, str | Path):
            value = self._kept(value)
        timed = name.endswith("timeout") and isinstance(value, int | float)
        for text in _texts(f"{value}s" if timed else value):
            yield from (f"--{name.replace('_', '-')}", text)

    def _kept(self, given: object) -> Path:
        """Put arrays into the home, where the study is gone on with, trained again and exported from."""
        if not isinstance(given, tuple | list):
            raise UsageError(f"data is of the type {type(given).__name__}; give {FORMS}")
        require_writable(self.place.home)
        return keep(given, self.place.home / "data")

    @contextmanager
    def _reading(self) -> Iterator[RDBStorage]:
        with _about(self.place), storage.reading(self.place.storage) as store:
            yield store

    @property
    def best(self) -> Trial:
        """The best complete trial. Raises `SearchError` where there is none yet."""
        with self._reading() as store:
            return Trial(results.named(store, self.name), self.place)

    @property
    def pareto(self) -> list[Trial]:
        """The trials between which one has to choose, where there are two objectives; best by the first one first."""
        with self._reading() as store:
            study = storage.load(store, self.name)
            found = results.pareto(study, results.summary(study))
        return [Trial(result, self.place) for result in found]

    def __getitem__(self, number: int) -> Trial:
        """Return the trial of this number. Raises `UsageError` where there is none."""
        with self._reading() as store:
            return Trial(results.one(store, f"{self.name}/{number}"), self.place)

    def __iter__(self) -> Iterator[Trial]:
        """Go through all trials, in the order of their numbers."""
        with self._reading() as store:
            found = results.results(storage.load(store, self.name))
        return iter([Trial(result, self.place) for result in found])

    @property
    def trials(self) -> pd.DataFrame:
        """A row a trial that has begun: state, value, final metrics, hyperparameters."""
        with storage.reading(self.place.storage) as store:
            driver = claims.searcher(self.place.home, store, self.name)
        found = [trial.result for trial in self]
        rows = [
            {
                "state": told.state(trial, driver),
                "value": trial.value,
                "epochs": trial.epochs,
                "seconds": trial.seconds,
            }
            | dict(trial.metrics)
            | dict(trial.parameters)
            for trial in found
        ]
        table = pd.DataFrame(rows, pd.Index([trial.number for trial in found], name="trial"))
        return table.astype(_types(rows))

    @property
    def optuna(self) -> optuna.Study:
        """The study as Optuna has it, for every chart of `optuna.visualization`."""
        library_output.libraries()
        with self._reading() as store:
            return storage.load(store, self.name)

    def report(self, out: str | Path = "report.html") -> Path:
        """Write `python -m search report` about this study, and return the file."""
        with _about(self.place), surroundings.unraised():
            writing.report(self.place, [self.name], Path(out), open_browser=False)
        return Path(out)

    def __repr__(self) -> str:
        return f"Study({self.name!r}, home={str(self.place.home)!r})"

    def _repr_html_(self) -> str | None:
        try:
            with self._reading() as store:
                (sheet,) = comparison.leaderboards([results.summary(storage.load(store, self.name))], wide=True)
        except UsageError:
            # It has not begun: its name is all there is to show.
            return None
        found = zip(("data", *sheet.columns), (sheet.title, *sheet.rows[0]), strict=True)
        rows = [(name, cell(value)) for name, value in found]
        return _HTML.render(title=repr(self), tables=[rows], picture="")


def _types(rows: Sequence[Mapping[str, object]]) -> dict[str, str]:
    """Return the types of columns of whole numbers, and of yes and no, which pandas spoils where one is missing."""
    kinds: dict[str, set[type]] = {}
    for row in rows:
        for name, value in row.items():
            if value is not None:
                kinds.setdefault(name, set()).add(type(value))
    nullable = {int: "Int64", bool: "boolean"}
    return {name: nullable[kind] for name, found in kinds.items() for kind in nullable if found == {kind}}


def _texts(value: object) -> Iterator[str]:
    """Yield an option's value as it is typed: once, or once for each that is pinned."""
    match value:
        case None:
            return
        case Mapping():
            yield from (f"{name}={choice}" for name, choice in value.items())
        case _:
            yield str(value)


@contextmanager
def _typed(words: Sequence[str]) -> Iterator[None]:
    """Let this process look as if it had been started with these words.

    Workers begin with the main module of the process that began them: a script would search in each of them again.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        with next_commands.typed(words):
            yield
    finally:
        sys.modules["__main__"] = main


def _about(place: Place) -> AbstractContextManager[None]:
    """Let the commands that are told be about this place."""
    words = {"--home": str(place.home), "--storage": place.storage, "--tracking-uri": place.tracking_uri}
    return next_commands.typed([word for flag in words.items() for word in flag])


def _in_python(text: str) -> str:
    """Return what is said of options as it is written in Python; commands, in backticks, are for a shell."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else _FLAG.sub(_option, part) for part in parts)


def _option(found: re.Match[str]) -> str:
    name = found["name"].replace("-", "_")
    return f"{name}={found['value']}" if found["value"] else name


def _cells(found: Mapping[str, Choice]) -> Iterator[tuple[str, str]]:
    for name, value in found.items():
        shown: Cell = value if isinstance(value, str | float | int) and not isinstance(value, bool) else str(value)
        yield name, cell(shown)
