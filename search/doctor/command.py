"""A visit of the doctor: look, and where that is asked for mend, look again, and say what remains."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from optuna.storages import RDBStorage
from rich.console import Console

from search.doctor import budget, contents, leftovers, links, networks, reading, states, stores
from search.doctor.findings import Finding
from search.doctor.snapshot import Snapshot, Tools
from search.driver import opened
from search.driver.opened import Stores
from search.output import tables
from search.output.progress import say
from search.problem.settings import Place
from search.store import claims, storage
from search.store.study import Study
from search.system import library_output, next_commands
from search.system.errors import SearchError, UsageError
from tracking import Tracker
from tracking.engines.memory import MemoryTracker

Format = Literal["text", "json"]
CHECKS: tuple[Callable[[Snapshot], Iterator[Finding]], ...] = (
    links.check,
    states.check,
    contents.check,
    networks.check,
    budget.check,
    leftovers.check,
)
# What is mended may show what was hidden by it: a run that is delivered can be looked into.
ROUNDS = 5
# Seconds for which one mended thing may take to reach the tracker.
PATIENCE = 60.0


class Copies:
    """Copies of both databases, made once, before anything is changed."""

    def __init__(self, console: Console, place: Place) -> None:
        self._console, self._place = console, place
        self._made: Path | None = None

    def make(self) -> None:
        """Make them, unless they are made."""
        if self._made is None:
            self._made = stores.back_up(self._place)
            say(self._console, f"copies of the databases as they were: {self._made}")


@contextmanager
def _readable() -> Iterator[None]:
    """Whatever cannot be read is for a person to mend first."""
    try:
        yield
    except SearchError as error:
        raise UsageError(str(error)) from error


def visit(study: str | None, place: Place, *, fix: bool, abandon: bool, output: Format) -> int:
    """Look after one study or all, and print what is found: 0 where nothing remains to be mended, else 1."""
    _require_sense(place, fix=fix, abandon=abandon)
    console = Console(stderr=True)
    library_output.libraries()
    named = study is not None
    with _readable():
        found = list(stores.check(place))
    if fix:
        with opened.to_write(place) as both:
            names = _names(study, both.store)
            found = _treat(console, names, both, found, abandon=abandon, named=named)
    else:
        with _readable(), reading.to_read(place) as (store, tracker):
            names = _names(study, store)
            found += _look(console, names, place, store, tracker, named=named)
    _print(found, names, output)
    return 0 if all(finding.repaired for finding in found) else 1


def _require_sense(place: Place, *, fix: bool, abandon: bool) -> None:
    """Raise `UsageError` where what is asked for says two things, or there can be nothing to look at."""
    if abandon and not fix:
        raise UsageError(
            f"--abandon changes what is there; give --fix with it, as in `{next_commands.repeated('--fix')}`"
        )
    if place.tracking_uri == "memory:":
        raise UsageError("--tracking-uri memory: keeps nothing that could be looked at; give MLflow's address")


def _names(study: str | None, store: RDBStorage) -> list[str]:
    with _readable(), storage.told(store.url, outcome=""):
        return [study] if study else reading.names(store)


def _look(
    console: Console,
    names: Sequence[str],
    place: Place,
    store: RDBStorage,
    tracker: Tracker,
    *,
    named: bool,
    held: bool = False,
    abandon: bool = False,
) -> list[Finding]:
    """Read the studies, and return what is found in them. Changes nothing. `held`: their locks are held here.

    Of several that were not `named`, one that cannot be read is found to be so, and the others are looked at.
    """
    found: list[Finding] = []
    with _readable(), storage.told(store.url, outcome=""):
        for name in names:
            with console.status(f"looking at study {name}"):
                try:
                    found += examine(
                        reading.read(reading.opened(store, name, place), tracker, held=held, abandon=abandon)
                    )
                except UsageError as error:
                    if named:
                        raise
                    found.append(Finding("I12", name, None, f"passed over: {error}", "mend that, and look again"))
    return found


def examine(found: Snapshot) -> list[Finding]:
    """Return everything that is not as it should be, in the order in which it is mended."""
    return list(itertools.chain.from_iterable(check(found) for check in CHECKS))


def _treat(
    console: Console, names: Sequence[str], both: Stores, found: list[Finding], *, abandon: bool, named: bool
) -> list[Finding]:
    """Mend what can be mended, and return all that was found, with what became of it."""
    place = both.place
    copies = Copies(console, place)
    if any(finding.mend for finding in found):
        copies.make()
        _mend(found)
        found = _compared(found, list(stores.check(place)))
    for name in names:
        with ExitStack() as held:
            try:
                held.enter_context(claims.alone(place.home, place.storage, name, both.store))
            except UsageError as error:
                if named:
                    raise
                say(console, f"{error}; it is only looked at")
                found += _look(console, [name], place, both.store, _recorded(both), named=named)
            else:
                found += _cure(console, name, both, copies, abandon=abandon, named=named)
    return found


def _cure(console: Console, name: str, both: Stores, copies: Copies, *, abandon: bool, named: bool) -> list[Finding]:
    """Mend a study whose lock is held, round by round, until nothing is found that can be mended."""

    def look() -> list[Finding]:
        tracker = _recorded(both)
        return _look(console, [name], both.place, both.store, tracker, named=named, held=True, abandon=abandon)

    found = look()
    if not any(finding.mend for finding in found):
        return found
    copies.make()
    with console.status(f"mending study {name}"), reading.to_mend(both, name) as (study, tools):
        seen = _mend_in_rounds(study, tools, abandon=abandon)
        problem = tools.relay.problem
    if problem:
        say(console, problem)
    return _compared([*found, *(finding for finding in seen if finding not in found)], look())


def _mend_in_rounds(study: Study, tools: Tools, *, abandon: bool) -> list[Finding]:
    """Mend what is found until there is nothing left that can be, and return all that was found."""
    found: list[Finding] = []
    for _ in range(ROUNDS):
        seen = examine(reading.read(study, tools.tracker, held=True, abandon=abandon, tools=tools))
        found += [finding for finding in seen if finding not in found]
        if not any(finding.mend for finding in seen):
            break
        for finding in seen:
            _mend([finding])
            # One after the other: two that follow each other in the spool are two deliveries.
            tools.relay.settle(PATIENCE)
    return found


def _recorded(both: Stores) -> Tracker:
    return both.recorded() or MemoryTracker()


def _mend(found: Sequence[Finding]) -> None:
    for finding in found:
        if finding.mend:
            finding.mend()


def _compared(before: Sequence[Finding], after: Sequence[Finding]) -> list[Finding]:
    """Return what was found before, marked as repaired where it is not found any more, and what is new."""
    return [replace(finding, repaired=finding not in after) for finding in before] + [
        finding for finding in after if finding not in before
    ]


def _print(found: Sequence[Finding], studies: Sequence[str], output: Format) -> None:
    """Print what the doctor found, and what became of it or will."""
    if output == "json":
        tables.as_json([_finding_data(finding) for finding in found])
        return
    for finding in found:
        fate = "mended" if finding.repaired else "with --fix" if finding.mend else "for you"
        where = f" {finding.place}" if finding.place else ""
        tables.say(f"{finding.id}{where}: {finding.text} ({fate}: {finding.repair})")
    mended = sum(finding.repaired for finding in found)
    remain = f"{len(found)} found, {mended} mended, {len(found) - mended} remain" if found else "nothing is wrong"
    tables.say(f"{', '.join(studies) or 'no studies'}: {remain}")


def _finding_data(finding: Finding) -> dict[str, Any]:
    names = ("id", "study", "trial", "text", "repair", "repaired")
    return {name: getattr(finding, name) for name in names}
