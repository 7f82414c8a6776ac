"""A home that was moved or copied, and one that one may only read: commands do there what they do anywhere."""

import json
import shutil
import sqlite3
import sys
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from models.data import Images
from search.cli import call
from tests.search import homes
from tests.support import read_only

pytestmark = pytest.mark.slow

# Fewer trials than elsewhere: what is recorded of each takes its time.
ENDINGS = ("complete", "complete", "failed", "pruned")
LOOKING = (["list"], ["show", "mlp"], ["best", "mlp"], ["compare"], ["compare", "mlp/0", "mlp/1"], ["models"])
# Runs commands, and prints the exit code of each, and what it said.
COMMANDS = """
import contextlib, io, json, sys
from search.cli import call
answers = []
for words in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = call(words)
    answers.append([code, out.getvalue(), err.getvalue()])
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def made(bars: Images, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a study of trials of every kind, which is not to be changed."""
    home = tmp_path_factory.mktemp("made") / "home"
    home.mkdir()
    homes.search(home, bars, endings=ENDINGS)
    return home


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """A copy of it, in another place."""
    return shutil.copytree(made, tmp_path / "copy")


def answers(home: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return what commands that look print of a home."""
    capsys.readouterr()
    printed = []
    for words in LOOKING:
        assert call([*words, "--home", str(home), "--format", "json"]) == 0
        printed.append(capsys.readouterr().out)
    return printed


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file but locks, and those that SQLite puts beside a database that is open."""
    passing = ("-wal", "-shm", ".lock")
    there = (file for file in folder.rglob("*") if file.is_file() and not file.name.endswith(passing))
    return {str(file.relative_to(folder)): file.read_bytes() for file in there}


def test_what_is_looked_at_in_a_copied_home_is_what_was_there_before(
    made: Path, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answers(copy, capsys) == answers(made, capsys)


def test_a_report_and_a_bundle_of_a_copied_home_have_all_its_pictures_and_models(
    made: Path, copy: Path, tmp_path: Path
) -> None:
    sizes = []
    for home in (made, copy):
        page, bundle = tmp_path / f"{home.name}.html", tmp_path / f"{home.name}.zip"
        assert call(["report", "--home", str(home), "--out", str(page)]) == 0
        assert call(["export", "mlp", "--home", str(home), "-o", str(bundle)]) == 0
        with zipfile.ZipFile(bundle) as opened:
            sizes.append((page.read_text().count("data:image/png"), len(opened.namelist())))
    assert sizes[0] == sizes[1]


def test_models_that_a_copied_home_lets_go_stay_where_it_was_copied_from(made: Path, copy: Path) -> None:
    before = contents(made)
    assert call(["keep", "mlp", "--top", "1", "--home", str(copy)]) == 0
    assert len(list(copy.rglob("*.keras"))) < len(list(made.rglob("*.keras")))
    assert contents(made) == before


def test_the_doctor_says_that_a_home_was_moved_and_mends_it_after_copying_the_databases(
    copy: Path, made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["doctor", "--home", str(copy)]) == 1
    said = capsys.readouterr().out
    assert f"was moved or copied from {made}" in " ".join(said.split())
    assert "missing" not in said
    assert call(["doctor", "--fix", "--home", str(copy)]) == 0
    assert call(["doctor", "--home", str(copy)]) == 0
    (backup,) = (copy / "backups").rglob("mlflow.db")
    for file, ours in ((copy / "mlflow.db", copy), (backup, made)):
        with closing(sqlite3.connect(file)) as database:
            ((address,),) = database.execute("SELECT DISTINCT artifact_location FROM experiments WHERE name = 'mlp'")
        assert address == (ours / "artifacts" / "mlp").as_uri()


def test_a_home_that_one_may_only_read_is_looked_at_all_the_same(
    copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected, before = answers(copy, capsys), contents(copy)
    asked = [[*words, "--format", "json"] for words in LOOKING]
    asked += [["export", "mlp", "-o", str(tmp_path / "mlp.zip")], ["report", "--out", str(tmp_path / "report.html")]]
    asked += [["keep", "mlp", "--dry-run"], ["doctor"]]
    refused = [["keep", "mlp"], ["doctor", "--fix"], ["promote", "bars-mlp"], ["ui", "--writable"]]
    lines = [[*words, "--home", str(copy)] for words in asked + refused]
    done = read_only(copy, sys.executable, "-c", COMMANDS, json.dumps(lines))
    assert done.returncode == 0, done.stderr
    answered = json.loads(done.stdout.splitlines()[-1])
    assert [printed for _, printed, _ in answered[: len(LOOKING)]] == expected
    assert [code for code, _, _ in answered] == [0] * (len(asked) - 1) + [1] + [2] * len(refused)
    assert all(said.count("\n") <= 2 and "Traceback" not in said for _, _, said in answered[len(asked) :])
    assert contents(copy) == before
