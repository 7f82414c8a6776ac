import gzip
import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models.data import DataError, finding, load, open_shared, share, summary

Put = Callable[[Path], Path]


@pytest.mark.parametrize("source", ["fashon-mnist", "absent.npz", "~/absent", "~nobody-here/x", ""])
def test_a_source_that_is_not_there_is_named_with_what_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=f"no images at '{source}'.*fashion-mnist, a FILE.npz .* or a FOLDER"):
        load(source, cache=tmp_path)


def test_a_file_of_another_kind_is_named_with_what_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "data.csv").touch()
    with pytest.raises(DataError, match=r"data\.csv', neither a folder nor an \.npz file"):
        load(str(tmp_path / "data.csv"), cache=tmp_path)


def test_a_path_that_no_system_takes_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="xxx' cannot be read"):
        load("x" * 5000, cache=tmp_path)


def test_a_subset_is_taken_from_the_training_images_only(put: Put, tmp_path: Path) -> None:
    put(tmp_path / "debian")
    images = load(cache=tmp_path, images=20)
    assert summary(images).counts == {"train": (1,) * 10, "validation": (1,) * 10, "test": (2,) * 10}


def test_the_seed_decides_what_is_validated_on(put: Put, tmp_path: Path) -> None:
    put(tmp_path / "debian")
    first, again, other = (load(cache=tmp_path, seed=seed).digest for seed in (1, 1, 2))
    assert first == again != other


def test_a_negative_seed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not -1"):
        load(cache=tmp_path, seed=-1)


def test_tensorflow_is_not_needed() -> None:
    code = "import sys, models.data; print({'keras', 'tensorflow', 'optuna', 'mlflow'} & {*sys.modules})"
    root = Path(__file__).parents[3]
    answer = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"


@pytest.mark.real
def test_the_real_images_are_the_ones_everybody_means(tmp_path: Path) -> None:
    images = load(cache=tmp_path)
    found = summary(images)
    assert found.counts == {"train": (5400,) * 10, "validation": (600,) * 10, "test": (1000,) * 10}
    assert images.test.labels[:10].tolist() == [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]
    # Mean and deviation that everybody normalises Fashion-MNIST with: 0.2860 and 0.3530.
    pixels = np.concatenate([images.train.images, images.validation.images]) / 255
    assert (round(pixels.mean(), 4), round(pixels.std(), 4)) == (0.2860, 0.3530)


@pytest.mark.real
def test_the_real_split_and_digest_never_change(tmp_path: Path) -> None:
    images = load(cache=tmp_path)
    assert images.digest == "a8dcd768adc195d18a4f0ebf3a0b8a8a"
    assert open_shared(share(images, tmp_path)).digest == images.digest


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "packed_at", "published"),
    [
        ("train-images-idx3-ubyte", 1504176606, "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("train-labels-idx1-ubyte", 1504176606, "25c81989df183df01b3e8a0aad5dffbe"),
        ("t10k-images-idx3-ubyte", 1504176627, "bef4ecab320f06d8554ea6380940ec79"),
        ("t10k-labels-idx1-ubyte", 1504176627, "bb300cfdad3c16e7a12a480ee83cd310"),
    ],
)
def test_what_debian_packed_anew_is_what_the_authors_published(name: str, packed_at: int, published: str) -> None:
    """The authors published MD5 sums. Debian's files lack the name and time of packing: with these they agree."""
    file = finding.DEBIAN / f"{name}.gz"
    if not file.exists():
        pytest.skip("the Debian package is not installed")
    data = file.read_bytes()
    header = b"\x1f\x8b\x08\x08" + packed_at.to_bytes(4, "little") + data[8:10] + name.encode() + b"\0"
    assert hashlib.md5(header + data[10:], usedforsecurity=False).hexdigest() == published
    assert gzip.decompress(header + data[10:]) == gzip.decompress(data)
