"""Points at which a test makes a process die as if the power had failed: `SEARCH_CRASH_AT=before_tell:3`."""

import os
import signal

VARIABLE = "SEARCH_CRASH_AT"


def point(name: str) -> None:
    """End this process by SIGKILL where the variable names this point; with a number, at that passing of it."""
    wanted, _, times = os.environ.get(VARIABLE, "").partition(":")
    if wanted != name:
        return
    left = int(times or 1) - 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    os.environ[VARIABLE] = f"{name}:{left}"
