"""An MLflow server that does what it is asked, and whose answers get lost on the way."""

from pathlib import Path

import pytest

from tests.faults.chaos import lost_replies

pytestmark = pytest.mark.slow


def test_an_answer_that_gets_lost_doubles_nothing(tmp_path: Path) -> None:
    assert [figure for figure in lost_replies(tmp_path, 1, trials=6) if not figure.well] == []
