"""The disk under the home folder: how much is free, whether that is enough, and what is said when it refuses."""

import errno
import math
import os
import re
import shutil
import tempfile
from pathlib import Path

from search.system.errors import UsageError

_MEGABYTE = 1_000_000
_FULL = "free some, and the same command goes on"
_REFUSALS = {
    errno.ENOSPC: ("no space left", _FULL),
    errno.EDQUOT: ("your share of the disk is used up", _FULL),
    errno.EFBIG: ("a file may not grow so large", "raise `ulimit -f`, and the same command goes on"),
    errno.EROFS: ("the disk cannot be written to", "mount it writable, and the same command goes on"),
}
# How HDF5 and NumPy tell it, in errors without a number.
_IN_WORDS = {os.strerror(code): code for code in _REFUSALS}
_SHORT_WRITE = re.compile(r"\d+ requested and \d+ written")


def megabytes_free(folder: Path) -> float:
    """What this user may still write where a folder is, or will be once it is made."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
    usage = shutil.disk_usage(there)
    # What has no size, as /proc, is not full: it refuses on other grounds.
    return usage.free / _MEGABYTE if usage.total else math.inf


def require(home: Path, megabytes: float) -> None:
    """Raise `UsageError` where fewer megabytes are free than what is about to be done takes. Writes nothing."""
    free = megabytes_free(home)
    if free < megabytes:
        raise UsageError(
            f"--home {home}: {free:,.0f} MB are free there, and this needs at least {megabytes:,.0f} MB; free "
            "some, or name a folder on another disk"
        )


def require_writable(home: Path) -> None:
    """Make the home folder, and try whether a file can be written into it. Raises `UsageError`."""
    try:
        # Nobody else reads what is in it: images, models and logs. A folder that is there was shared on purpose.
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        raise UsageError(f"--home {home}: cannot be written ({error.strerror}); name another folder") from error


def refusal(error: BaseException, folder: Path) -> str | None:
    """Say what the disk of a folder refused, and what helps; nothing where that is not what an error is about."""
    code = _code(error)
    if code is None:
        return None
    what, way_out = _REFUSALS[code]
    return f"{what} in {folder}: {megabytes_free(folder):,.0f} MB free; {way_out}"


def _code(error: BaseException) -> int | None:
    if isinstance(error, OSError) and error.errno in _REFUSALS:
        return error.errno
    said = str(error)
    if _SHORT_WRITE.search(said):
        return errno.ENOSPC
    return next((code for words, code in _IN_WORDS.items() if words in said), None)
