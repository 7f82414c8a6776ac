"""Files that a person names with `--out`: there when they are whole, and never in the place of something else."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from search.system.errors import UsageError

# So much of a file tells whether it may be written over.
HEAD: Final = 512


def require_new(out: Path) -> None:
    """Raise `UsageError` where the file cannot be made, or something is there already."""
    _require_folder(out)
    if out.exists():
        raise UsageError(f"--out {out}: is there already; name another file, or remove it")


def require_ours(out: Path, ours: Callable[[bytes], bool], what: str) -> None:
    """Raise `UsageError` where something is in the way of which the beginning is not `ours`, such as no `report`."""
    try:
        _require_folder(out)
        if out.exists():
            with out.open("rb") as stream:
                if not ours(stream.read(HEAD)):
                    raise UsageError(f"--out {out}: is there and is no {what}; name another file")
    except OSError as error:
        raise UsageError(f"--out {out}: {error.strerror}; name another file") from error


@contextmanager
def placed(out: Path) -> Iterator[Path]:
    """Lend a file to fill, beside `out`, which it becomes at the end; until then what was there stays.

    However else this ends, the file is gone, unless the process is killed. Raises `UsageError` where the disk refuses.
    """
    try:
        number, name = tempfile.mkstemp(dir=out.absolute().parent, prefix=f".{out.name}.unfinished-")
        os.close(number)
        fresh = Path(name)
        try:
            yield fresh
            # As any file that a person makes: temporary ones are for their maker's eyes only.
            fresh.chmod(0o666 & ~_umask())
            fresh.replace(out)
        finally:
            fresh.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"--out {out}: {error.strerror or error}; make room there, or name another file") from error


def _require_folder(out: Path) -> None:
    folder = out.absolute().parent
    if not folder.is_dir():
        raise UsageError(f"--out {out}: there is no folder {folder}; make it, or name another file")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
