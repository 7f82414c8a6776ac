"""Names of studies and trials, however odd: none leads out of the home folder, and none ends in a traceback."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from optuna.study import StudyDirection

from search.cli import call
from search.problem.settings import Place, check_name
from search.store import storage
from search.system import locks

ODD = [
    "",
    ".",
    "..",
    "../../etc/x",
    "/etc/passwd",
    "mlp/../mlp",
    "mlp/..",
    "mlp/-1",
    "mlp/٣",
    "mlp/²",
    "mlp/" + "9" * 5000,
    "mlp\n",
    "mlp/0\n",
    "x" * 600,
    "mlp\x00",
    "\udcff",
    "ｍｌｐ",
    "%2e%2e",
    "'; DROP TABLE studies; --",
]
names = st.one_of(
    st.sampled_from(ODD),
    st.text(max_size=80),
    st.from_regex(r"[a-z0-9][a-z0-9._-]{0,63}", fullmatch=True),
    st.tuples(st.just("mlp"), st.text(max_size=8)).map("/".join),
)
often = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one study of one trial, in a folder that holds nothing else."""
    folder = tmp_path_factory.mktemp("around") / "home"
    folder.mkdir()
    study = storage.begun(storage.connect(Place.at(folder, None, None).storage), "mlp", [StudyDirection.MINIMIZE])
    study.tell(study.ask(), 0.5)
    return folder


@pytest.mark.slow
@often
@given(name=names, command=st.sampled_from(["show", "best", "compare"]))
@example(name="mlp/" + "9" * 5000, command="show")
@example(name="mlp/٣", command="show")
@example(name="\udcff", command="show")
def test_reading_by_any_name_answers_or_refuses(name: str, command: str, home: Path) -> None:
    assert call([command, "--home", str(home), "--", name]) in (0, 2)
    assert [*home.parent.iterdir(), *home.glob("*/")] == [home]
    with closing(sqlite3.connect(home / "optuna.db")) as database:
        assert database.execute("SELECT study_name FROM studies").fetchall() == [("mlp",)]


@pytest.mark.parametrize("name", [name for name in ODD if name != "mlp"])
def test_no_search_begins_under_an_odd_name(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert call(["run", "--family", "mlp", "--home", str(tmp_path / "home"), f"--study={name}"]) == 2
    assert "a study's name has 1 to 64 of" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


@often
@given(name=st.from_regex(r"[a-z0-9][a-z0-9._-]{0,63}", fullmatch=True))
def test_what_a_study_leaves_under_its_name_stays_in_the_home_folder(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    around = tmp_path_factory.mktemp("around")
    (around / "home").mkdir()
    with locks.alone(around / "home", check_name(name)):
        assert [found.name for found in around.iterdir()] == ["home"]
        assert [found.parent.name for found in around.rglob("*.lock")] == ["locks"]


LONG = f"/tmp/{'a' * 300}"


@pytest.mark.parametrize(
    "words",
    [
        ["list", "--home", LONG],
        ["run", "mlp", "--dry-run", "--home", LONG],
        ["run", "mlp", "--dry-run", "--data", LONG],
        ["run", "resnet50", "--dry-run", "--weights", LONG],
        ["run", "mlp", "--storage", f"sqlite:///{LONG}"],
        ["doctor", "--home", LONG],
        ["upgrade", "--home", LONG],
        ["import", f"{LONG}.search"],
        ["export", "mlp", "--out", f"{LONG}.search"],
        ["report", "mlp", "--out", f"{LONG}.html"],
        ["predict", "mlp/0", f"{LONG}.png"],
        ["predict", f"{LONG}.keras", "x.png"],
    ],
    ids=lambda words: " ".join(words).replace("a" * 300, "a..."),
)
def test_no_file_can_have_so_long_a_name(words: list[str], home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert call([*words, *([] if "--home" in words else ["--home", str(home)])]) == 2
    assert capfd.readouterr().err.startswith("error: ")
