from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.data import DataError
from models.data.asked import Batch, sources
from models.data.pictures import Frame

FRAME = Frame(5, 4, 1)


def save(file: Path, value: int = 0, size: tuple[int, int] = (4, 5)) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, value).save(file)
    return file


def everything(*paths: Path, frame: Frame = FRAME) -> list[Batch]:
    return [batch for source in sources([str(path) for path in paths]) for batch in source.batches(frame)]


def test_files_and_folders_are_read_in_order_those_of_a_folder_by_name(tmp_path: Path) -> None:
    for value, name in enumerate(["b.png", "a.JPG", "deep/c.webp", "deep/er/d.bmp"]):
        save(tmp_path / "folder" / name, value)
    first = save(tmp_path / "first.png", 9)
    (batch,) = everything(first, tmp_path / "folder")
    folder = tmp_path / "folder"
    assert batch.names == [
        str(first),
        *(str(folder / name) for name in ("a.JPG", "b.png", "deep/c.webp", "deep/er/d.bmp")),
    ]
    assert batch.images[:3, 0, 0, 0].tolist() == [9, 1, 0]
    assert batch.unreadable == []


def test_what_is_hidden_or_no_picture_is_no_part_of_a_folder(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    for name in (".hidden.png", "notes.txt", ".thumbs/b.png"):
        save(tmp_path / name if name != "notes.txt" else tmp_path / "x.png").rename(tmp_path / name)
    (source,) = sources([str(tmp_path)])
    assert source.count == 1


def test_a_picture_that_cannot_be_read_is_told_of_and_the_others_are_there(tmp_path: Path) -> None:
    good = [save(tmp_path / name, 7) for name in ("a.png", "c.png")]
    (tmp_path / "b.png").write_bytes(good[0].read_bytes()[:-20])
    (batch,) = everything(tmp_path)
    assert batch.names == [str(file) for file in good]
    assert np.unique(batch.images).tolist() == [7]
    assert [why.startswith(f"{tmp_path / 'b.png'} cannot be read as a picture (") for why in batch.unreadable] == [True]


def test_an_array_is_read_in_batches_that_together_are_the_array(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2_345, 5, 4), np.uint8)
    labels = np.arange(2_345) % 7
    for write, name in ((np.savez, "plain.npz"), (np.savez_compressed, "small.npz")):
        write(tmp_path / name, x_test=images.astype(np.int16), y_test=labels, other=np.zeros((3, 5), order="F"))
        batches = everything(tmp_path / name)
        assert [len(batch.names) for batch in batches] == [1000, 1000, 345]
        assert np.array_equal(np.concatenate([batch.images for batch in batches])[..., 0], images)
        assert np.array_equal(np.concatenate([batch.labels for batch in batches]), labels)
        assert batches[2].names[-1] == f"{tmp_path / name}:2344"


def test_of_a_file_as_medmnist_has_them_the_test_images_are_asked_about(tmp_path: Path) -> None:
    parts = {"train": 0, "val": 1, "test": 2}
    images = {f"{part}_images": np.full((3, 5, 4), value, np.uint8) for part, value in parts.items()}
    labels = {f"{part}_labels": np.full((3, 1), value, np.uint8) for part, value in parts.items()}
    np.savez(tmp_path / "medical.npz", **images, **labels)
    (source,) = sources([str(tmp_path / "medical.npz")])
    assert source.labels is not None
    assert (source.count, source.labels.tolist()) == (3, [2, 2, 2])


def test_the_only_array_of_images_needs_no_name(tmp_path: Path) -> None:
    file = tmp_path / "some.npz"
    np.savez(file, garments=np.zeros((2, 9, 9, 3), np.uint8), weights=np.zeros(2))
    (batch,) = everything(file)
    assert batch.images.shape == (2, 5, 4, 1)
    assert batch.labels is None


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"a": np.zeros((2, 5, 4), np.uint8), "b": np.zeros((2, 5, 4), np.uint8)},
            r"which array has the images\? There is a",
        ),
        ({"x_test": np.zeros((2, 20), np.uint8)}, "which array has the images"),
        ({"x_test": np.zeros((0, 5, 4), np.uint8)}, "nothing in it"),
        ({"x_test": np.full((2, 5, 4), 0.5)}, "x_test holds fractions .float64. from 0.5 to 0.5; if 0 is black and 1"),
        ({"x_test": np.full((2, 5, 4), 256)}, "x_test goes from 256 to 256; if white is 1023"),
        ({"x_test": np.zeros((2, 5, 4, 2), np.uint8)}, "has the shape"),
        ({"x_test": np.zeros((2, 5, 4), np.uint8), "y_test": np.zeros(3, int)}, "3 labels for the 2 images"),
        ({"x_test": np.zeros((2, 5, 4), np.uint8), "y_test": np.full(2, 0.5)}, "y_test holds float64"),
        ({"x_test": np.zeros((2, 5, 4), np.uint8), "y_test": np.full(2, "a")}, "number them as the model's classes"),
        ({"x_test": np.full((2, 5, 4), None)}, "x_test holds Python objects"),
    ],
)
def test_an_array_that_cannot_be_used_is_named_with_the_way_out(tmp_path: Path, arrays: dict, message: str) -> None:
    np.savez(tmp_path / "some.npz", **arrays)
    with pytest.raises(DataError, match=message):
        everything(tmp_path / "some.npz")


@pytest.mark.parametrize("place", [0.02, 0.5, 0.97])
def test_a_damaged_file_is_noticed(tmp_path: Path, place: float) -> None:
    file = tmp_path / "some.npz"
    np.savez(file, x_test=np.random.default_rng(0).integers(0, 256, (300, 5, 4), np.uint8))
    data = bytearray(file.read_bytes())
    data[int(place * len(data))] ^= 4
    file.write_bytes(data)
    with pytest.raises(DataError, match="some.npz"):
        everything(file)


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_what_differs_from_its_checksum_is_noticed(tmp_path: Path, write: Callable[..., None]) -> None:
    file = tmp_path / "some.npz"
    write(file, x_test=np.random.default_rng(0).integers(0, 256, (1_500, 5, 4), np.uint8))
    data = bytearray(file.read_bytes())
    data[data.index(b"PK\x01\x02") + 16] ^= 1
    file.write_bytes(data)
    with pytest.raises(DataError, match="Bad CRC-32"):
        everything(file)


def test_a_file_cut_short_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "some.npz"
    np.savez(file, x_test=np.zeros((300, 5, 4), np.uint8))
    file.write_bytes(file.read_bytes()[:3000])
    with pytest.raises(DataError, match=r"some\.npz cannot be read"):
        everything(file)


def test_a_path_without_anything_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.png: no such file or folder"):
        sources([str(tmp_path / "nowhere.png")])
    (source,) = sources([str(tmp_path)])
    with pytest.raises(DataError, match="has no pictures in it"):
        source.count  # noqa: B018  # it is looked for
