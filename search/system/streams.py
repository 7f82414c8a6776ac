"""What this process prints, when nobody reads it any more: lost, and no reason to end what is under way."""

import errno
import io
import os
import sys
from typing import IO, Any, Final

STANDARD: Final = ("stdin", "stdout", "stderr")
# What cannot be written in an encoding that has no such letter: as Python itself does on stderr.
SHOWN: Final = "backslashreplace"


class Unfailing(io.FileIO):
    """A file that takes whatever is written; `lost` says why from some point on nothing arrives."""

    lost: OSError | None = None

    def write(self, data: Any, /) -> int:
        """Write, or after the first failure no more."""
        if self.lost is None:
            try:
                return super().write(data)
            except OSError as error:
                self.lost = error
        return memoryview(data).nbytes


def hold() -> None:
    """Let what is printed from here on never fail: behind a pipe that is closed, on a full disk, or on no terminal."""
    for number in range(len(STANDARD)):
        try:
            os.fstat(number)
        except OSError:
            # Closed (`>&-`). The next file to be opened, as a database, would have its number, and be printed into.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    for number, name in enumerate(STANDARD[1:], start=1):
        if _raw(getattr(sys, name)) is None:
            setattr(sys, name, _held(number, getattr(sys, name)))


def heard(stream: IO[Any]) -> bool:
    """Whether what is written to a stream still arrives, as far as is known."""
    raw = _raw(stream)
    return raw is None or raw.lost is None


def loss() -> str:
    """Return why a part of what was printed was lost on the way, as on a full disk; nothing where its reader left."""
    sys.stdout.flush()
    raw = _raw(sys.stdout)
    if raw is None or raw.lost is None or raw.lost.errno == errno.EPIPE:
        return ""
    return f"what was to be printed could not be written: {raw.lost.strerror}; what was done stands all the same"


def _held(number: int, before: io.TextIOWrapper | None) -> io.TextIOWrapper:
    if before is None:
        return io.TextIOWrapper(io.BufferedWriter(Unfailing(os.devnull, "w")), "utf-8", SHOWN)
    raw = Unfailing(number, "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        before.encoding,
        # A letter that the terminal's encoding lacks would end the command, too.
        SHOWN if before.errors in ("strict", "surrogateescape") else before.errors,
        line_buffering=before.line_buffering or before.write_through,
    )


def _raw(stream: Any) -> Unfailing | None:
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return raw if isinstance(raw, Unfailing) else None
