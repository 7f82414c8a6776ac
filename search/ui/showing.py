"""`python -m search ui`: MLflow's user interface and the Optuna dashboard, side by side, until Ctrl-C."""

import signal
import socket
import threading
import webbrowser
from contextlib import ExitStack, closing

from optuna.storages import RDBStorage
from rich.console import Console

import tracking
from search import judgements, links, quiet, storage
from search.errors import UsageError
from search.progress import say
from search.settings import Place
from search.signals import Stopped, heeded
from search.ui import dashboard
from search.ui.guard import Application, Guard
from search.ui.serving import listen, served


def show(place: Place, *, mlflow_port: int, dashboard_port: int, open_browser: bool, writable: bool) -> int:
    """Serve both, say where, and wait to be stopped: 0 after Ctrl-C, which is how it is meant to end."""
    if place.tracking_uri == "memory:":
        raise UsageError("--tracking-uri memory: keeps nothing that could be looked at; give MLflow's address")
    console = Console(stderr=True)
    quiet.libraries()
    try:
        with storage.reading(place.storage) as store, heeded():
            say(console, "starting ...")
            _serve(console, place, store, (mlflow_port, dashboard_port), open_browser=open_browser, writable=writable)
    except Stopped as stopped:
        if stopped.exit_code != 128 + signal.SIGINT:
            raise
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
    of_mlflow = links.mlflow(place.tracking_uri)
    with ExitStack() as stack:
        tracker = stack.enter_context(judgements.opened(place.tracking_uri))
        sockets = [stack.enter_context(closing(listen(port))) for port in ports]
        runs, trials = (links.address(listening.getsockname()[1]) for listening in sockets)
        served_here = of_mlflow == links.address(links.MLFLOW_PORT)
        runs = runs if served_here else of_mlflow
        usual = {of_mlflow: runs, links.address(links.DASHBOARD_PORT): trials}
        moved = {before: after for before, after in usual.items() if before != after}
        applications: list[tuple[Application, socket.socket]] = [
            (
                Guard(dashboard.application(store, tracker), _hosts(trials), read_only=not writable, moved=moved),
                sockets[1],
            )
        ]
        if served_here:
            hosts = _hosts(runs)
            mlflow = tracking.user_interface(place.tracking_uri, hosts)
            applications.append((Guard(mlflow, hosts, moved=moved), sockets[0]))
        stack.enter_context(served(applications))
        say(console, f"MLflow, runs and what they hold:    {runs}")
        say(console, f"Optuna dashboard, studies, trials:  {trials}/dashboard")
        say(console, "Only this machine can reach them. Ctrl-C stops both.")
        if open_browser:
            for address in (runs, f"{trials}/dashboard"):
                webbrowser.open(address)
        threading.Event().wait()


def _hosts(address: str) -> frozenset[str]:
    """Return what a browser on this machine calls an address."""
    port = address.rpartition(":")[2]
    return frozenset({f"127.0.0.1:{port}", f"localhost:{port}"})
