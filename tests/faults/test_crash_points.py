"""A search that dies at every step of its protocol goes on by the same command, and both stores agree."""

import signal
from pathlib import Path

import pytest

from tests.faults.searches import STUDY, Search
from tests.faults.stores import violations

pytestmark = pytest.mark.slow

# Where the driver passes, and where the thread does that delivers what it records.
OF_THE_DRIVER = ["after_ask", "after_open", "after_report", "after_tell", "before_tell"]
OF_THE_RELAY = ["open", "parameters", "metrics", "tags", "dataset", "text", "picture", "model", "finish"]


@pytest.mark.parametrize(
    "points", [OF_THE_DRIVER, [f"after_{entry}" for entry in OF_THE_RELAY]], ids=["driver", "relay"]
)
def test_a_driver_that_dies_at_one_point_after_the_other_leaves_a_search_that_goes_on(
    points: list[str], tmp_path: Path
) -> None:
    search = Search(tmp_path / "home", ["--trials", "12", "--epochs", "3"], seconds=0.02)
    for point in points:
        # At its second passing: in the middle of something.
        assert search.finish(SEARCH_CRASH_AT=f"{point}:2") == -signal.SIGKILL, point
    assert search.finish() == 0
    assert violations(search.home, STUDY, 12) == []
    assert max(search.epochs_begun().values()) <= 1 + len(points), "an epoch is begun again once a death at most"


def test_workers_that_die_right_after_a_checkpoint_cost_no_epoch(tmp_path: Path) -> None:
    search = Search(tmp_path / "home", ["--trials", "4", "--epochs", "3"], seconds=0.02)
    # Each process that takes a dead one's place dies there, too.
    assert search.finish(SEARCH_CRASH_AT="after_checkpoint:2") == 0
    assert violations(search.home, STUDY, 4) == []
    assert set(search.epochs_begun().values()) == {1}


def test_a_trial_that_was_only_not_told_is_not_trained_again_and_leaves_nothing(tmp_path: Path) -> None:
    search = Search(tmp_path / "home", ["--trials", "1", "--epochs", "3", "--fix", "mood=well"], seconds=0.02)
    assert search.finish(SEARCH_CRASH_AT="before_tell") == -signal.SIGKILL
    assert search.finish() == 0
    assert violations(search.home, STUDY, 1) == []
    assert set(search.epochs_begun().values()) == {1}
