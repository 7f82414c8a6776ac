"""The checks can fail: a search that clones what was interrupted, as the usual stack does, does not pass them."""

import signal
from pathlib import Path

import pytest

from tests.faults.searches import LIGHT, STUDY, Search
from tests.faults.stores import rows, violations

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("script", ["light.py", "cloning.py"])
def test_a_search_that_clones_leaves_runs_running_and_configurations_untried(script: str, tmp_path: Path) -> None:
    search = Search(tmp_path / "home", ["--trials", "6", "--epochs", "3"], LIGHT.with_name(script), seconds=0.02)
    for _ in range(2):
        assert search.finish(SEARCH_CRASH_AT="after_report:3") == -signal.SIGKILL
    assert search.finish() == 0 or script == "cloning.py"
    wrong = violations(search.home, STUDY, 6)
    if script == "light.py":
        assert wrong == []
    else:
        assert any("is FAIL, its run RUNNING" in text for text in wrong)
        assert rows(search.home / "optuna.db", "SELECT count(*) FROM trials WHERE state = 'WAITING'") != [(0,)]
