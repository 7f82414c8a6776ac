"""What others have set, or left lying about, and what a search makes of it. `tests/faults/hostile.py` has more."""

import os
import subprocess
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from search.system import surroundings
from tests.faults import hostile
from tests.faults.searches import LIGHT, ROOT, STUDY, make_images

pytestmark = pytest.mark.slow

IN_THE_WAY = ("models", "tracking", "random", "types", "typing", "numpy", "token", "socket", "warnings", "queue")
EXPERIMENTAL = "import warnings; warnings.warn('a library is about to change', DeprecationWarning)"


def run(words: Sequence[str], where: Path, changed: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    known = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "OPTUNA_", "PYTHON"))}
    return subprocess.run(
        [sys.executable, *words], cwd=where, env=known | changed, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("options", [["-W", "error", "-bb"], ["-X", "dev", "-b"]])
def test_warnings_that_are_errors_or_shown_end_neither_a_search_nor_its_report(
    options: Sequence[str], tmp_path: Path
) -> None:
    flags = (
        "--trials 1 --epochs 1 --workers 1 --sampler random --pruner none --baselines none --fix fault=none,mood=well"
    )
    data, home = ["--data", str(make_images(tmp_path / "images.npz"))], ["--home", str(tmp_path / "home")]
    changed = {"PYTHONWARNINGS": "error", "PYTHONPATH": str(ROOT), "STEPS_SECONDS": "0.02"}
    for words in (["run", "--study", STUDY, *data, *flags.split()], ["report"]):
        done = run([*options, str(LIGHT), *words, *home], tmp_path, changed)
        assert (done.returncode, "Warning" in done.stderr) == (0, False), done.stderr
    assert "1 study, 1 trial," in done.stdout


def test_in_a_process_of_a_persons_own_everything_is_as_before_afterwards() -> None:
    before = warnings.filters[:], dict(os.environ), sys.warnoptions[:]
    with surroundings.unraised(), surroundings.for_processes():
        exec(EXPERIMENTAL)
    assert (warnings.filters, dict(os.environ), sys.warnoptions) == before
    with pytest.raises(DeprecationWarning):
        exec(EXPERIMENTAL)


def test_modules_where_one_stands_are_never_found_instead_of_ours_or_of_pythons(tmp_path: Path) -> None:
    for name in IN_THE_WAY:
        (tmp_path / f"{name}.py").write_text(hostile.BROKEN)
    done = run(["-m", "search", "list", "--home", "h"], tmp_path, {})
    assert done.returncode == 2
    assert done.stderr.startswith("error: nothing has been searched here yet")


@pytest.mark.parametrize("code", [["-m", "search", "list"], ["-c", "from search import Study"]])
def test_a_module_that_is_found_instead_of_ours_is_named(tmp_path: Path, code: Sequence[str]) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").write_text("")
    done = run(code, tmp_path / "models", {"PYTHONPATH": str(tmp_path)})
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert f"rror: {tmp_path / 'models' / '__init__.py'} is in the way: it is found as 'models'" in last
    assert last.endswith("call it otherwise, or take its folder off PYTHONPATH and sys.path")
