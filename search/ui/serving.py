"""Serving applications on this machine alone, each on an address of its own, for as long as somebody looks."""

import errno
import signal
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import uvicorn

from search.store import links
from search.system.errors import SearchError, UsageError
from search.system.signals import Stop, Stopped, heeded
from search.ui.guard import Application

LOOPBACK = "127.0.0.1"
# Seconds within which a server begins, and within which answers under way have to end.
PATIENCE = 30.0


def listen(port: int) -> socket.socket:
    """Return a socket that listens on this port, or on a free one where another program has it."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # Not kept from it by connections that an earlier one has just closed.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((LOOPBACK, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            listening.bind((LOOPBACK, 0))
        else:
            listening.close()
            raise UsageError(f"port {port} of {LOOPBACK} cannot be listened on: {error.strerror}") from error
    listening.listen()
    return listening


def address(listening: socket.socket) -> str:
    """Return where a browser finds what is served on this socket."""
    return links.address(listening.getsockname()[1])


def hosts(listening: socket.socket) -> frozenset[str]:
    """Return what programs on this machine call that address."""
    port = listening.getsockname()[1]
    return frozenset({f"{LOOPBACK}:{port}", f"localhost:{port}"})


@contextmanager
def until_stopped() -> Iterator[Stop]:
    """Heed signals. Ctrl-C is how this is meant to end; `Stopped` is raised where another one ended it."""
    try:
        with heeded() as stop:
            yield stop
    except Stopped as stopped:
        if stopped.exit_code != 128 + signal.SIGINT:
            raise


@contextmanager
def served(applications: Sequence[tuple[Application, socket.socket]]) -> Iterator[None]:
    """Serve each application on its socket for as long as the context lasts."""
    servers = [
        uvicorn.Server(uvicorn.Config(application, log_config=None, lifespan="off", ws="none"))
        for application, _ in applications
    ]
    threads = [
        threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        for server, (_, listening) in zip(servers, applications, strict=True)
    ]
    for thread in threads:
        thread.start()
    try:
        _wait_for(servers)
        yield
    finally:
        for server in servers:
            server.should_exit = True
        for thread in threads:
            thread.join(PATIENCE)


def _wait_for(servers: Sequence[uvicorn.Server]) -> None:
    give_up = time.monotonic() + PATIENCE
    while not all(server.started for server in servers):
        if time.monotonic() > give_up:
            raise SearchError(f"a server did not begin to answer within {PATIENCE:.0f} s")
        time.sleep(0.02)
