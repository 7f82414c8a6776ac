"""SQLite files under first starts that race, and under processes that are killed."""

import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import make_url

from tests.support import read_only
from tracking import databases

TEMPLATE = ["BEGIN;", "CREATE TABLE one (a);", "CREATE TABLE two (b);", "INSERT INTO two VALUES (7);", "COMMIT;"]
# Kills itself as it reaches a statement.
DEADLY = """
import functools, os, signal, sqlite3, sys
from pathlib import Path
from tracking import databases

class Deadly(sqlite3.Connection):
    def execute(self, statement, *values):
        if statement.startswith(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().execute(statement, *values)

databases.sqlite3.connect = functools.partial(sqlite3.connect, factory=Deadly)
databases.create(Path(sys.argv[1]), sys.argv[3:], 5)
"""


@pytest.mark.parametrize("statement", ["BEGIN", "CREATE TABLE two", "INSERT", "COMMIT"])
def test_a_process_killed_as_it_makes_a_database_leaves_an_empty_one(statement: str, tmp_path: Path) -> None:
    file = tmp_path / "new.db"
    killed = subprocess.run([sys.executable, "-c", DEADLY, str(file), statement, *TEMPLATE], check=False)
    assert killed.returncode == -9
    assert databases.tables(file, 1) == frozenset()
    databases.create(file, TEMPLATE, 1)
    assert databases.tables(file, 1) == {"one", "two"}


def test_what_another_process_put_there_first_stays(tmp_path: Path) -> None:
    file = tmp_path / "new.db"
    databases.create(file, TEMPLATE, 1)
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("INSERT INTO one VALUES (1)")
    databases.create(file, TEMPLATE, 1)
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("SELECT (SELECT count(*) FROM one), (SELECT count(*) FROM two)").fetchone() == (1, 1)


def test_a_new_database_can_be_read_by_its_owner_alone(tmp_path: Path) -> None:
    databases.create(tmp_path / "new.db", TEMPLATE, 1)
    assert stat.S_IMODE((tmp_path / "new.db").stat().st_mode) == 0o600


def test_looking_into_a_file_that_is_not_there_makes_none(tmp_path: Path) -> None:
    assert databases.tables(tmp_path / "none.db", 1) == frozenset()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("address", "file"),
    [
        ("sqlite:////a/b.db", "/a/b.db"),
        ("sqlite+pysqlite:////a/b.db", "/a/b.db"),
        ("sqlite:////a/100%25%20b.db", "/a/100% b.db"),
        ("sqlite:////a/b.db?mode=ro", None),
        ("sqlite://", None),
        ("sqlite:///", None),
        ("sqlite:///:memory:", None),
        ("postgresql://host/b.db", None),
        ("memory:", None),
    ],
)
def test_an_address_names_a_file_or_none(address: str, file: str | None) -> None:
    assert databases.file_of(address) == (Path(file) if file else None)


@given(name=st.text(st.characters(exclude_characters="/\0?", exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_an_address_leads_sqlalchemy_to_the_same_file(name: str) -> None:
    file = Path("/folder", name)
    assert databases.file_of(databases.address_of(file)) == file
    assert make_url(databases.address_of(file)).database == str(file)


# Prints what a database has, read where nothing can be put beside it.
READER = """
import sqlite3, sys
from pathlib import Path
from tracking import databases
with databases.to_read(Path(sys.argv[1]), 5) as there:
    print(there != Path(sys.argv[1]), sqlite3.connect(there).execute("SELECT b FROM two").fetchall())
"""


@pytest.mark.parametrize("state", ["at rest", "being written", "killed", "killed and copied without its index"])
def test_what_was_written_ahead_is_read_where_nothing_can_be_put_beside_a_database(state: str, tmp_path: Path) -> None:
    file = tmp_path / "home" / "new.db"
    file.parent.mkdir()
    databases.create(file, TEMPLATE, 1)
    databases.write_ahead(file, 1)
    with closing(sqlite3.connect(file)) as writer:
        writer.execute("INSERT INTO two VALUES (8)")
        writer.commit()
        if state.startswith("killed"):
            file = shutil.copytree(file.parent, tmp_path / "killed") / "new.db"
        if state == "at rest":
            writer.close()
        if state.endswith("index"):
            file.with_name("new.db-shm").unlink()
        done = read_only(file.parent, sys.executable, "-c", READER, str(file))
    assert (done.stdout, done.stderr) == ("True [(7,), (8,)]\n", "")
