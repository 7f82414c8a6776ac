"""A new setting is one field, and a new value one file, as a copy of the tree shows that has one more of each."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from search.policies import pruners, samplers
from search.workers import engines

ROOT = Path(__file__).parents[2]
FIELD = 'swing: Annotated[int, Option("How far it swings.", Lifetime.STUDY, minimum=1, later=True)] = 3'
ADDED = (
    ("policies/samplers", "random.py", "chance.py"),
    ("policies/pruners", "none.py", "nobody.py"),
    ("workers/engines", "inline.py", "inplace.py"),
)
BEFORE = '    seed: Annotated[int, Option("Decides all that is random.", minimum=0)] = 0\n'


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree in which the settings have one more field, and each folder of values one more file."""
    tree = tmp_path_factory.mktemp("tree")
    for room in ("search", "models", "tracking"):
        shutil.copytree(ROOT / room, tree / room, ignore=shutil.ignore_patterns("__pycache__"))
    parts = tree / "search/problem/parts.py"
    text = parts.read_text("utf-8")
    assert text.count(BEFORE) == 1
    parts.write_text(text.replace(BEFORE, f"{BEFORE}    {FIELD}\n"), "utf-8")
    for folder, file, added in ADDED:
        shutil.copy(tree / "search" / folder / file, tree / "search" / folder / added)
    return tree


@pytest.fixture(scope="module")
def said(copy: Path, bars_file: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What is said in the copy of the new setting, and of the new values."""
    home = tmp_path_factory.mktemp("around") / "home"
    code = f"""
import contextlib, io, json
from search import Study
from search.cli import call
from search.problem.resolving import resolve
from search.problem.settings import Place

new = ["--sampler", "chance", "--pruner", "nobody", "--engine", "inplace"]
dry = ["--data", {str(bars_file)!r}, "--dry-run", "--format", "json"]
place = Place.at(None, None, None)
stored = resolve("mlp", place, {{"swing": 7}}, {{}}).lasting()
said = {{"remembered": resolve("mlp", place, {{}}, json.loads(json.dumps(stored))).swing}}
for name, act in {{
    "help": lambda: call(["run", "--help"]),
    "dry": lambda: call(["run", "mlp", "--swing", "5", *new, *dry]),
    "refused": lambda: call(["run", "mlp", "--swing", "0"]),
    "changed": lambda: resolve("mlp", place, {{"swing": 8}}, stored),
    "older": lambda: resolve("mlp", place, {{"swing": 8}}, {{"family": "mlp"}}),
    "python": lambda: Study("mlp").run(swing=0),
    "nearly": lambda: call(["run", "mlp", "--sampler", "chanse"]),
    "nearly in Python": lambda: Study("mlp").run(pruner="nobdy"),
}}.items():
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
        try:
            act()
        except Exception as error:
            print(error)
    said[name] = out.getvalue()
print(json.dumps(said))
"""
    environment = os.environ | {"PYTHONPATH": str(copy), "SEARCH_HOME": str(home), "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=home.parent, env=environment, stdout=subprocess.PIPE, check=True
    )
    said: dict[str, str] = json.loads(done.stdout)
    return said


def test_one_field_is_a_flag_and_an_option_in_python_and_is_remembered(said: dict[str, str]) -> None:
    assert "--swing" in said["help"]
    assert "How far it swings." in said["help"]
    assert "[default: (3)]" in said["help"]
    assert json.loads(said["dry"])["settings"]["swing"] == 5
    assert said["refused"] == "error: --swing 0: give 1 or more\n"
    assert said["python"] == "swing=0: give 1 or more\n"
    assert said["remembered"] == 7
    assert said["changed"].startswith("--swing 8: study mlp was begun with --swing 7, and its trials would not be")
    assert said["older"].startswith("--swing 8: study mlp was begun with --swing 3,")
    assert "run --study mlp-2 --family mlp --swing 8" in said["changed"]


def test_one_file_is_a_value_and_the_nearest_one_where_somebody_mistypes_it(said: dict[str, str]) -> None:
    drawing, ending, training = (
        sorted({*folder.names(), new})
        for folder, new in ((samplers, "chance"), (pruners, "nobody"), (engines, "inplace"))
    )
    for names in (drawing, ending, training):
        assert f"<{'|'.join(names)}>" in said["help"]
    settings = json.loads(said["dry"])["settings"]
    assert (settings["sampler"], settings["pruner"]) == ("chance", "nobody")
    assert said["nearly"] == (f"error: --sampler chanse: not one of {', '.join(drawing)} (did you mean chance?)\n")
    assert said["nearly in Python"].startswith(f"pruner=nobdy: not one of {', '.join(ending)}")
    assert said["nearly in Python"].endswith("(did you mean nobody?)\n")
