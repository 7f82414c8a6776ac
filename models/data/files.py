"""Folders that several processes fill: one writes while the others wait, and nobody sees half a file."""

import fcntl
import logging
import os
import shutil
import tempfile
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

UNFINISHED = ".unfinished-"
# What NumPy, its parsers and the libraries below raise for a file that is missing, of another kind, encrypted, cut
# short, or wrong in a single bit: even the tokenizer of Python has a say, since headers of arrays are parsed by it.
UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    TypeError,
    SyntaxError,
    OverflowError,
    RuntimeError,
    MemoryError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
    tokenize.TokenError,
)

log = logging.getLogger(__name__)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Be the only process at work in `folder`, which is created where needed. A killed holder lets go."""
    # The folder around it may be the home of a search, and new, too: `parents` alone would open that to everybody.
    for new in (folder.parent, folder):
        new.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("waiting for another process that is at work in %s", folder)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def workplace(folder: Path) -> Iterator[Path]:
    """Lend an empty folder inside `folder`, to fill and to move things out of. Only under `locked(folder)`."""
    for abandoned in folder.glob(f"{UNFINISHED}*"):  # by a process that was killed: whoever lives holds the lock
        shutil.rmtree(abandoned)
    place = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=folder))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def at_home(path: str) -> Path:
    """Return `path` with `~` replaced, where somebody's home is known: in a container it may not be."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def keras_home() -> Path:
    """Return the folder in which Keras keeps what it has downloaded."""
    return at_home(os.environ.get("KERAS_HOME") or "~/.keras")
