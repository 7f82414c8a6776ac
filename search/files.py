"""Files that a person asks for: whole or not there at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from search.errors import UsageError


def require_folder(out: Path) -> None:
    """Raise `UsageError` where there is no folder for the file to be put into."""
    folder = out.absolute().parent
    if not folder.is_dir():
        raise UsageError(f"--out {out}: there is no folder {folder}; make it, or name another file")


def require_new(out: Path) -> None:
    """Raise `UsageError` where the file cannot be made, or something is there already."""
    require_folder(out)
    if out.exists():
        raise UsageError(f"--out {out}: is there already; name another file, or remove it")


@contextmanager
def replacing(out: Path) -> Iterator[IO[bytes]]:
    """Lend a file that takes the place of `out` once all is in it; until then, what was there stays.

    Raises `UsageError` where the disk refuses.
    """
    try:
        with tempfile.NamedTemporaryFile(dir=out.absolute().parent, delete=False) as file:
            fresh = Path(file.name)
            try:
                yield file
                file.close()
                # As any file that a person makes: temporary ones are for their maker's eyes only.
                fresh.chmod(0o666 & ~_umask())
                fresh.replace(out)
            finally:
                # Nothing is there any more, unless this has failed.
                fresh.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"--out {out}: {error.strerror}; make room there, or name another file") from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
