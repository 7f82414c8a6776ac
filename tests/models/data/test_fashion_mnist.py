import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models.data import DataError, fashion_mnist

IMAGES = "train-images-idx3-ubyte"
LABELS = "train-labels-idx1-ubyte"

Put = Callable[[Path], Path]


def refusal(folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        fashion_mnist.read(folder, "here")
    return str(caught.value)


def test_what_is_in_the_files_is_what_is_read(put: Put, small: dict[str, bytes], tmp_path: Path) -> None:
    found = fashion_mnist.read(put(tmp_path), "here")
    assert found.train.images.shape == (40, 28, 28, 1)
    assert found.train.images.tobytes() == small[IMAGES][16:]
    assert found.train.labels.tolist() == list(small[LABELS][8:])
    assert len(found.test) == 20


def test_files_that_are_not_compressed_are_as_good(put: Put, small: dict[str, bytes], tmp_path: Path) -> None:
    (put(tmp_path) / f"{LABELS}.gz").unlink()
    (tmp_path / LABELS).write_bytes(small[LABELS])
    assert fashion_mnist.missing(tmp_path) == []
    assert len(fashion_mnist.read(tmp_path, "here").train) == 40


@pytest.mark.parametrize("left", [0, 1, 9, 200, -9, -8, -1])
def test_a_truncated_file_is_named_with_both_digests(put: Put, tmp_path: Path, left: int) -> None:
    file = put(tmp_path) / f"{IMAGES}.gz"
    file.write_bytes(file.read_bytes()[:left])
    message = refusal(tmp_path)
    assert str(file) in message
    assert f"expected content with SHA-256 {fashion_mnist.DIGESTS[IMAGES]}" in message
    assert "bytes with SHA-256" in message


@pytest.mark.parametrize("position", [1, 3, 10, 1000, -6, -2])
def test_a_flipped_byte_is_found_wherever_it_is(put: Put, tmp_path: Path, position: int) -> None:
    file = put(tmp_path) / f"{IMAGES}.gz"
    damaged = bytearray(file.read_bytes())
    damaged[position] ^= 0xFF
    file.write_bytes(damaged)
    assert str(file) in refusal(tmp_path)


def test_a_page_in_place_of_a_file_is_refused_with_its_digest(put: Put, tmp_path: Path) -> None:
    page = b"<!doctype html><title>Log in to this network</title>"
    (put(tmp_path) / f"{LABELS}.gz").write_bytes(page)
    assert hashlib.sha256(page).hexdigest() in refusal(tmp_path)


def test_swapped_files_are_recognised(put: Put, tmp_path: Path) -> None:
    images, labels = (put(tmp_path) / f"{name}.gz" for name in (IMAGES, LABELS))
    kept = images.read_bytes()
    images.write_bytes(labels.read_bytes())
    labels.write_bytes(kept)
    assert f"this is {LABELS}" in refusal(tmp_path)


def test_other_images_of_the_right_format_are_refused(put: Put, small: dict[str, bytes], tmp_path: Path) -> None:
    header, size = small[IMAGES][:16], len(small[IMAGES]) - 16
    noise = header + np.random.default_rng(1).bytes(size)
    (put(tmp_path) / f"{IMAGES}.gz").write_bytes(gzip.compress(noise))
    assert hashlib.sha256(noise).hexdigest() in refusal(tmp_path)


def test_a_file_that_would_unpack_for_ever_is_cut_short(
    put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fashion_mnist, "LARGEST", 2**16)
    (put(tmp_path) / f"{IMAGES}.gz").write_bytes(gzip.compress(bytes(2**20)))
    assert f"found {2**16} bytes" in refusal(tmp_path)


def test_a_folder_in_place_of_a_file_is_named(put: Put, tmp_path: Path) -> None:
    file = put(tmp_path) / f"{LABELS}.gz"
    file.unlink()
    file.mkdir()
    assert str(file) in refusal(tmp_path)
