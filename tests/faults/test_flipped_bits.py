"""Images whose files are damaged."""

from pathlib import Path

import pytest

from tests.faults.chaos import flipped_bits

pytestmark = pytest.mark.slow


def test_a_flipped_bit_in_the_images_is_noticed_before_anything_is_trained(tmp_path: Path) -> None:
    assert [figure for figure in flipped_bits(tmp_path, seed=1, count=20) if not figure.well] == []
