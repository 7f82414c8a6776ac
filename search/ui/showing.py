"""`python -m search ui`: MLflow's user interface and the Optuna dashboard, side by side, until Ctrl-C."""

import socket
import threading
import webbrowser
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager

import optuna
from optuna.storages import RDBStorage
from rich.console import Console

import tracking
from search.analysis import predictions
from search.output.progress import say
from search.problem.settings import Place
from search.store import links, storage
from search.system import library_output
from search.system.errors import UsageError
from search.ui import dashboard
from search.ui.guard import Application, Guard
from search.ui.serving import address, hosts, listen, served, until_stopped
from tracking import Tracker, databases

# Of more studies than these, the list of all experiments leads to the runs.
MOST_NAMED = 5


def show(place: Place, *, mlflow_port: int, dashboard_port: int, open_browser: bool, writable: bool) -> int:
    """Serve both, say where, and wait to be stopped: 0 after Ctrl-C, which is how it is meant to end."""
    if place.tracking_uri == "memory:":
        raise UsageError("--tracking-uri memory: keeps nothing that could be looked at; give MLflow's address")
    only_looking = not databases.can_be_written(place.home)
    if writable and only_looking:
        raise UsageError(f"--writable: {place.home} cannot be written; leave it out to look")
    console = Console(stderr=True)
    library_output.libraries()
    if only_looking:
        say(console, f"{place.home} cannot be written: what is shown is how it is now, and stays so")
    with until_stopped(), storage.reading(place.storage) as store:
        say(console, "starting ...")
        _serve(console, place, store, (mlflow_port, dashboard_port), open_browser=open_browser, writable=writable)
    return 0


def _serve(
    console: Console,
    place: Place,
    store: RDBStorage,
    ports: tuple[int, int],
    *,
    open_browser: bool,
    writable: bool,
) -> None:
    with (
        predictions.opened(place) as tracker,
        _interfaces(place, store, tracker, ports, writable=writable) as (mlflow, dashboards),
    ):
        addresses = (links.experiments(mlflow), f"{dashboards}/dashboard")
        _print_addresses(console, addresses, _newest(store, tracker, mlflow))
        say(console, "Only this machine reaches what is served here. Ctrl-C stops it.")
        for shown in addresses if open_browser else ():
            webbrowser.open(shown)
        threading.Event().wait()


@contextmanager
def _interfaces(
    place: Place, store: RDBStorage, tracker: Tracker, ports: tuple[int, int], *, writable: bool
) -> Iterator[tuple[str, str]]:
    """Serve both, and lend the addresses of MLflow's, which a server may have of its own, and of the dashboard."""
    with ExitStack() as stack:
        trials = stack.enter_context(closing(listen(ports[1])))
        runs = None if place.tracking_uri.startswith("http") else stack.enter_context(closing(listen(ports[0])))
        moved = _moved({links.DASHBOARD_PORT: trials} | ({links.MLFLOW_PORT: runs} if runs else {}))
        dashboards = dashboard.application(store, tracker)
        served_here: list[tuple[Application, socket.socket]] = [
            (Guard(dashboards, hosts(trials), read_only=not writable, moved=moved), trials)
        ]
        if runs:
            mlflow = stack.enter_context(tracking.user_interface(place.tracking_uri, place.artifacts, hosts(runs)))
            served_here.append((Guard(mlflow, hosts(runs), moved=moved), runs))
        stack.enter_context(served(served_here))
        yield address(runs) if runs else links.mlflow(place.tracking_uri), address(trials)


def _moved(usual: Mapping[int, socket.socket]) -> dict[str, str]:
    """Return what is served elsewhere than usual: where links in the stores lead, and where it is."""
    now = {links.address(port): address(listening) for port, listening in usual.items()}
    return {before: after for before, after in now.items() if before != after}


def _print_addresses(console: Console, addresses: tuple[str, str], newest: Mapping[str, str]) -> None:
    for what, shown in (
        ("MLflow, runs and what they hold", addresses[0]),
        *((f"  the runs of {name}", shown) for name, shown in newest.items()),
        ("Optuna dashboard, studies, trials", addresses[1]),
    ):
        # An address is never broken: it is there to be clicked.
        console.print(f"{f'{what}:':<34}  {shown}", highlight=False, markup=False, soft_wrap=True)


def _newest(store: RDBStorage, tracker: Tracker, shown_at: str) -> dict[str, str]:
    """Return the studies that were begun last, and where MLflow shows their runs."""
    names = optuna.get_all_study_names(store)[-MOST_NAMED:]
    found = ((name, tracker.experiment_id(name), tracker.experiment_tags(name)) for name in names)
    return {name: links.runs(shown_at, experiment, tags or {}) for name, experiment, tags in found if experiment}
