"""A search that removes models as it goes, and dies as it does, ends with those of its best trials."""

import signal
from pathlib import Path

import pytest

from tests.faults.searches import STUDY, Search
from tests.faults.stores import best, models, violations

pytestmark = pytest.mark.slow

POINTS = ("before_tell:3", "after_tell:2", "after_model:2", "after_removal", "after_removal:2")


def test_a_search_that_keeps_two_models_and_dies_again_and_again_ends_with_the_two_best(tmp_path: Path) -> None:
    search = Search(tmp_path / "home", ["--trials", "16", "--epochs", "2", "--keep", "2"], seconds=0.02)
    for point in POINTS:
        assert search.finish(SEARCH_CRASH_AT=point) == -signal.SIGKILL, point
    assert search.finish() == 0
    assert violations(search.home, STUDY, 16) == []
    assert models(search.home) == best(search.home, 2)
    # Remembered, and done by a call that has nothing else to do.
    assert search.finish() == 0
    narrower = Search(search.home, ["--trials", "16", "--keep", "1"])
    assert narrower.finish() == 0
    assert models(search.home) == best(search.home, 1)
    assert "--keep 1: 1 model was removed" in search.said.read_text()
