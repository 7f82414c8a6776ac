"""The files that a training goes on from, when disks are not what they should be."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.checkpoint import BEFORE, NEWEST, Checkpoint, read, write

ANYWHERE = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


def state(epoch: int) -> Checkpoint:
    weights = np.full((2, 3), epoch, np.float32)
    return Checkpoint({"key": "uuid/1", "history": [{"loss": 0.1}] * epoch}, [weights, np.array(epoch)], [weights])


def same(one: Checkpoint | None, other: Checkpoint) -> bool:
    return one is not None and repr(vars(one)) == repr(vars(other))


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@ANYWHERE
def test_a_bit_flipped_anywhere_gives_what_was_written_or_the_one_before(
    place: float, bit: int, tmp_path: Path
) -> None:
    for epoch in (1, 2):
        write(tmp_path, state(epoch))
    torn = bytearray((tmp_path / NEWEST).read_bytes())
    torn[int(place * len(torn))] ^= 1 << bit
    (tmp_path / NEWEST).write_bytes(torn)
    found = read(tmp_path)
    assert same(found, state(2)) or same(found, state(1))


@pytest.mark.parametrize("kept", [0, 1, 100, 1000])
def test_two_files_cut_short_are_no_checkpoint(kept: int, tmp_path: Path) -> None:
    for epoch in (1, 2):
        write(tmp_path, state(epoch))
    for name in (NEWEST, BEFORE):
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:kept])
    assert read(tmp_path) is None
