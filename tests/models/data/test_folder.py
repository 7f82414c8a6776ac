import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.data import DataError, Images, Shape, load

NAMES = ("bag", "ankle boot", "пальто")


def save(file: Path, mode: str = "L", size: tuple[int, int] = (4, 5), seed: int = 0) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    channels = {"L": (), "RGB": (3,), "RGBA": (4,)}[mode]
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], *channels), np.uint8)
    Image.fromarray(pixels).save(file)
    return file


def fill(folder: Path, mode: str = "L") -> Path:
    for part, number in (("train", 10), ("test", 2)):
        for label, name in enumerate(NAMES):
            for position in range(number):
                save(folder / part / name / f"{position}.png", mode, seed=100 * label + position)
    return folder


@pytest.fixture
def clothes(tmp_path: Path) -> Path:
    return fill(tmp_path / "clothes")


def read(folder: Path) -> Images:
    return load(str(folder), cache=folder.parent / "cache")


def test_folders_are_classes_in_the_order_of_their_names(clothes: Path) -> None:
    images = read(clothes)
    assert images.name == "clothes"
    assert images.source == str(clothes)
    assert images.class_names == ("ankle boot", "bag", "пальто")
    assert images.shape == Shape(5, 4, 1, 3)
    assert (len(images.train), len(images.validation), len(images.test)) == (27, 3, 6)
    assert images.test.labels.tolist() == [0, 0, 1, 1, 2, 2]
    with Image.open(clothes / "test" / "bag" / "1.png") as image:
        assert np.array_equal(images.test.images[3, :, :, 0], np.asarray(image))


def test_colour_images_have_three_channels(tmp_path: Path) -> None:
    assert read(fill(tmp_path / "clothes", "RGB")).shape == Shape(5, 4, 3, 3)


def test_the_same_files_are_the_same_images_wherever_they_lie(clothes: Path) -> None:
    digest = read(clothes).digest
    assert read(clothes.rename(clothes.with_name("moved"))).digest == digest


def test_what_a_system_leaves_behind_is_ignored(clothes: Path) -> None:
    digest = read(clothes).digest
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._0.png"):
        (clothes / "train" / "bag" / name).write_bytes(b"\0")
    (clothes / "train" / ".ipynb_checkpoints").mkdir()
    (clothes / "train" / "README.txt").touch()
    assert read(clothes).digest == digest


def test_jpeg_is_read_too(clothes: Path) -> None:
    save(clothes / "train" / "bag" / "one.JPG")
    save(clothes / "train" / "bag" / "two.jpeg")
    assert len(read(clothes).train) == 29


def test_a_class_may_be_missing_from_the_test_images(clothes: Path) -> None:
    for file in (clothes / "test" / "bag").iterdir():
        file.unlink()
    (clothes / "test" / "bag").rmdir()
    assert read(clothes).shape.classes == 3


@pytest.mark.parametrize("mode", ["1", "LA", "tRNS"])
def test_grey_in_another_guise_is_converted_exactly(clothes: Path, mode: str) -> None:
    file = clothes / "test" / "bag" / "0.png"
    pixels = np.where(np.arange(20).reshape(5, 4) % 2, 255, 0).astype(np.uint8)
    image = Image.fromarray(pixels)
    image.convert("L" if mode == "tRNS" else mode).save(file, transparency=7 if mode == "tRNS" else None)
    assert np.array_equal(read(clothes).test.images[2, :, :, 0], pixels)


@pytest.mark.parametrize("mode", ["P", "RGBA"])
def test_colour_in_another_guise_is_converted_exactly(tmp_path: Path, mode: str) -> None:
    clothes = fill(tmp_path / "clothes", "RGB")
    file = clothes / "test" / "bag" / "0.png"
    before = read(clothes).digest
    with Image.open(file) as image:
        other = image.quantize(256) if mode == "P" else image.convert(mode)
        assert np.array_equal(np.asarray(other.convert("RGB")), np.asarray(image))
    other.save(file)
    assert read(clothes).digest == before


def sixteen_bits_of_colour(file: Path) -> None:
    """Pillow cannot write such a file: change the header of another, of which no more is looked at."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = zlib.compress((b"\0" + bytes(range(24))) * 5)
    header = struct.pack(">IIBBBBB", 4, 5, 16, 2, 0, 0, 0)
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))


UNUSABLE: dict[str, Callable[[Path], object]] = {
    "transparent": lambda file: save(file, "RGBA"),
    "16 bits": lambda file: Image.fromarray(np.full((5, 4), 60000, np.uint16)).save(file),
    "16 bits of colour": sixteen_bits_of_colour,
    "CMYK": lambda file: Image.new("CMYK", (4, 5)).save(file, "JPEG"),
    "colour among grey": lambda file: save(file, "RGB"),
    "another size": lambda file: save(file, size=(5, 4)),
    "empty": lambda file: file.write_bytes(b""),
    "a page": lambda file: file.write_bytes(b"<html>"),
    "cut short": lambda file: file.write_bytes(file.read_bytes()[:-20]),
    "a flipped byte": lambda file: file.write_bytes(file.read_bytes()[:50] + b"\0" + file.read_bytes()[51:]),
    "a bomb": lambda file: Image.new("1", (20000, 20000)).save(file),
    "a broken link": lambda file: (file.unlink(), file.symlink_to("nowhere")),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_the_first_file_that_cannot_be_used_is_named(clothes: Path, case: str) -> None:
    UNUSABLE[case](clothes / "train" / "bag" / "4.png")
    with pytest.raises(DataError, match=r"train/bag/4\.png "):
        read(clothes)


@pytest.mark.parametrize("name", ["notes.txt", "scan.bmp", "deeper"])
def test_what_is_no_image_is_named(clothes: Path, name: str) -> None:
    (clothes / "test" / "bag" / name).mkdir()
    with pytest.raises(DataError, match=f"test/bag/{name} is none of .jpeg, .jpg, .png"):
        read(clothes)


def test_an_image_outside_the_classes_is_named(clothes: Path) -> None:
    save(clothes / "train" / "lost.png")
    with pytest.raises(DataError, match=r"lost\.png is in no class"):
        read(clothes)


def test_a_class_without_images_to_train_on_is_named(clothes: Path) -> None:
    (clothes / "train" / "coat").mkdir()
    with pytest.raises(DataError, match="train/coat has no images"):
        read(clothes)


def test_a_class_to_test_only_is_named(clothes: Path) -> None:
    save(clothes / "test" / "coat" / "0.png")
    with pytest.raises(DataError, match=r"there is no folder .*train/coat"):
        read(clothes)


def test_a_folder_without_the_two_parts_is_explained(tmp_path: Path) -> None:
    (tmp_path / "clothes").mkdir()
    with pytest.raises(DataError, match=r"clothes/train cannot be read .*images lie in train/<class>"):
        read(tmp_path / "clothes")


def test_one_class_is_not_enough(tmp_path: Path) -> None:
    save(tmp_path / "clothes" / "train" / "bag" / "0.png")
    with pytest.raises(DataError, match="has 1 class folders"):
        read(tmp_path / "clothes")


def test_a_test_split_without_images_is_named(clothes: Path) -> None:
    for file in (clothes / "test").rglob("*.png"):
        file.unlink()
    with pytest.raises(DataError, match="test has no images"):
        read(clothes)
