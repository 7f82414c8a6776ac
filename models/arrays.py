"""Arrays that take long to compute: once, by all processes that ask for them together, and kept as files.

A part is written when it is computed, so that work which was killed goes on instead of beginning again.
"""

import fcntl
import hashlib
import io
import itertools
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

log = logging.getLogger(__name__)

# Rows of a part. A process that has nothing left to compute waits for one part of another at most.
PART = 1_000
DONE = b"\x01"


def computed(
    file: Path, shape: tuple[int, ...], compute: Callable[[slice], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Return the float32 array that `file` holds, mapped; where it does not, `compute` gives the rows of a slice.

    Processes that ask for the same file at the same time share its parts among them.
    """
    if not _holds(file):
        _compute(file, shape, compute)
    found: NDArray[np.float32] = np.load(file, mmap_mode="c", allow_pickle=False)
    return found


def sha256(file: Path) -> str:
    """Return the digest of a file's content."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _compute(file: Path, shape: tuple[int, ...], compute: Callable[[slice], NDArray[np.float32]]) -> None:
    rows = [slice(start, min(start + PART, shape[0])) for start in range(0, shape[0], PART)]
    header = _header(shape)
    partial, parts = file.with_suffix(".partial"), file.with_suffix(".parts")
    file.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as opened:
        lock = opened.enter_context(file.with_suffix(".lock").open("w")).fileno()
        with _held(lock, fcntl.LOCK_EX):
            if _holds(file):
                return
            if not (partial.exists() and parts.exists() and parts.stat().st_size == len(rows)):
                partial.write_bytes(header)
                parts.write_bytes(bytes(len(rows)))
            array, done = (opened.enter_context(path.open("r+b")).fileno() for path in (partial, parts))
        # First what nobody else computes; then what others did, in case they have died over it.
        for how, (number, part) in itertools.product((fcntl.LOCK_EX | fcntl.LOCK_NB, fcntl.LOCK_EX), enumerate(rows)):
            with _held(done, how, number) as mine:
                if mine and os.pread(done, 1, number) != DONE:
                    values = np.asarray(compute(part), dtype=np.float32)
                    _write(array, values.tobytes(), len(header) + part.start * values[0].nbytes)
                    _write(done, DONE, number)
        with _held(lock, fcntl.LOCK_EX):
            if not _holds(file):
                _digest_of(file).write_text(sha256(partial))
                partial.replace(file)
                parts.unlink()


def _header(shape: tuple[int, ...]) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return stream.getvalue()


def _write(descriptor: int, content: bytes, offset: int) -> None:
    """Write all of it, and not return before it is on the disk: a mark must not be there earlier than what it marks."""
    left = memoryview(content)
    while left:
        written = os.pwrite(descriptor, left, offset)
        left, offset = left[written:], offset + written
    os.fsync(descriptor)


@contextmanager
def _held(descriptor: int, how: int, byte: int = 0) -> Iterator[bool]:
    """Hold the lock on one byte of a file, which ends with its process; whether that could be had."""
    try:
        fcntl.lockf(descriptor, how, 1, byte)
    except BlockingIOError:
        yield False
        return
    try:
        yield True
    finally:
        fcntl.lockf(descriptor, fcntl.LOCK_UN, 1, byte)


def _holds(file: Path) -> bool:
    """Whether the array is there, and is what was computed."""
    if not file.exists():
        return False
    stat = file.stat()
    whole = _is_whole(file, stat.st_mtime_ns, stat.st_size)
    if not whole:
        log.warning("%s: this file is damaged; computing it again", file)
    return whole


@cache
def _is_whole(file: Path, _changed: int, _size: int) -> bool:
    """Whether a file has the digest beside it: asked once a process, since it takes half a second for 70,000 images.

    It is asked again once the file has another time or size.
    """
    try:
        return _digest_of(file).read_text() == sha256(file)
    except (OSError, ValueError):
        return False


def _digest_of(file: Path) -> Path:
    return file.with_suffix(".sha256")
