"""A small search of which every write fails, one at a time: `python tests/faults/failing.py FOLDER [EVERY]`.

The writes are counted first: statements and commits of SQLite, and what is opened, made, renamed, linked, written and
brought to the disk below the home. Then, for each of them, a search begins anew, that write raises what SQLite or the
disk would, and the same command comes again: the study is to end with exactly its trials, both stores are to agree, and
no number of a file that was closed is to be used. Prints what was wrong, and at last how many writes there were.
"""

import errno
import importlib
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any, Final

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.faults import light  # noqa: F401  # a family that takes no TensorFlow
from tests.faults.searches import STUDY, make_images
from tests.faults.stores import violations
from tracking.engines import places

TRIALS: Final = 2
WRITING: Final = ("INSERT", "UPDATE", "DELETE", "REPLACE", "CREATE", "ALTER", "DROP")
# What each kind of write may come to.
OF_SQLITE: Final = ("database or disk is full", "database is locked", "disk I/O error")
OF_THE_DISK: Final = (errno.ENOSPC, errno.EIO, errno.EROFS)
USED_AGAIN: Final = 97


class Writes:
    """Counts the writes below a home, and lets one of them fail."""

    def __init__(self, home: Path, at: int = 0) -> None:
        """`at`: which of them fails, counted from 1; 0: none."""
        self.home, self.at, self.count, self.what = str(home), at, 0, ""

    def of_sqlite(self, what: str) -> None:
        """Take note of a statement or a commit. Raises `sqlite3.OperationalError` if it is the one."""
        if self._passes(what):
            raise sqlite3.OperationalError(OF_SQLITE[self.at % len(OF_SQLITE)])

    def of_the_disk(self, what: str, path: object) -> None:
        """Take note of a write to a file or a folder. Raises `OSError` if it is the one."""
        if isinstance(path, (str, os.PathLike)) and os.fspath(path).startswith(self.home) and self._passes(what):
            code = OF_THE_DISK[self.at % len(OF_THE_DISK)]
            raise OSError(code, os.strerror(code), str(path))

    def _passes(self, what: str) -> bool:
        self.count += 1
        if self.count != self.at:
            return False
        self.what = what
        return True

    def install(self) -> None:
        """Have all writes of this process counted, for good."""
        sys.addaudithook(self._audit)
        self._install_in_sqlite()
        pwrite, fsync = os.pwrite, os.fsync

        def written(file: int, content: bytes, place: int) -> int:
            self.of_the_disk("pwrite", Path(f"/proc/self/fd/{file}").resolve())
            return pwrite(file, content, place)

        def synced(file: int) -> None:
            self.of_the_disk("fsync", Path(f"/proc/self/fd/{file}").resolve())
            fsync(file)

        os.pwrite, os.fsync = written, synced

    def _install_in_sqlite(self) -> None:
        connect = sqlite3.connect

        def connected(database: Any, *others: Any, **how: Any) -> sqlite3.Connection:
            connection = connect(database, *others, **{**how, "factory": Connection})
            assert isinstance(connection, Connection)
            # What lies in memory needs no disk, and nobody else has it.
            connection.writes = None if ":memory:" in str(database) else self
            return connection

        sqlite3.connect = sqlite3.dbapi2.connect = connected

    def _audit(self, event: str, arguments: Sequence[Any]) -> None:
        if event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR):
            self.of_the_disk("open", arguments[0])
        elif event in ("os.mkdir", "os.rename", "os.link", "os.truncate"):
            self.of_the_disk(event, arguments[1] if event in ("os.rename", "os.link") else arguments[0])


class Connection(sqlite3.Connection):
    """Tells of its statements and commits, where it was told to whom."""

    writes: Writes | None = None

    def cursor(self, factory: Any = None) -> Any:
        return super().cursor(Cursor)

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        found: sqlite3.Cursor = self.cursor().execute(*arguments)
        return found

    def commit(self) -> None:
        if self.writes and self.in_transaction:
            self.writes.of_sqlite("COMMIT")
        super().commit()

    def note(self, statement: str) -> None:
        if self.writes and statement.lstrip().upper().startswith(WRITING):
            self.writes.of_sqlite(" ".join(statement.split())[:60])


class Cursor(sqlite3.Cursor):
    """Tells its connection what it is to do."""

    connection: Connection

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        self.connection.note(statement)
        return super().execute(statement, *values)

    def executemany(self, statement: str, *values: Any) -> sqlite3.Cursor:
        self.connection.note(statement)
        return super().executemany(statement, *values)


class Numbers:
    """Gives the number of every journal that is closed to another file at once, which then has to be left alone."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._journals, self._others = folder, set[int](), dict[int, tuple[int, int]]()

    def install(self) -> None:
        """Watch what this process opens and closes, for good."""
        opened, closed = os.open, os.close

        def open_(path: Any, *arguments: Any, **how: Any) -> int:
            number = opened(path, *arguments, **how)
            if str(path).endswith(".jsonl"):
                self._journals.add(number)
            return number

        def close(number: int) -> None:
            closed(number)
            if number in self._journals:
                self._journals.discard(number)
                other = opened(self._folder / f"other-{len(self._others)}", os.O_RDWR | os.O_CREAT)
                self._others[other] = _identity(other)

        os.open, os.close = open_, close

    def touched(self) -> bool:
        """Whether one of the other files was written to, or closed."""
        with suppress(OSError):
            return any(_identity(number) != before for number, before in self._others.items())
        return True


def _identity(number: int) -> tuple[int, int]:
    found = os.fstat(number)
    return found.st_ino, found.st_size


def apart(does: Callable[[], int]) -> int:
    """Do something in a process of its own, which has all that was imported here, and return its exit code."""
    process = os.fork()
    if process:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    code = 1
    try:
        code = does()
    finally:
        sys.stdout.flush()
        os._exit(code)


def search(folder: Path, said: Path) -> int:
    """Search, and return the exit code; what is said is put at the end of a file."""
    from search.cli import call

    words = f"run --study {STUDY} --trials {TRIALS} --epochs 2 --engine inline --sampler random --pruner none --seed 1"
    fixed = ["--baselines", "none", "--fix", "fault=none,mood=well", "--data", str(folder.parent / "images.npz")]
    with said.open("a") as stream, redirect_stdout(stream), redirect_stderr(stream):
        return call([*words.split(), *fixed, "--home", str(folder / "home")])


def failing(folder: Path, at: int) -> int:
    """Search while one write fails; `USED_AGAIN` where the number of a closed file was used."""
    numbers, writes = Numbers(folder), Writes(folder / "home", at)
    numbers.install()
    writes.install()
    code = search(folder, folder / "said.txt")
    (folder / "failed.txt").write_text(f"{writes.what} ({code})\n")
    (folder / "count.txt").write_text(str(writes.count))
    return USED_AGAIN if numbers.touched() else 0


def examine(folder: Path) -> int:
    """Ask the doctor."""
    from search.cli import call

    with (folder / "doctor.txt").open("w") as stream, redirect_stdout(stream), redirect_stderr(stream):
        return call(["doctor", "--home", str(folder / "home")])


def wrong(folder: Path, at: int) -> list[str]:
    """Return what is wrong after the write with this number has failed and the search was gone on with."""
    found = []
    if (code := apart(lambda: failing(folder, at))) != 0:
        found.append("the number of a closed file was used" if code == USED_AGAIN else f"exit code {code}")
    said = folder / "said.txt"
    if "Traceback" in (text := said.read_text() if said.exists() else ""):
        found.append(f"a traceback: {text[-1500:]}")
    if code := apart(lambda: search(folder, said)):
        found.append(f"exit code {code} of the second call: {said.read_text()[-600:]}")
    else:
        found += violations(folder / "home", STUDY, TRIALS)
    if apart(lambda: examine(folder)):
        found.append((folder / "doctor.txt").read_text())
    what = (folder / "failed.txt").read_text().strip() if (folder / "failed.txt").exists() else "nothing"
    return [f"write {at}, {what}: {text}" for text in found]


def counted(folder: Path) -> int:
    """Return how many writes there are; what they import is imported here, and there in all processes forked then."""
    folder.mkdir()

    def whole() -> int:
        code = failing(folder, 0) or examine(folder)
        (folder / "modules.txt").write_text("\n".join(sys.modules))
        return code

    if apart(whole):
        raise SystemExit(f"it fails without any write that fails: see {folder}")
    for name in (folder / "modules.txt").read_text().splitlines():
        # Some modules are not what their names say.
        with suppress(ImportError):
            importlib.import_module(name)
    made = places._template("ARTIFACTS")
    # MLflow's migrations take longer than all that is looked at here, and take place in memory.
    places._template = lambda artifacts: [line.replace("ARTIFACTS", artifacts) for line in made]
    return int((folder / "count.txt").read_text())


def main(folder: Path, every: int = 1, start: int = 1) -> int:
    """Let every write fail, or one in so many, and say what was wrong."""
    folder.mkdir(parents=True, exist_ok=True)
    make_images(folder / "images.npz")
    os.environ["STEPS_SECONDS"] = "0"
    count = counted(folder / "counted")
    bad = 0
    points = range(start, count + 1, every)
    for at in points:
        place = folder / str(at)
        place.mkdir()
        found = wrong(place, at)
        bad += bool(found)
        print("\n".join(found), end="\n" if found else "", flush=True)
        if not found:
            shutil.rmtree(place)
    print(f"{len(points)} of {count} writes have failed; after {bad} of them something was wrong")
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]).absolute(), *map(int, sys.argv[2:])))
