"""Arrays that several processes compute together: each part once, whoever dies over it."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models import arrays

ROOT = Path(__file__).parents[2]
Compute = Callable[[slice], NDArray[np.float32]]
PARTS = 8
# Computes the parts of an array, says so, and takes its time.
PROCESS = """
import os, sys, time
from pathlib import Path
import numpy as np
from models import arrays
arrays.PART = 10
def compute(rows):
    with open("log", "a") as log:
        log.write(f"{os.getpid()} {rows.start}\\n")
    time.sleep(0.2)
    return np.full((10, 3), rows.start)
arrays.computed(Path("array.npy"), (80, 3), compute)
"""


def counting(rows: int, calls: list[int]) -> Compute:
    def compute(part: slice) -> NDArray[np.float32]:
        calls.append(part.start)
        return np.arange(rows * 2, dtype=np.float32).reshape(rows, 2)[part]

    return compute


@pytest.mark.parametrize("rows", [1, 999, 1_000, 1_001, 2_500])
def test_an_array_is_computed_once_and_then_read(rows: int, tmp_path: Path) -> None:
    calls: list[int] = []
    for _ in range(2):
        found = arrays.computed(tmp_path / "a.npy", (rows, 2), counting(rows, calls))
        np.testing.assert_array_equal(found, np.arange(rows * 2).reshape(rows, 2))
    assert calls == list(range(0, rows, arrays.PART))
    assert {file.suffix for file in tmp_path.iterdir()} == {".npy", ".sha256", ".lock"}


@given(st.lists(st.integers(0, PARTS - 1), max_size=5))
def test_what_is_interrupted_goes_on_with_the_part_that_is_missing(
    tmp_path_factory: pytest.TempPathFactory, failures: list[int]
) -> None:
    file = tmp_path_factory.mktemp("arrays") / "a.npy"
    calls: list[int] = []
    whole = counting(PARTS * arrays.PART, calls)

    def failing(part: slice) -> NDArray[np.float32]:
        values = whole(part)
        if failures and part.start == failures[0] * arrays.PART:
            failures.pop(0)
            raise OSError("no space left")
        return values

    failed = 0
    while not file.exists():
        try:
            arrays.computed(file, (PARTS * arrays.PART, 2), failing)
        except OSError:
            failed += 1
    assert len(calls) == PARTS + failed
    np.testing.assert_array_equal(np.load(file), np.arange(PARTS * arrays.PART * 2).reshape(-1, 2))


def test_processes_share_the_parts_and_take_over_what_one_died_over(tmp_path: Path) -> None:
    def start() -> "subprocess.Popen[bytes]":
        return subprocess.Popen([sys.executable, "-c", PROCESS], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)})

    victim = start()
    while not (tmp_path / "log").exists():
        time.sleep(0.01)
    others = [start(), start()]
    victim.kill()
    assert [process.wait(timeout=60) for process in others] == [0, 0]
    victim.wait()
    lines = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
    times = Counter(int(start) for _, start in lines)
    assert set(times) == set(range(0, 80, 10))
    assert sum(times.values()) <= 8 + 1, "only what the killed process had begun is computed again"
    found: Any = np.load(tmp_path / "array.npy")
    np.testing.assert_array_equal(found, np.repeat(np.arange(0, 80, 10), 10)[:, None] * np.ones(3))
