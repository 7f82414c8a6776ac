"""SIGTERM and Ctrl-C at random times."""

import signal
import time
from pathlib import Path

import pytest

from tests.faults.chaos import signals
from tests.faults.searches import PATIENCE, STUDY, Search, fork_servers, kill, wait_until, workers
from tests.faults.stores import rows, violations

pytestmark = pytest.mark.slow


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


def test_a_search_that_is_stopped_for_longer_than_a_trial_may_take_trains_all_its_epochs(tmp_path: Path) -> None:
    """As by Ctrl-Z, and gone on with by `fg`."""
    flags = ["--trials", "2", "--epochs", "8", "--trial-timeout", "7s", "--fix", "mood=well"]
    search = Search(tmp_path / "home", flags, seconds=0.2)
    with search.start() as driver:
        assert wait_until(lambda: search.log.exists() and len(search.epochs_begun()) > 4, seconds=PATIENCE)
        everybody = [driver.pid, *fork_servers(driver.pid), *workers(driver.pid)]
        for process in everybody:
            kill(process, signal.SIGSTOP)
        time.sleep(9)
        for process in everybody:
            kill(process, signal.SIGCONT)
        assert driver.wait(timeout=PATIENCE) == 0
    ended = rows(
        search.home / "optuna.db",
        "SELECT state, count(*) FROM trials JOIN trial_intermediate_values USING "
        "(trial_id) GROUP BY trial_id ORDER BY number",
    )
    assert ended == [("COMPLETE", 8), ("COMPLETE", 8)]
    (longest,) = rows(search.home / "mlflow.db", "SELECT max(value) FROM metrics WHERE key = 'training_seconds'")[0]
    assert longest < 7
