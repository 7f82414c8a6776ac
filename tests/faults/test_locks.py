"""Databases that another process holds."""

from pathlib import Path

import pytest

from tests.faults.chaos import locked

pytestmark = pytest.mark.slow


def test_a_database_that_is_held_is_waited_for(tmp_path: Path) -> None:
    assert [figure for figure in locked(tmp_path, seed=1, seconds=6) if not figure.well] == []
