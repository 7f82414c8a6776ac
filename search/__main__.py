"""`python -m search`."""

import os
import sys


def main() -> None:
    """Run the command line, out of reach of what is where one stands."""
    _look_elsewhere()
    from search.system import surroundings

    surroundings.enter()
    try:
        surroundings.require_ours()
    except ImportError as error:
        sys.exit(f"error: {error}")
    from search.cli import main as run

    run()


def _look_elsewhere() -> None:
    """Let modules be found that are installed, and none that happen to be where one stands, as `-m` would have it."""
    if sys.flags.safe_path or os.path.realpath(sys.path[0]) != os.getcwd():  # noqa: PTH109  # pathlib imports others
        return
    here = sys.path.pop(0)
    if os.path.samefile(here, os.path.dirname(os.path.dirname(__file__))):  # noqa: PTH120, PTH121  # see above
        # It is this checkout, which need not be installed.
        sys.path.append(here)


# Workers import this module, too, and need none of the command line.
if __name__ == "__main__":
    main()
