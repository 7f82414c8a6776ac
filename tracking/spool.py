"""Runs written to files of their own first: nothing waits for the store, and nothing is lost while it is away.

A run is a folder with a journal, an entry a line, and the files that entries need; it is gone once a store has it all.
"""

import contextlib
import errno
import json
import os
import shutil
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from typing_extensions import override

from tracking import pictures, rules
from tracking.engines.memory import MemoryTracker
from tracking.pictures import Picture
from tracking.removal import remove
from tracking.run import Dataset, Model, Record, Recorder, Run, Status, Tensor, Tracker, TrackingError, now

JOURNAL: Final = "journal.jsonl"
# Under which name an entry says what was recorded; journals of every version have it.
KIND: Final = "deed"
Entry = Mapping[str, Any]


class SpooledRun(Recorder):
    """One run, recorded in its folder."""

    def __init__(self, folder: Path, written: Callable[[], None]) -> None:
        self._folder = folder
        self._written = written
        with _told(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._journal = os.open(folder / JOURNAL, os.O_RDWR | os.O_CREAT, 0o600)
            # Once, and with the run itself at the latest: soon after that, the number may be another file's.
            self._close = weakref.finalize(self, os.close, self._journal)
            self._size = _mend(self._journal)
        self._files = len(list(folder.iterdir()))

    def open(self, experiment: str, key: str, name: str, tags: Mapping[str, str]) -> None:
        """Record that the run begins, or goes on."""
        self._write("open", experiment=experiment, key=key, name=name, tags=rules.tag_texts(tags), time=now())

    @override
    def log_parameters(self, parameters: Mapping[str, object]) -> None:
        """A value that changes is refused by the store alone."""
        self._write("parameters", values={name: str(value) for name, value in parameters.items()})

    @override
    def log_metrics(self, metrics: Mapping[str, float], step: int = 0, *, time: int | None = None) -> None:
        values = {name: float(value) for name, value in metrics.items()}
        self._write("metrics", values=values, step=step, time=now() if time is None else time)

    @override
    def set_tags(self, tags: Mapping[str, str]) -> None:
        self._write("tags", values=rules.tag_texts(tags))

    @override
    def log_dataset(self, dataset: Dataset) -> None:
        self._write("dataset", values=_plain(dataset))

    @override
    def log_text(self, name: str, text: str) -> None:
        file = self._new_file(".txt")
        with _told(file):
            file.write_bytes(text.encode())
        self._write("text", name=rules.artifact_name(name), file=file.name)

    @override
    def log_picture(self, name: str, picture: Picture) -> None:
        """It is drawn when it is delivered."""
        file = self._new_file(".npz")
        values = _plain(picture)
        arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
        with _told(file), file.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **arrays)
        plain = {name: value for name, value in values.items() if name not in arrays}
        kind = type(picture).__name__
        self._write("picture", name=rules.artifact_name(name), kind=kind, values=plain, file=file.name)

    @override
    def log_model(self, model: Model) -> None:
        file = self._new_file(model.file.suffix)
        with _told(file):
            _link(model.file, file)
        self._write("model", values=_plain(model) | {"file": file.name})

    @override
    def finish(self, status: Status, *, time: int | None = None) -> None:
        """What was recorded outlasts a failure of the power, too.

        Afterwards the run takes nothing more; where this raises before it is written down, it can be tried again.
        """
        # Everything before the line that says so is on the disk, and all of it before anybody is told.
        with _told(self._folder):
            for file in self._folder.iterdir():
                _sync(file)
            _sync(self._folder)
        self._write("finish", status=status.value, time=now() if time is None else time)
        with _told(self._folder):
            try:
                os.fsync(self._journal)
            finally:
                self._close()

    def _new_file(self, suffix: str) -> Path:
        """Name a file that no entry names yet: those of a line that was torn may still be there."""
        self._files += 1
        return self._folder / f"{self._files:04d}{suffix}"

    def _write(self, what: str, **details: Any) -> None:
        if not self._close.alive:
            raise TrackingError(f"{self._folder}: this run is over, and takes no more {what}")
        line = json.dumps({KIND: what, **details}, ensure_ascii=False).encode() + b"\n"
        with _told(self._folder):
            written = os.pwrite(self._journal, line, self._size)
            if written < len(line):
                # The rest has no room, and of a torn line nothing may stay.
                os.ftruncate(self._journal, self._size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._size += len(line)
        self._written()


class Spool:
    """A folder of runs that wait for a store."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def run(
        self, experiment: str, key: str, name: str, tags: Mapping[str, str], *, written: Callable[[], None]
    ) -> SpooledRun:
        """Begin the run with this key, or go on with it. `written` is called after each entry."""
        run = SpooledRun(self.place(key), written)
        run.open(experiment, key, name, tags)
        return run

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys of the runs that wait, of those that begin with `prefix`."""
        firsts = [_first(folder) for folder in self._folders(prefix)]
        return [entry["key"] for entry in firsts if entry]

    def leftovers(self, prefix: str) -> list[Path]:
        """Return what a killed process has left of runs that never began or were delivered."""
        return [folder for folder in self._folders(prefix) if _first(folder) is None]

    def sweep(self, prefix: str) -> list[Path]:
        """Remove the leftovers; return what that was."""
        left = self.leftovers(prefix)
        for folder in left:
            remove(folder, self._folder)
        return left

    def record(self, key: str) -> Record | None:
        """Return a run as it will stand in a store, without an id and files; None where none waits."""
        tracker = MemoryTracker()
        opened: Run | None = None
        experiment = ""
        for entry, _ in self.entries(key):
            experiment = entry.get("experiment", experiment)
            if entry[KIND] not in ("picture", "model", "text"):
                opened = self.repeat(key, entry, tracker, opened)
        found = tracker.find(experiment, key)
        return replace(found, id="") if found else None

    def entries(self, key: str, start: int = 0) -> Iterator[tuple[Entry, int]]:
        """Yield what was done from the place `start` of the journal on, and the place after it."""
        journal = self.place(key) / JOURNAL
        if not journal.exists():
            return
        with journal.open("rb") as stream:
            stream.seek(start)
            for line in stream:
                entry = _parsed(line)
                if entry is None:
                    return
                start += len(line)
                yield entry, start

    def repeat(self, key: str, entry: Entry, tracker: Tracker, run: Run | None) -> Run:
        """Do in a store what was done here, and return its run."""
        if entry[KIND] == "open":
            return tracker.run(entry["experiment"], key, entry["name"], entry["tags"], time=entry["time"])
        assert run is not None, "a journal begins with `open`"
        _repeat(entry, run, self.place(key))
        return run

    def remove(self, key: str) -> None:
        """Forget a run: a store has it."""
        # First, so that a run which is removed in part is not taken for one that waits.
        (self.place(key) / JOURNAL).unlink(missing_ok=True)
        remove(self.place(key), self._folder)

    def place(self, key: str) -> Path:
        """Return the folder of a run."""
        return self._folder / key.replace("/", "-")

    def _folders(self, prefix: str) -> list[Path]:
        folders = self._folder.iterdir() if self._folder.exists() else iter(())
        return sorted(folder for folder in folders if folder.name.startswith(prefix.replace("/", "-")))


def _first(folder: Path) -> Entry | None:
    try:
        with (folder / JOURNAL).open("rb") as stream:
            return _parsed(stream.readline())
    except OSError:
        return None


def _repeat(entry: Entry, run: Recorder, folder: Path) -> None:
    match entry[KIND]:
        case "parameters":
            run.log_parameters(entry["values"])
        case "metrics":
            run.log_metrics(entry["values"], entry["step"], time=entry["time"])
        case "tags":
            run.set_tags(entry["values"])
        case "dataset":
            run.log_dataset(Dataset(**entry["values"]))
        case "finish":
            run.finish(Status(entry["status"]), time=entry["time"])
        case _:
            _repeat_file(entry, run, folder)


def _repeat_file(entry: Entry, run: Recorder, folder: Path) -> None:
    match entry[KIND]:
        case "text":
            with _told(folder):
                text = (folder / entry["file"]).read_bytes().decode()
            run.log_text(entry["name"], text)
        case "picture":
            run.log_picture(entry["name"], _picture(entry, folder))
        case "model":
            run.log_model(Model.of(entry["values"], folder / entry["values"]["file"]))


def _picture(entry: Entry, folder: Path) -> Picture:
    kind = next(kind for kind in pictures.KINDS if kind.__name__ == entry["kind"])
    with _told(folder), np.load(folder / entry["file"], allow_pickle=False) as arrays:
        return kind(**entry["values"], **arrays)


def _plain(value: Any) -> dict[str, Any]:
    """Return the fields of a dataclass, those that are dataclasses as mappings, too."""
    found = {field.name: getattr(value, field.name) for field in fields(value)}
    return {name: _plain(part) if isinstance(part, Tensor) else part for name, part in found.items()}


def _mend(journal: int) -> int:
    """Cut off what a killed process has written of a last line, and return the length of what is whole."""
    size = 0
    with os.fdopen(os.dup(journal), "rb") as stream:
        for line in stream:
            if _parsed(line) is None:
                break
            size += len(line)
    os.ftruncate(journal, size)
    return size


def _parsed(line: bytes) -> Entry | None:
    try:
        entry = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _link(file: Path, to: Path) -> None:
    to.unlink(missing_ok=True)
    try:
        to.hardlink_to(file)
    except OSError:
        # Not every file system has links.
        shutil.copyfile(file, to)


def _sync(place: Path) -> None:
    handle = os.open(place, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _told(place: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        cause = error.strerror if isinstance(error, OSError) else str(error)
        raise TrackingError(f"{place} cannot be read or written: {cause}; mend this, and run again") from error
