"""Who writes a study: one process at a time, and who that is."""

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TextIO

from search.system.errors import UsageError

# For so long a lock is asked for: `holder` may have it for an instant.
_PATIENCE = 0.5
_PAUSE = 0.05


@contextmanager
def alone(home: Path, study: str) -> Iterator[None]:
    """Keep every other process from writing a study. The lock goes with the process, however that ends."""
    file = _file(home, study)
    with _opened(file) as lock:
        if not _taken(lock):
            raise UsageError(
                f"study {study} is being searched by {_named(lock)}; wait for it, stop it, or name another --study"
            )
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {socket.gethostname()} since {datetime.now():%Y-%m-%d %H:%M:%S}")
        lock.flush()
        yield


def holder(home: Path, study: str) -> str:
    """Say which process writes a study now; empty where none does, or nobody can tell. Changes nothing."""
    try:
        with _file(home, study).open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _named(lock)
    # Nobody has ever written it from this home, or the file is somebody else's.
    except OSError:
        return ""
    return ""


def _opened(file: Path) -> TextIO:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return file.open("a+")
    except OSError as error:
        raise UsageError(
            f"{file} cannot be written ({error.strerror}): here one may only look; make the home writable, or give "
            "another --home"
        ) from error


def _file(home: Path, study: str) -> Path:
    return home / "locks" / f"{study}.lock"


def _taken(lock: TextIO) -> bool:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(_PAUSE)
        else:
            return True


def _named(lock: TextIO) -> str:
    lock.seek(0)
    return lock.read().strip() or "another process"
