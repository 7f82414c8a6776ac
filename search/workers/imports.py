"""What the fork server imports once, so that no worker has to.

It only imports: the threads that TensorFlow begins when it first computes would not survive a fork.
"""

import os
import signal
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from search.system import library_output, surroundings
from search.system.signals import ASKING_TO_STOP

surroundings.work()
# What libraries print on being imported is in no one's way; each worker then writes to a log of its own.
library_output.redirect(Path(os.devnull))
# They reach the whole group of processes, of which the driver decides what they mean.
for number in ASKING_TO_STOP:
    signal.signal(number, signal.SIG_IGN)
# Whatever this is, a worker meets it again, and says so.
with suppress(Exception):
    from models import runtime

    runtime.begin()
    for module in ("checkpoint", "layers", "losses", "probe", "training"):
        import_module(f"models.{module}")
