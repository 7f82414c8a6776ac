"""Ways to fetch Fashion-MNIST over a network, each a program of its own that is ended when nothing arrives any more."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PACKAGE = "dataset-fashion-mnist"
PATIENCE = 60.0  # seconds without a new byte; importing TensorFlow takes up to half of them on a busy machine
LONGEST = 1800.0  # seconds in all

# Keras knows the address of its copy, and its `get_file` can neither be told how long to wait nor be ended: therefore
# a process of its own, which also spares this one TensorFlow.
KERAS = "import socket; socket.setdefaulttimeout(20); import keras; keras.datasets.fashion_mnist.load_data()"


class Unobtainable(Exception):
    """This way did not lead to the files. The message says why, in one line."""


Way = Callable[[Path], Path]


def through_keras(place: Path) -> Path:
    """Have Keras download its copy somewhere under the empty folder `place`; return the folder with the files."""
    home = place / "keras"
    home.mkdir()
    _run([sys.executable, "-P", "-c", KERAS], place, {"KERAS_HOME": str(home), "KERAS_BACKEND": "tensorflow"})
    return home / "datasets" / "fashion-mnist"


def through_apt(place: Path) -> Path:
    """Have apt download Debian's package into the empty folder `place`, and unpack it there: no root, no install."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise Unobtainable("there is no apt-get here")
    patience = ["-o", "Acquire::http::Timeout=20", "-o", "Acquire::https::Timeout=20", "-o", "Acquire::Retries=0"]
    try:
        _run(["apt-get", *patience, "download", PACKAGE], place)
    except Unobtainable:
        # A fresh machine knows no packages yet: fetch the lists, into this place, which takes no root either.
        own = [*patience, *_own_lists(place)]
        _run(["apt-get", *own, "update"], place)
        _run(["apt-get", *own, "download", PACKAGE], place)
    archives = list(place.glob("*.deb"))
    if not archives:
        raise Unobtainable(f"apt-get brought no {PACKAGE}")
    _run(["dpkg-deb", "-x", str(archives[0]), str(place / "unpacked")], place)
    return place / "unpacked" / "usr" / "share" / "datasets" / "fashion-mnist"


def _own_lists(place: Path) -> list[str]:
    """Return the options with which apt keeps its lists in `place`, and leaves those of the machine alone."""
    lists, cache = place / "lists", place / "cache"
    for folder in (lists / "partial", cache / "archives" / "partial"):
        folder.mkdir(parents=True)
    options = (f"Dir::State::Lists={lists}", f"Dir::Cache={cache}", "APT::Sandbox::User=", "Debug::NoLocking=1")
    return [word for option in options for word in ("-o", option)]


WAYS: Mapping[str, Way] = {"download through Keras": through_keras, f"apt-get download {PACKAGE}": through_apt}


def _run(command: Sequence[str], place: Path, environment: Mapping[str, str] | None = None) -> None:
    """Run `command` inside `place` until it ends; end it where nothing more comes, or with this process's patience."""
    output = place / "output.txt"
    with (
        output.open("wb") as stream,
        subprocess.Popen(  # noqa: S603  # no shell, and every word of the command is ours
            command,
            cwd=place,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            _watch(process, place)
        finally:
            process.kill()
    if process.returncode:
        raise Unobtainable(_last_line(output) or f"{command[0]} ended with code {process.returncode}")


def _watch(process: subprocess.Popen[bytes], place: Path) -> None:
    """Wait for the end of `process`, as long as the files under `place` keep growing."""
    began = moved = time.monotonic()
    size = 0
    while process.poll() is None:
        time.sleep(0.1)
        now, before, size = time.monotonic(), size, _size(place)
        moved = now if size != before else moved
        if now - moved > PATIENCE or now - began > LONGEST:
            raise Unobtainable(f"given up {now - moved:.0f} s after the last byte")


def _size(place: Path) -> int:
    """Bytes under `place`, as far as they can be counted while somebody else is writing."""
    total = 0
    for folder, _, names in os.walk(place):
        for name in names:
            try:
                total += (Path(folder) / name).stat().st_size
            except FileNotFoundError:  # renamed in between
                continue
    return total


def _last_line(file: Path) -> str:
    lines = file.read_text(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
