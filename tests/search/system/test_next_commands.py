"""Commands that a person is shown: by which interpreter, about which place, and whole however narrow the terminal."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from search.problem import settings
from search.problem.settings import Place
from search.system import next_commands, version

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def nowhere_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in next_commands.PLACES.values():
        monkeypatch.delenv(name, raising=False)


def test_python_is_named_by_its_path_unless_a_shell_finds_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    assert next_commands.program() == "python -m search"
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.chdir(tmp_path)
    assert next_commands.program() == f"{shlex.quote(sys.executable)} -m search"
    monkeypatch.chdir(folder.parent)
    assert next_commands.program() == f"{Path(sys.executable).relative_to(folder.parent)} -m search"


@pytest.mark.parametrize("start", [["-m", "search"], [str(Path(sys.executable).with_name("garment-search"))]])
def test_what_is_printed_works_when_it_is_pasted_into_a_shell_that_knows_no_python(
    start: list[str], tmp_path: Path
) -> None:
    environment = {**os.environ, "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    words = [sys.executable, *start, "list", "--home", str(tmp_path / "some where")]
    said = subprocess.run(words, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    command = said.stderr.split("`")[1]
    pasted = subprocess.run(f"{command} --dry-run", shell=True, env=environment, cwd=tmp_path, check=False)
    assert pasted.returncode == 0, command


def test_who_starts_the_script_is_told_the_script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = Path(sys.executable).parent
    monkeypatch.setattr(sys, "argv", [str(folder / "garment-search"), "list"])
    with next_commands.typed(["show", "mlp"]):
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
        assert next_commands.command("list") == next_commands.lasting("list") == "garment-search list"
        monkeypatch.setenv("PATH", "/usr/bin:/bin")
        monkeypatch.chdir(tmp_path)
        assert next_commands.command("list") == f"{shlex.quote(str(folder / 'garment-search'))} list"
        # As tools that install programs each on its own do.
        (tmp_path / "garment-search").symlink_to(folder / "garment-search")
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        assert next_commands.command("list") == "garment-search list"


@pytest.mark.parametrize("start", [["-m", "search"], [str(Path(sys.executable).with_name("garment-search"))]])
def test_both_ways_to_start_it_print_the_version(start: list[str], tmp_path: Path) -> None:
    words = [sys.executable, *start, "--version"]
    said = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert said.stdout == f"garment-search {version.version()}\n"


@pytest.mark.parametrize(
    ("words", "where"),
    [
        (["show", "mlp"], []),
        (["show", "mlp", "--home", "some where"], ["--home", "some where"]),
        (["show", "mlp", "--home=x", "--storage=sqlite:///y.db"], ["--home", "x", "--storage", "sqlite:///y.db"]),
        (
            ["ui", "--home", "x", "--tracking-uri", "http://localhost:1"],
            ["--home", "x", "--tracking-uri", "http://localhost:1"],
        ),
    ],
)
def test_where_everything_is_is_said_as_it_was_typed(words: list[str], where: list[str]) -> None:
    with next_commands.typed(words):
        assert shlex.split(next_commands.command("show", "mlp"))[-2 - len(where) :] == ["show", "mlp", *where]


def test_a_variable_counts_like_a_flag_and_neither_a_secret_nor_the_usual_is_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SEARCH_HOME", str(tmp_path))
    monkeypatch.setenv("OPTUNA_STORAGE", "postgresql://me:secret@host/x")
    # MLflow puts this into the environment itself.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", Place.at(tmp_path, None, None).tracking_uri)
    with next_commands.typed(["list"]):
        assert next_commands.command("list").endswith(f"-m search list --home {tmp_path}")
        assert next_commands.lasting("list") == f"python -m search list --home {tmp_path}"


def test_one_more_study_has_a_name_that_a_study_can_have() -> None:
    assert [next_commands.another(name) for name in ("mlp", "mlp-2", "mlp-9", "a-b")] == [
        "mlp-2",
        "mlp-3",
        "mlp-10",
        "a-b-2",
    ]
    assert settings.check_name(next_commands.another("x" * 64)).endswith("x-2")


def test_a_command_is_never_broken_and_no_line_is_longer_without_one() -> None:
    command = "`python -m search show mlp/3 --home '/a/very long/way'`"
    text = f"  - study mlp has no complete trial yet, and nobody knows why; see {command}, or not\nthe end"
    lines = next_commands.wrapped(text, 40).split("\n")
    assert sum(command in line for line in lines) == 1
    assert all(len(line) < 40 for line in lines if command not in line)
    assert lines[0].startswith("  - study")
    assert " ".join(" ".join(lines).split()) == " ".join(text.split())
