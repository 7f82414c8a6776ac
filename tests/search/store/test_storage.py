"""Optuna's storage under first starts that race, locks, damage and other programs' files."""

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import optuna
import pytest
from optuna.study import StudyDirection

from search.cli import call
from search.store import refusals, storage
from search.system.errors import SearchError, UsageError
from tracking import databases

# Opens every storage that it is told, as soon as it is told, and has a trial in each.
STARTER = """
import sys, optuna
from search.store import storage
optuna.logging.set_verbosity(optuna.logging.ERROR)
print("ready", flush=True)
for line in sys.stdin:
    study = storage.begun(storage.connect(line.strip()), "shared", [optuna.study.StudyDirection.MINIMIZE])
    study.enqueue_trial({})
    print("opened", flush=True)
"""
# Opens a storage, and kills itself as SQLite is about to be told this.
DEADLY = """
import functools, os, signal, sqlite3, sys
from search.store import storage
from tracking import databases

class Deadly(sqlite3.Connection):
    def execute(self, statement, *values):
        if statement.startswith(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().execute(statement, *values)

databases.sqlite3.connect = functools.partial(sqlite3.connect, factory=Deadly)
storage.connect(sys.argv[1])
"""
HOLDER = """
import sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
database.execute("COMMIT")
"""
READS = [["list"], ["show", "mlp"], ["show", "mlp/0"], ["best", "mlp"], ["compare"]]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/optuna.db"


@pytest.fixture
def study(url: str) -> Iterator[optuna.Study]:
    """A study with a trial under way."""
    store = storage.connect(url)
    study = storage.begun(store, "mlp", [StudyDirection.MINIMIZE])
    study.ask().suggest_float("learning_rate", 0, 1)
    yield study
    store.engine.dispose()


def read(url: str) -> None:
    with storage.reading(url):
        pass


def change(url: str, *statements: str) -> None:
    file = databases.file_of(url)
    assert file is not None
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        for statement in statements:
            database.execute(statement)


@contextmanager
def held(url: str, seconds: float) -> Iterator[None]:
    """Let another process keep everybody from writing."""
    command = [sys.executable, "-c", HOLDER, str(databases.file_of(url)), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        try:
            yield
        finally:
            holder.kill()


def test_processes_that_open_the_same_new_storage_at_once_all_succeed_and_lose_nothing(tmp_path: Path) -> None:
    with ExitStack() as running:
        starters = [
            running.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", STARTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
                )
            )
            for _ in range(3)
        ]
        assert [starter.stdout.readline() for starter in starters if starter.stdout] == ["ready\n"] * 3
        for number in range(10):
            url = f"sqlite:///{tmp_path}/{number}.db"
            for starter in starters:
                print(url, file=starter.stdin, flush=True)
            assert [starter.stdout.readline() for starter in starters if starter.stdout] == ["opened\n"] * 3
            store = storage.connect(url)
            assert len(storage.load(store, "shared").trials) == 3
            store.engine.dispose()
        for starter in starters:
            starter.kill()


@pytest.mark.parametrize("statement", ["BEGIN", "CREATE TABLE trials", "COMMIT", "PRAGMA journal_mode"])
def test_a_process_killed_as_it_makes_the_storage_leaves_one_that_opens(statement: str, url: str) -> None:
    killed = subprocess.run([sys.executable, "-c", DEADLY, url, statement], check=False)
    assert killed.returncode == -9
    file = databases.file_of(url)
    assert file is not None
    tables = databases.tables(file, 1)
    assert tables == frozenset() or tables >= storage.TABLES
    storage.begun(storage.connect(url), "mlp", [StudyDirection.MINIMIZE])


def test_an_empty_storage_is_one_in_which_nothing_was_searched(url: str, tmp_path: Path) -> None:
    (tmp_path / "optuna.db").touch()
    with pytest.raises(UsageError, match="nothing has been searched here yet"), storage.reading(url):
        pass
    storage.connect(url)
    with storage.reading(url) as store:
        assert optuna.get_all_study_names(store) == []


def test_a_new_storage_is_private_writes_ahead_and_waits_two_minutes_for_its_turn(url: str, tmp_path: Path) -> None:
    store = storage.connect(url)
    assert stat.S_IMODE((tmp_path / "optuna.db").stat().st_mode) == 0o600
    with store.engine.connect() as connection:
        asked = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "busy_timeout")]
    assert asked == ["wal", 120_000]


def test_the_mode_of_a_storage_that_is_there_stays_as_its_owner_set_it(url: str, tmp_path: Path) -> None:
    storage.connect(url)
    (tmp_path / "optuna.db").chmod(0o660)
    storage.connect(url)
    assert stat.S_IMODE((tmp_path / "optuna.db").stat().st_mode) == 0o660


def test_a_storage_opens_in_a_folder_with_an_odd_name(tmp_path: Path) -> None:
    file = tmp_path / "100%25 мои & #1" / "optuna.db"
    file.parent.mkdir()
    storage.connect(databases.address_of(file)).engine.dispose()
    assert [found.name for found in file.parent.iterdir()] == ["optuna.db"]


def test_a_lock_is_waited_out(study: optuna.Study, url: str) -> None:
    with held(url, 2.0), storage.told(url):
        study.tell(0, 0.5)
    assert study.best_value == 0.5


@pytest.mark.parametrize("write", [lambda study: study.tell(0, 0.5), lambda study: study.set_user_attr("a", 1)])
def test_a_lock_that_lasts_is_named_with_the_file_and_the_way_out(
    write: Callable[[optuna.Study], None], study: optuna.Study, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "PATIENCE", 0.2)
    impatient = storage.load(storage.connect(url), "mlp")
    with held(url, 60), pytest.raises(SearchError) as refused, storage.told(url):
        write(impatient)
    assert str(refused.value) == (
        f"{databases.file_of(url)}: database is locked for more than 0.2 s; end the other program that writes to it; "
        "what was finished stays, and the same command goes on"
    )
    study.tell(0, 0.5)


def test_results_are_read_while_another_program_keeps_everybody_from_writing(
    study: optuna.Study, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "PATIENCE", 0.2)
    with held(url, 60):
        assert call(["show", "mlp", "--storage", url]) == 0


@pytest.mark.parametrize("arguments", READS)
def test_reading_what_nobody_may_read_now_says_so(
    arguments: list[str],
    study: optuna.Study,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(refusals, "PATIENCE", 0.2)
    study._storage._backend.engine.dispose()
    change(url, "PRAGMA journal_mode = DELETE")
    with held(url, 60):
        assert call([*arguments, "--storage", url]) == 2
    said = capfd.readouterr().err
    assert "optuna.db: database is locked for more than 0.2 s; end the other program" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("arguments", [*READS, ["run", "--study", "mlp"]])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"an old shopping list " * 500, "file is not a database; move it away, or give another file"),
        (None, "another program's database, not Optuna's; give Optuna a file of its own"),
    ],
)
def test_another_programs_file_is_refused_and_not_touched(
    content: bytes | None, message: str, arguments: list[str], url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    file = databases.file_of(url)
    assert file is not None
    if content is None:
        change(url, "CREATE TABLE alembic_version (version_num)", "CREATE TABLE songs (title)")
    else:
        file.write_bytes(content)
    before = file.read_bytes()
    assert call([*arguments, "--storage", url]) == 2
    said = capfd.readouterr().err
    assert f"--storage {file}: {message}" in said
    assert "Traceback" not in said
    assert file.read_bytes() == before


@pytest.mark.parametrize("use", [lambda study: study.trials, lambda study: study.tell(0, 0.5)])
def test_a_damaged_storage_is_named_with_what_can_be_saved(
    use: Callable[[optuna.Study], object], study: optuna.Study, url: str
) -> None:
    file = databases.file_of(url)
    assert file is not None
    storage.connect(url)
    change(url, "PRAGMA wal_checkpoint(TRUNCATE)")
    whole = file.read_bytes()
    with storage.reading(url) as store:
        opened = storage.load(store, "mlp")
        file.write_bytes(whole[:4096] + os.urandom(len(whole) - 4096))
        damaged = pytest.raises(
            SearchError, match=r"optuna.db: .*(malformed|not a database).*; (put a copy|move it away)"
        )
        with damaged, storage.told(url):
            use(opened)


def test_a_storage_that_is_gone_is_named_and_not_called_saved(study: optuna.Study, url: str, tmp_path: Path) -> None:
    (tmp_path / "optuna.db").unlink()
    gone = pytest.raises(SearchError, match=r"optuna.db: the file is gone; put a copy back, or begin anew$")
    with gone, storage.told(url):
        study.tell(0, 0.5)


def test_a_study_that_is_deleted_meanwhile_is_named(study: optuna.Study, url: str) -> None:
    optuna.delete_study(study_name="mlp", storage=storage.connect(url))
    deleted = pytest.raises(SearchError, match=r"optuna.db: the study, or a trial of it, was deleted meanwhile")
    with deleted, storage.told(url):
        study.tell(0, 0.5)


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("v3.0.0.d", r"an older Optuna \(schema v3.0.0.d\).*`python -m search upgrade --home "),
        ("v99", r"a later Optuna \(schema v99\).*`pip install --upgrade optuna`, or give another --home"),
    ],
)
def test_a_storage_of_another_optuna_is_refused_with_what_to_do(version: str, message: str, url: str) -> None:
    storage.connect(url)
    change(url, f"UPDATE alembic_version SET version_num = '{version}'")
    for opened in (storage.connect, read):
        with pytest.raises(UsageError, match=f"--storage .*optuna.db has the tables of {message}"):
            opened(url)


@pytest.mark.parametrize("fault", [KeyError("epochs"), AssertionError("cannot happen"), ValueError("odd")])
def test_a_fault_in_the_code_is_not_blamed_on_the_storage(fault: Exception, url: str) -> None:
    with pytest.raises(type(fault)), storage.told(url):
        raise fault


def test_an_assertion_because_the_storage_refused_is_told_as_what_it_refused(url: str) -> None:
    storage.connect(url)
    stumbled = AssertionError("Should not reach.")
    stumbled.__context__ = sqlite3.OperationalError("database is locked")
    with pytest.raises(SearchError, match="database is locked"), storage.told(url):
        raise stumbled


@pytest.mark.parametrize("kind", ["nosuch", "postgresql+nosuch"])
def test_a_server_that_cannot_be_used_is_named_without_its_password(kind: str) -> None:
    for opened in (storage.connect, read):
        with pytest.raises(UsageError, match=rf"--storage {kind.replace('+', '.')}://anna:\*\*\*@host/db: ") as refused:
            opened(f"{kind}://anna:secret@host/db")
        assert "secret" not in str(refused.value)


def test_a_driver_that_is_missing_is_named_with_the_package_that_brings_it() -> None:
    with pytest.raises(UsageError, match=r"'psycopg2'; install it by `python -m pip install 'psycopg2'`"):
        storage.connect("postgresql+psycopg2://anna@host/db")
    missing = ModuleNotFoundError("No module named 'psycopg'", name="psycopg")
    said = refusals.reason("postgresql://anna@host/db", missing)
    assert "pip install 'psycopg[binary]'`, or the extra `postgres` of this project, or give sqlite:///FILE" in said
