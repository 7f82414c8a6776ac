"""The lower bounds of `pyproject.toml`, as constraints: what `make oldest` installs and tests.

    python tests/oldest.py [EXTRA ...] > constraints

Nothing but Python is needed: it is read before anything is installed.
"""

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
# A name, its extras, and the bound; a ceiling may follow.
BOUND = re.compile(r"([\w.-]+)(?:\[[\w,]+\])?>=([\w.]+)(?:,.*)?")


def bounds(extras: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield what the project and these extras need at least: name and version. Raises where a bound is missing."""
    project = tomllib.loads(PROJECT.read_text("utf-8"))["project"]
    chosen = (project["optional-dependencies"][extra] for extra in extras)
    for needed in (*project["dependencies"], *(one for extra in chosen for one in extra)):
        found = BOUND.fullmatch(needed)
        if not found:
            raise ValueError(f"pyproject.toml: {needed!r} names no lower bound; write NAME>=VERSION")
        yield found[1], found[2]


if __name__ == "__main__":
    for name, version in sorted(set(bounds(sys.argv[1:]))):
        print(f"{name}=={version}")
