"""Workers and drivers, killed at random."""

from pathlib import Path

import pytest

from tests.faults.chaos import doctor
from tests.faults.killing import TRIALS, departures, kill_until_done
from tests.faults.searches import STUDY
from tests.faults.stores import violations

pytestmark = pytest.mark.slow


def test_twenty_kills_cost_an_epoch_each_at_most_and_nothing_is_lost(tmp_path: Path) -> None:
    for killing in kill_until_done(tmp_path, seed=1, kills=20):
        assert killing.exit_code == 0
        assert violations(killing.search.home, STUDY, TRIALS) == []
        assert departures(killing.search) == []
        assert doctor(killing.search) == []
        assert max(killing.epochs_again(), default=0) <= 1
