"""Folders of a home that are not needed any more: removed if they are the home's, wherever links lead."""

import logging
import shutil
from pathlib import Path

log = logging.getLogger(__name__)


def remove(folder: Path, within: Path) -> None:
    """Remove a folder, and what can be removed of what is in it. What is not below `within` stays, which is told."""
    if within.resolve() in folder.resolve().parents:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        log.warning(
            "%s leads out of %s, to %s: it stays; remove it if nobody needs it", folder, within, folder.resolve()
        )
