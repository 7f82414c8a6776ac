"""Data sets that are drawn are files that a search takes."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import data_sets
from models.data import Shape, load


@pytest.mark.parametrize(("what", "shape"), [("digits", Shape(28, 28, 1, 10)), ("figures", Shape(32, 32, 3, 10))])
def test_a_file_holds_all_kinds_and_is_written_alike_twice(
    what: str, shape: Shape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_sets, "FIGURES", 400)
    for name in ("one.npz", "other.npz"):
        monkeypatch.setattr("sys.argv", ["data_sets", what, str(tmp_path / name)])
        data_sets.main()
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "other.npz").read_bytes()
    images = load(str(tmp_path / "one.npz"), cache=tmp_path)
    assert images.shape == shape
    assert set(np.unique(images.train.labels)) == set(range(10)) == set(np.unique(images.test.labels))
