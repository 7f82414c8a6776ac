"""An MLflow server that is away."""

from pathlib import Path

import pytest

from tests.faults.chaos import away

pytestmark = pytest.mark.slow


def test_a_server_that_is_away_for_a_whole_search_costs_no_point_and_no_time(tmp_path: Path) -> None:
    assert [figure for figure in away(tmp_path, 1, seconds=[float("inf")], epochs=12) if not figure.well] == []
