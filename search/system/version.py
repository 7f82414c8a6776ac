"""Which version of this program runs."""

from pathlib import Path
from typing import Final

NAME: Final = "garment-search"
_PROJECT: Final = Path(__file__).parents[2] / "pyproject.toml"


def version() -> str:
    """Return the version as `pyproject.toml` has it, which an installation keeps; without either, say so.

    A checkout is read itself: what is installed beside it may be older, or another one.
    """
    # Every command waits for what this module imports, and few are asked for it.
    import tomllib
    from importlib import metadata

    if _PROJECT.is_file():
        project = tomllib.loads(_PROJECT.read_text("utf-8"))["project"]
        if project["name"] == NAME:
            return str(project["version"])
    try:
        return metadata.version(NAME)
    except metadata.PackageNotFoundError:
        return "of unknown version: neither installed nor a checkout"
