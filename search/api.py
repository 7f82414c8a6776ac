"""The same from Python, as in a notebook: `from search import Study; Study("lenet5").run(trials=20).best`."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import environ
from pathlib import Path
from types import ModuleType
from typing import Any, Self, Unpack

import optuna
import pandas as pd
from optuna.storages import RDBStorage

from models.data import DataError, keep
from models.data.given import FORMS
from models.naming import hint
from search.commands import running
from search.notebook import showing
from search.notebook.trial import Trial, about
from search.output import comparison, told
from search.output.tables import cell
from search.problem.option import settings_of
from search.problem.parts import Options
from search.problem.settings import Place, Settings, check_name
from search.report import writing
from search.store import claims, results, storage
from search.system import disk, library_output, next_commands, surroundings
from search.system.errors import UsageError
from search.system.signals import Stopped

# As `Stopped` says of Ctrl-C, and of the button that interrupts a notebook.
INTERRUPTED = 130


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
        try:
            chosen: dict[str, object] = {name: value for name, value in options.items() if value is not None}
            # All that can be refused is, before arrays are written.
            _taken({name: value for name, value in chosen.items() if name != "data"})
            if not isinstance(chosen.get("data", ""), str | Path):
                chosen["data"] = self._kept(chosen["data"])
            settings, words = _taken(chosen)
            # Runs say what was typed.
            with _typed(["run", "--study", self.name, *self._where, *words]), surroundings.unraised():
                running.run(self.name, self.place, settings, "text")
        except (UsageError, DataError) as error:
            raise type(error)(showing.in_python(str(error))) from error
        except Stopped as stopped:
            raise KeyboardInterrupt if stopped.exit_code == INTERRUPTED else SystemExit(stopped.exit_code) from None
        return self

    def _kept(self, given: object) -> Path:
        """Put arrays into the home, where the study is gone on with, trained again and exported from."""
        if not isinstance(given, tuple | list):
            raise UsageError(f"data is of the type {type(given).__name__}; give {FORMS}")
        disk.require_writable(self.place.home)
        return keep(given, self.place.home / "data")

    @contextmanager
    def _reading(self) -> Iterator[RDBStorage]:
        with about(self.place), storage.reading(self.place.storage) as store:
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
        return table.astype(showing.types(rows))

    @property
    def optuna(self) -> optuna.Study:
        """The study as Optuna has it, for every chart of `optuna.visualization`."""
        library_output.libraries()
        with self._reading() as store:
            return storage.load(store, self.name)

    def report(self, out: str | Path = "report.html") -> Path:
        """Write `python -m search report` about this study, and return the file."""
        with about(self.place), surroundings.unraised():
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
        return showing.shown(repr(self), [rows])


def _taken(options: Mapping[str, object]) -> tuple[dict[str, Any], list[str]]:
    """Return settings by their names, None where they are not given, and the words that are typed for them."""
    known = settings_of(Settings)
    settings: dict[str, Any] = dict.fromkeys(known)
    typed: list[str] = []
    for name, value in options.items():
        if name not in known:
            raise UsageError(f"run() takes no {name!r}{hint(name, known)}; it takes {', '.join(known)}")
        settings[name], words = known[name].taken(value)
        typed += words
    return settings, typed


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
