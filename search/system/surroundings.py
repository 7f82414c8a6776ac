"""What others have set on this machine and never meant for a search, and what becomes of it.

| whose | here |
|---|---|
| Keras's file and variables, TensorFlow's and XLA's | decide nothing: `models/runtime.py`, before either is imported |
| GPUs (`CUDA_VISIBLE_DEVICES`), cores, `OMP_NUM_THREADS` and its kin | the person's: where and how fast, not what |
| matplotlib's files and variables | decide nothing: `tracking/lettering.py` |
| MLflow's variables | how a server is reached is the person's; how often it is asked is not: `tracking/__init__.py` |
| `-W`, `PYTHONWARNINGS` | others' warnings are never raised |
| modules where one stands | never found instead of ours, or of Python's: `search/__main__.py`, and here for workers |
| closed streams, a reader that leaves, the terminal's encoding | end nothing: `search/system/streams.py` |
| `SEARCH_*`, `OPTUNA_STORAGE`, `MLFLOW_TRACKING_URI` | the person's, and meant for us |
| `PYTHONHASHSEED`, `PYTHONOPTIMIZE`, locale, time zone, umask | change no number and no picture; nothing is done |

`python -m tests.faults.hostile` tries them.
"""

import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from search.system import streams

# For processes that are ours. None: as if nobody had set it.
ENVIRONMENT: Final[Mapping[str, str | None]] = {
    # Nothing is ever shown in a window, and a name that matplotlib does not know ends its import.
    "MPLBACKEND": "agg",
    "PYTHONSAFEPATH": "1",
    "PYTHONWARNINGS": None,
}

ROOMS: Final = ("models", "tracking")


def enter() -> None:
    """Settle all of it in a process that is ours alone. Before libraries are imported, which may warn or look about."""
    streams.hold()
    _settle()
    # For good, in all threads: `catch_warnings` in one of them would undo what others do to the filters.
    warnings.simplefilter("ignore")


def work() -> None:
    """Settle the same in a worker, whose warnings a family's author finds in its log."""
    streams.hold()
    _settle()
    warnings.simplefilter("default")


@contextmanager
def unraised() -> Iterator[None]:
    """Raise no warning for a while, in a process that is a person's, as in a notebook."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def for_processes() -> Iterator[None]:
    """Let processes that are begun meanwhile find all settled."""
    before = {name: os.environ.get(name) for name in ENVIRONMENT}
    options = sys.warnoptions[:]
    _settle()
    try:
        yield
    finally:
        _set(before)
        sys.warnoptions[:] = options


def require_ours() -> None:
    """Raise `ImportError` where another module would be taken for one of ours: anybody may have one of that name."""
    root = Path(__file__).parents[2]
    for name in ROOMS:
        found = find_spec(name)
        place = Path(found.origin).parent if found and found.origin else None
        if place and not place.samefile(root / name):
            raise ImportError(
                f"{found.origin if found else name} is in the way: it is found as {name!r}, which here has to be "
                f"{root / name}; call it otherwise, or take its folder off PYTHONPATH and sys.path"
            )


def _settle() -> None:
    _set(ENVIRONMENT)
    # Processes that are begun get these from here; Python itself looks among them for those of `-b` and `-X dev`.
    python = ("error::BytesWarning", "default::BytesWarning", *(["default"] if sys.flags.dev_mode else []))
    sys.warnoptions[:] = [option for option in sys.warnoptions if option in python]


def _set(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
