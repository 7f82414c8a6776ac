"""Disks and stores that take all writes but one."""

from pathlib import Path

import pytest

from tests.faults.chaos import failed_writes


@pytest.mark.slow
def test_whichever_write_fails_the_next_call_brings_the_study_to_its_end(tmp_path: Path) -> None:
    assert [figure for figure in failed_writes(tmp_path / "searches", seed=13, every=80) if not figure.well] == []
