import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from models.data import DataError, Images, open_shared, share


def test_shared_images_are_the_same_images(images: Images, tmp_path: Path) -> None:
    opened = open_shared(share(images, tmp_path))
    assert opened.digest == images.digest
    assert (opened.name, opened.source, opened.class_names) == (images.name, images.source, images.class_names)
    for (_, found), (_, array) in zip(opened.arrays(), images.arrays(), strict=True):
        assert np.array_equal(found, array)
        assert found.dtype == array.dtype


def test_what_one_process_writes_into_shared_images_by_mistake_no_other_sees(images: Images, tmp_path: Path) -> None:
    place = share(images, tmp_path)
    open_shared(place).train.images[:] = 0
    assert open_shared(place).digest == images.digest


def test_images_that_are_there_are_not_written_again(images: Images, tmp_path: Path) -> None:
    place = share(images, tmp_path)
    before = {file.name: file.stat().st_mtime_ns for file in place.iterdir()}
    assert share(images, tmp_path) == place
    assert {file.name: file.stat().st_mtime_ns for file in place.iterdir()} == before


@pytest.mark.parametrize("name", ["train_images.npy", "validation_labels.npy", "about.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "delete"])
def test_damaged_files_are_written_again(images: Images, tmp_path: Path, name: str, damage: str) -> None:
    file = share(images, tmp_path) / name
    good = file.read_bytes()
    flipped = bytes([*good[:-1], good[-1] ^ 1])
    file.write_bytes({"flip": flipped, "cut": good[:-3], "empty": b"", "delete": b""}[damage])
    if damage == "delete":
        file.unlink()
    assert open_shared(share(images, tmp_path)).digest == images.digest
    assert file.read_bytes() == good


# A letter of the type turned into another: NumPy remarks that it is an old name for texts.
@pytest.mark.filterwarnings("ignore:Data type alias 'a':DeprecationWarning")
@given(place=st.integers(0, 200), bit=st.integers(0, 7))
@example(place=22, bit=3)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_bit_flipped_in_a_header_is_noticed_like_any_other(
    place: int, bit: int, images: Images, tmp_path: Path
) -> None:
    file = share(images, tmp_path) / "train_labels.npy"
    torn = bytearray(file.read_bytes())
    torn[place] ^= 1 << bit
    file.write_bytes(torn)
    opened = open_shared(share(images, tmp_path))
    assert opened.digest == images.digest
    assert opened.train.labels.dtype == np.int64


def test_the_same_images_under_another_name_take_that_name(images: Images, tmp_path: Path) -> None:
    share(images, tmp_path)
    assert open_shared(share(replace(images, name="copy"), tmp_path)).name == "copy"


def test_whoever_has_damaged_files_open_keeps_what_was_mapped(images: Images, tmp_path: Path) -> None:
    place = share(images, tmp_path)
    opened = open_shared(place)
    (place / "test_labels.npy").unlink()
    share(images, tmp_path)
    assert opened.digest == images.digest


def test_an_empty_folder_is_no_place_for_images(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be read .*share them again"):
        open_shared(tmp_path)


def test_objects_are_never_unpickled(images: Images, tmp_path: Path) -> None:
    place = share(images, tmp_path)
    np.save(place / "test_labels.npy", np.array([print], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"test_labels|[Oo]bject"):
        open_shared(place)


def test_a_place_that_cannot_be_written_is_named(images: Images, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"file/cache.* cannot be written"):
        share(images, tmp_path / "file" / "cache")


def test_features_of_a_family_are_shared_like_images(images: Images, tmp_path: Path) -> None:
    features = replace(images.train, images=np.ones((12, 7), np.float32))
    made = replace(images, train=features)
    assert open_shared(share(made, tmp_path)).digest == made.digest


def test_processes_that_share_at_once_agree(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from models.data import load, share, open_shared\n"
        "images = load(sys.argv[1], cache=Path(sys.argv[2]))\n"
        "place = share(images, Path(sys.argv[2]))\n"
        "assert open_shared(place).digest == images.digest == place.name\n"
    )
    file = tmp_path / "many.npz"
    x, y = np.zeros((5000, 28, 28), np.uint8), np.arange(5000) % 10
    np.savez(file, x_train=x, y_train=y, x_test=x, y_test=y)
    words = [sys.executable, "-c", script, str(file), str(tmp_path / "cache")]
    racing = [subprocess.Popen(words, cwd=Path(__file__).parents[3]) for _ in range(3)]
    assert [process.wait(timeout=60) for process in racing] == [0, 0, 0]
    assert len([entry for entry in (tmp_path / "cache" / "data").iterdir() if entry.name != ".lock"]) == 1
