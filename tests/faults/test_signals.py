"""SIGTERM and Ctrl-C at random times."""

import signal
import time
from pathlib import Path

import pytest

from tests.faults.chaos import signals
from tests.faults.searches import STUDY, Search, wait_until, workers
from tests.faults.stores import violations


def test_a_search_that_is_asked_to_stop_stops_in_good_order_and_goes_on(tmp_path: Path) -> None:
    assert [figure for figure in signals(tmp_path, seed=1, count=4) if not figure.well] == []


@pytest.mark.parametrize("pause", [0.0, 0.1])
def test_a_second_ctrl_c_ends_everything_at_once_and_the_same_command_goes_on(pause: float, tmp_path: Path) -> None:
    search = Search(tmp_path / "home", ["--trials", "3", "--epochs", "4"], seconds=0.2)
    with search.start() as driver:
        assert wait_until(lambda: search.log.exists() and search.epochs_begun())
        started = workers(driver.pid)
        driver.send_signal(signal.SIGINT)
        time.sleep(pause)
        driver.send_signal(signal.SIGINT)
        # A shell says 130 to a process that SIGINT has ended, too: the second one may come after the last of the work.
        assert driver.wait(timeout=5) in (130, -signal.SIGINT)
    assert wait_until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in started), seconds=5)
    assert search.finish() == 0
    assert violations(search.home, STUDY, 3) == []
