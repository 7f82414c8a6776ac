"""What becomes of a command whose output nobody can read any more."""

import os
import pty
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.faults.searches import LIGHT, ROOT, STUDY, make_images

pytestmark = pytest.mark.slow

TRIALS = 2
Popen = Callable[..., "subprocess.Popen[bytes]"]


def command(folder: Path, *words: str) -> Popen:
    """Return what begins a command of a family that takes no TensorFlow; what is given says where it prints."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "OPTUNA_"))}
    environment |= {"PYTHONPATH": str(ROOT), "STEPS_SECONDS": "0.02", "SEARCH_HOME": str(folder / "home")}
    line = [sys.executable, str(LIGHT), *words]
    return lambda **how: subprocess.Popen(line, cwd=folder, env=environment, **({"stdin": subprocess.DEVNULL} | how))


def search(folder: Path) -> Popen:
    flags = f"run --study {STUDY} --trials {TRIALS} --epochs 2 --workers 1 --sampler random --pruner none"
    pins = "--baselines none --fix fault=none --fix mood=well --tracking-uri memory:"
    return command(folder, *flags.split(), *pins.split(), "--data", str(make_images(folder / "images.npz")))


def complete(home: Path) -> int:
    with closing(sqlite3.connect(home / "optuna.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return int(database.execute("SELECT count(*) FROM trials WHERE state = 'COMPLETE'").fetchone()[0])


def read_a_line_and_leave(begin: Popen) -> int:
    process = begin(stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    assert process.stdout.readline()
    process.stdout.close()
    return process.wait(timeout=300)


def fill_the_disk(begin: Popen) -> int:
    with Path("/dev/full").open("wb") as full:
        return begin(stdout=full, stderr=full).wait(timeout=300)


def close_everything(begin: Popen) -> int:
    return begin(stdin=None, preexec_fn=lambda: os.closerange(0, 3)).wait(timeout=300)


def take_the_terminal_away(begin: Popen) -> int:
    ours, theirs = pty.openpty()
    process = begin(stdout=theirs, stderr=theirs, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    os.close(theirs)
    assert os.read(ours, 1)
    os.close(ours)
    return process.wait(timeout=300)


@pytest.mark.parametrize(
    ("leave", "code"),
    [(read_a_line_and_leave, 0), (fill_the_disk, 1), (close_everything, 0), (take_the_terminal_away, 1)],
)
def test_a_search_goes_on_when_nobody_reads_what_it_prints(
    tmp_path: Path, leave: Callable[[Popen], int], code: int
) -> None:
    assert leave(search(tmp_path)) == code, "what could not be printed is told by the code, and a reader may leave"
    assert complete(tmp_path / "home") == TRIALS


def printed(folder: Path, **how: Any) -> tuple[int, bytes]:
    with command(folder, "run", "--help")(stderr=subprocess.PIPE, **how) as process:
        assert process.stderr is not None
        return process.wait(timeout=300), process.stderr.read()


def test_what_is_only_printed_ends_quietly_when_its_reader_leaves(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    assert printed(tmp_path, stdout=writing) == (0, b"")
    os.close(writing)


def test_what_has_no_room_where_it_is_printed_is_told(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        code, said = printed(tmp_path, stdout=full)
    assert code == 1
    assert said.startswith(b"error: what was to be printed could not be written: No space left on device")


TRACING = """
import tensorflow as tf
from search.system import library_output as quiet
quiet.libraries()
for _ in range(8):
    same = lambda x: x + 1
    tf.function(same)(tf.ones(()))
"""


def test_tensorflow_says_nothing_of_networks_that_are_traced_one_after_the_other() -> None:
    noisy = TRACING.replace("quiet.libraries()", "")
    told = [
        subprocess.run([sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=True).stderr.count(
            "retracing"
        )
        for text in (noisy, TRACING)
    ]
    assert told[0] > 0
    assert told[1] == 0
