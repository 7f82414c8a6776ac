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
    assert read(clothes).digest == digest
    assert read(clothes).notes == ()


def test_what_lies_beside_the_images_and_is_not_used_is_told(clothes: Path) -> None:
    digest = read(clothes).digest
    for name in ("README.txt", "train/labels.csv", "extra/bag/0.png"):
        (clothes / name).parent.mkdir(parents=True, exist_ok=True)
        (clothes / name).touch()
    assert read(clothes).digest == digest
    assert read(clothes).notes == ("not used: README.txt, extra, train/labels.csv",)


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


@pytest.mark.parametrize("name", ["notes.txt", "scan.tiff", "image"])
def test_what_is_no_image_is_named(clothes: Path, name: str) -> None:
    (clothes / "test" / "bag" / name).touch()
    with pytest.raises(DataError, match=f"test/bag/{name} is none of .bmp, .gif, .jpeg, .jpg, .png, .webp; convert"):
        read(clothes)


def test_a_folder_within_a_class_is_named(clothes: Path) -> None:
    save(clothes / "test" / "bag" / "deeper" / "0.png")
    with pytest.raises(DataError, match="test/bag/deeper is a folder within a class; move its images to .*test/bag"):
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


def loose(folder: Path, names: tuple[str, ...] = NAMES, count: int = 20) -> Path:
    """Fill a folder with classes alone."""
    for label, name in enumerate(names):
        for position in range(count):
            save(folder / name / f"{position:02}.png", seed=100 * label + position)
    return folder


def test_of_classes_alone_test_images_are_set_aside(tmp_path: Path) -> None:
    images = read(loose(tmp_path / "clothes"))
    assert images.class_names == ("ankle boot", "bag", "пальто")
    assert (len(images.train), len(images.validation), len(images.test)) == (45, 6, 9)
    assert images.test.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert images.notes == ("9 images, about 15 % of each class, are set aside as test images: always the same ones",)


def test_images_are_test_images_whatever_the_seed_and_however_many_are_taken(tmp_path: Path) -> None:
    folder, cache = loose(tmp_path / "clothes"), tmp_path / "cache"
    first = load(str(folder), cache=cache, test_share=0.3)
    other = load(str(folder), cache=cache, test_share=0.3, seed=7)
    fewer = load(str(folder), cache=cache, test_share=0.3, images=12)
    assert len(first.test) == 18
    assert np.array_equal(first.test.images, other.test.images)
    assert np.array_equal(first.test.images, fewer.test.images)
    assert not np.array_equal(first.validation.images, other.validation.images)


def test_of_images_to_train_on_alone_test_images_are_set_aside(clothes: Path) -> None:
    (clothes / "test").rename(clothes / "val")
    images = read(clothes)
    assert (len(images.train), len(images.validation), len(images.test)) == (24, 6, 6)


def test_a_class_may_be_called_as_a_part_is(tmp_path: Path) -> None:
    assert read(loose(tmp_path / "vehicles", ("car", "train", "val"))).class_names == ("car", "train", "val")


def test_what_lies_beside_classes_alone_is_told(tmp_path: Path) -> None:
    folder = loose(tmp_path / "clothes")
    (folder / "README.txt").touch()
    assert read(folder).notes[0] == "not used: README.txt"


def test_parts_with_no_classes_in_them_are_not_taken_for_classes(tmp_path: Path) -> None:
    for part in ("train", "test"):
        save(tmp_path / "pets" / part / "cat.0.png")
    with pytest.raises(DataError, match=r"cat\.0\.png is in no class"):
        read(tmp_path / "pets")


def test_images_that_have_test_images_take_no_share(clothes: Path) -> None:
    with pytest.raises(DataError, match="clothes has test images of its own, .*leave --test-share out"):
        load(str(clothes), cache=clothes.parent / "cache", test_share=0.2)
    assert len(load(str(clothes), cache=clothes.parent / "cache").test) == 6


def test_an_image_beside_classes_alone_is_named(tmp_path: Path) -> None:
    folder = loose(tmp_path / "clothes")
    save(folder / "lost.png")
    with pytest.raises(DataError, match=r"lost\.png is in no class; move it to .*clothes/<class>/"):
        read(folder)


def test_classes_of_too_few_images_to_set_some_aside_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no class has three images"):
        read(loose(tmp_path / "clothes", count=2))


def test_one_class_is_not_enough(tmp_path: Path) -> None:
    save(tmp_path / "clothes" / "train" / "bag" / "0.png")
    with pytest.raises(DataError, match="has 1 class folders"):
        read(tmp_path / "clothes")


def test_a_test_split_without_images_is_named(clothes: Path) -> None:
    for file in (clothes / "test").rglob("*.png"):
        file.unlink()
    with pytest.raises(DataError, match="test has no images"):
        read(clothes)


def held(file: Path, orientation: int = 6) -> None:
    """Have a camera say how it was held when it took this picture."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    with Image.open(file) as image:
        image.load()
    image.save(file, exif=exif)


def test_what_is_done_to_images_is_told(clothes: Path) -> None:
    held(clothes / "train" / "bag" / "0.png", 3)
    Image.fromarray(np.full((5, 4), 60000, np.uint16)).save(clothes / "train" / "bag" / "1.png")
    assert read(clothes).notes == (
        "1 image(s) are turned upright, as their EXIF orientation says",
        "1 image(s) are brought from 16 bits to 8",
    )


def test_a_study_that_was_begun_on_pictures_as_they_are_stored_goes_on_with_these(clothes: Path) -> None:
    begun = read(clothes).digest
    for file in clothes.rglob("*.png"):
        held(file)
    assert read(clothes).shape == Shape(4, 5, 1, 3)
    images = load(str(clothes), cache=clothes.parent / "cache", digest=begun)
    assert (images.digest, images.shape) == (begun, Shape(5, 4, 1, 3))
    assert "as when the study was begun" in images.notes[0]


def test_a_study_whose_pictures_cannot_be_read_upright_goes_on_all_the_same(clothes: Path) -> None:
    begun = read(clothes).digest
    held(clothes / "train" / "bag" / "0.png")
    with pytest.raises(
        DataError, match=r"bag/0.png is 5x4 grey, unlike .*; of a camera held upright, width and height"
    ):
        read(clothes)
    assert load(str(clothes), cache=clothes.parent / "cache", digest=begun).digest == begun


def test_images_that_are_others_either_way_are_read_as_new_ones_are(clothes: Path) -> None:
    now = read(clothes)
    found = load(str(clothes), cache=clothes.parent / "cache", digest="0" * 32)
    assert (found.digest, found.notes) == (now.digest, now.notes)


def test_a_study_that_was_begun_without_the_folder_to_validate_on_goes_on_without_it(clothes: Path) -> None:
    begun = read(clothes)
    (clothes / "test").rename(clothes / "val")
    save(clothes / "test" / "bag" / "0.png")
    fill(clothes)
    assert load(str(clothes), cache=clothes.parent / "cache", digest=begun.digest).digest == begun.digest
    assert len(read(clothes).train) == 30


@pytest.mark.parametrize("name", ["val", "valid", "validation"])
def test_a_folder_to_validate_on_is_validated_on(clothes: Path, name: str) -> None:
    for label, folder in enumerate(NAMES):
        save(clothes / name / folder / "0.png", seed=label + 1000)
    images = read(clothes)
    assert (len(images.train), images.validation.labels.tolist()) == (30, [0, 1, 2])
    with Image.open(clothes / name / "bag" / "0.png") as image:
        assert np.array_equal(images.validation.images[1, :, :, 0], np.asarray(image))
    assert images.notes == (f"validation images are those of {name}/; none are drawn from those to train on",)


def test_fewer_images_to_train_on_leave_those_to_validate_on_as_they_are(clothes: Path) -> None:
    for folder in NAMES:
        save(clothes / "val" / folder / "0.png")
    images = load(str(clothes), cache=clothes.parent / "cache", images=6)
    assert (len(images.train), len(images.validation), len(images.test)) == (6, 3, 6)


def test_what_cannot_be_validated_on_is_refused_in_words(clothes: Path) -> None:
    save(clothes / "val" / "coat" / "0.png")
    with pytest.raises(DataError, match=r"val/coat: there is no folder .*train/coat to learn from"):
        read(clothes)
    (clothes / "val" / "coat" / "0.png").unlink()
    (clothes / "val" / "coat").rmdir()
    with pytest.raises(DataError, match="val has no images"):
        read(clothes)
    (clothes / "valid").mkdir()
    with pytest.raises(DataError, match="val and .*valid: which are to validate on"):
        read(clothes)


COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"


def test_a_class_is_the_same_however_its_accents_are_stored(clothes: Path) -> None:
    for part, name in (("train", COMPOSED), ("test", DECOMPOSED)):
        save(clothes / part / name / "0.png")
    images = read(clothes)
    assert images.class_names == ("ankle boot", "bag", COMPOSED, "пальто")
    assert images.test.labels.tolist() == [0, 0, 1, 1, 2, 3, 3]


def test_images_have_one_digest_on_a_disk_that_stores_accents_apart(clothes: Path) -> None:
    for part in ("train", "test"):
        save(clothes / part / COMPOSED / "0.png")
    digest = read(clothes).digest
    for part in ("train", "test"):
        (clothes / part / COMPOSED).rename(clothes / part / DECOMPOSED)
    images = read(clothes)
    assert images.digest == digest
    assert images.notes == (
        "1 class folder(s) store accents apart from their letters, and are called as if they did not",
    )


def test_two_folders_of_one_class_are_refused(clothes: Path) -> None:
    for name in (COMPOSED, DECOMPOSED):
        save(clothes / "train" / name / "0.png")
    with pytest.raises(DataError, match="train has two folders called 'caf\u00e9', which differ only in how an accent"):
        read(clothes)


@pytest.mark.parametrize("name", ["Bag", "bag ", "b\u200bag", "\u200ebag", "bag\n", "\uff42ag"])
def test_a_class_to_test_on_that_only_looks_like_one_to_train_on_is_refused_with_what_it_looks_like(
    clothes: Path, name: str
) -> None:
    (clothes / "test" / "bag").rename(clothes / "test" / name)
    with pytest.raises(DataError, match="but 'bag' looks like it: rename one of them") as refused:
        read(clothes)
    assert "\n" not in str(refused.value)
