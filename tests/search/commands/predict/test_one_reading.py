"""Every kind of file and array that is taken becomes the same bytes, whoever reads it: to train, predict or serve."""

import base64
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from models.data import DataError, Images, load
from models.data.asked import sources
from models.data.pictures import Frame
from search.commands.predict import service

Pixels = NDArray[np.uint8]
ORIENTATION = 0x0112
# What each EXIF orientation means, said with arrays: stored pixels to those that a person sees.
HELD: dict[int, Callable[[Pixels], Pixels]] = {
    1: lambda stored: stored,
    2: np.fliplr,
    3: lambda stored: np.rot90(stored, 2),
    4: np.flipud,
    5: lambda stored: np.swapaxes(stored, 0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.swapaxes(np.rot90(stored, 2), 0, 1),
    8: np.rot90,
}


def garment(channels: int = 0) -> Pixels:
    """Return something light on a dark ground, as most training images of such a set are."""
    pixels = np.zeros((10, 8, channels) if channels else (10, 8), np.uint8)
    pixels[2:8, 2:5] = np.random.default_rng(0).integers(100, 256, pixels[2:8, 2:5].shape)
    return pixels


def file(image: Image.Image, kind: str = "PNG", **how: Any) -> bytes:
    content = io.BytesIO()
    image.save(content, kind, **how)
    return content.getvalue()


def held(orientation: int, kind: str) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return file(Image.fromarray(garment(3)), kind, exif=exif)


def see_through() -> bytes:
    image = Image.fromarray(garment(3)).convert("RGBA")
    image.putalpha(Image.fromarray(np.where(garment() > 0, 255, 0).astype(np.uint8)))
    return file(image)


GREY, COLOUR = Image.fromarray(garment()), Image.fromarray(garment(3))
FILES = {
    **{f"jpg, orientation {number}": held(number, "JPEG") for number in HELD},
    **{f"png, orientation {number}": held(number, "PNG") for number in (3, 6)},
    "webp, orientation 6": held(6, "WEBP"),
    "jpg, damaged EXIF": file(COLOUR, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f"),
    "jpg, grey": file(GREY, "JPEG"),
    "jpg, progressive": file(COLOUR, "JPEG", progressive=True),
    "jpg, CMYK": file(COLOUR.convert("CMYK"), "JPEG"),
    "jpg, MPO": file(COLOUR, "MPO", save_all=True, append_images=[COLOUR.rotate(180)]),
    "png, grey": file(GREY),
    "png, RGB": file(COLOUR),
    "png, palette": file(COLOUR.quantize(200)),
    "png, transparent palette": file(COLOUR.quantize(200), transparency=0),
    "png, 1 bit": file(GREY.convert("1")),
    "png, grey with alpha that hides nothing": file(GREY.convert("LA")),
    "png, RGB with alpha that hides nothing": file(COLOUR.convert("RGBA")),
    "png, one grey transparent": file(GREY, transparency=7),
    "png, see-through": see_through(),
    "png, 16 bits": file(Image.fromarray(garment().astype(np.uint16) * 257)),
    "gif": file(COLOUR.quantize(200), "GIF"),
    "gif, grey": file(GREY, "GIF"),
    "bmp": file(COLOUR, "BMP"),
    "bmp, grey": file(GREY, "BMP"),
    "bmp, 1 bit": file(GREY.convert("1"), "BMP"),
    "webp": file(COLOUR, "WEBP", lossless=True),
}
# What is seen in a file that loses nothing.
SEEN = {
    "png, grey": garment(),
    "png, RGB": garment(3),
    "png, grey with alpha that hides nothing": garment(),
    "png, RGB with alpha that hides nothing": garment(3),
    "png, 16 bits": garment(),
    "png, see-through": garment(3),
    "bmp": garment(3),
    "webp": garment(3),
    **{f"png, orientation {number}": HELD[number](garment(3)) for number in (3, 6)},
}


def trained(folder: Path, content: bytes, suffix: str) -> Images:
    """Return the images of a folder with this file in all its places."""
    for place in ("train/a/1", "train/a/2", "train/b/1", "train/b/2", "test/a/1"):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{place}.{suffix}").write_bytes(content)
    return load(str(folder), cache=folder / "cache")


def framed(images: Images) -> Frame:
    return Frame(*images.train.images.shape[1:], background=images.background)


@pytest.mark.parametrize("kind", FILES)
def test_a_file_shows_the_same_to_whoever_reads_it(tmp_path: Path, kind: str) -> None:
    images = trained(tmp_path, FILES[kind], kind.partition(",")[0])
    frame, seen = framed(images), images.test.images
    (source,) = sources([str(tmp_path / "test")])
    (asked,) = source.batches(frame)
    coded = np.array([base64.b64encode(FILES[kind]).decode()], dtype=object)
    (served,) = service.fit(coded, frame)
    assert seen.tobytes() == asked.images.tobytes() == served.images.tobytes() == images.train.images[:1].tobytes()
    if kind in SEEN:
        assert np.array_equal(seen[0], SEEN[kind].reshape(seen[0].shape))


@pytest.mark.parametrize("orientation", HELD)
def test_a_photograph_is_seen_as_it_was_held(tmp_path: Path, orientation: int) -> None:
    content = held(orientation, "JPEG")
    with Image.open(io.BytesIO(content)) as stored:
        pixels = np.asarray(stored)
    assert np.array_equal(trained(tmp_path, content, "jpg").test.images[0], HELD[orientation](pixels))


ARRAYS: dict[str, Callable[[Pixels], NDArray[Any]]] = {
    "uint8": lambda x: x,
    **{name: (lambda x, name=name: x.astype(name)) for name in ("int16", "int64", ">u2", "uint64")},
    **{name: (lambda x, name=name: x.astype(name)) for name in ("float16", "float32", ">f4", "float64")},
    "bool": lambda x: x > 0,
    "by columns": np.asfortranarray,
    "every other": lambda x: np.repeat(x, 2, axis=0)[::2],
    "with a channel": lambda x: x[..., np.newaxis],
    "float32 with a channel": lambda x: x[..., np.newaxis].astype("float32"),
    "in colour": lambda x: np.stack([x, x // 2, x // 3], axis=-1),
    "in colour, by columns": lambda x: np.asfortranarray(np.stack([x, x // 2, x // 3], axis=-1)),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_an_array_is_the_same_to_whoever_reads_it(tmp_path: Path, kind: str) -> None:
    x = ARRAYS[kind](np.stack([garment()] * 4))
    whole = {"x_train": x, "y_train": np.arange(4) % 2, "x_test": x, "y_test": np.arange(4) % 2}
    np.savez(tmp_path / "some.npz", **whole)
    images = load(str(tmp_path / "some.npz"), cache=tmp_path)
    frame, seen = framed(images), images.test.images
    (source,) = sources([str(tmp_path / "some.npz")])
    (asked,) = source.batches(frame)
    sent = np.array(x.tolist(), dtype=object)
    (served,) = service.fit(sent, frame)
    meant = x * np.uint8(255) if x.dtype == bool else x.astype(np.uint8)
    assert seen.tobytes() == asked.images.tobytes() == served.images.tobytes() == meant.tobytes()


SCALED: dict[str, Callable[[Pixels], NDArray[Any]]] = {
    "0 to 1": lambda x: (x / 255).astype("float32"),
    "-1 to 1": lambda x: x / 127.5 - 1,
    "16 bits": lambda x: x.astype("uint16") * 257,
    "less 128": lambda x: (x.astype("int16") - 128).astype("int8"),
}


@pytest.mark.parametrize("kind", SCALED)
def test_who_does_what_predict_and_serve_advise_has_the_pixels_that_were_meant(tmp_path: Path, kind: str) -> None:
    meant = np.stack([garment()] * 3)
    np.savez(tmp_path / "some.npz", x=SCALED[kind](meant))
    (source,) = sources([str(tmp_path / "some.npz")])
    with pytest.raises(DataError) as by_predict:
        next(source.batches(Frame(10, 8, 1)))
    with pytest.raises(DataError) as by_serve:
        service.fit(np.array(SCALED[kind](meant).tolist(), dtype=object), Frame(10, 8, 1))
    for name, refused in (("x", by_predict), ("inputs", by_serve)):
        arrays = {name: SCALED[kind](meant)}
        exec(re.findall("`([^`]+)`", str(refused.value))[0], {"numpy": np}, arrays)
        assert np.array_equal(arrays[name], meant)


def test_what_lay_on_light_and_on_dark_in_training_is_not_negated_when_it_is_asked_about(tmp_path: Path) -> None:
    for label, pixels in (("a", garment()), ("b", 255 - garment())):
        for part in ("train", "test"):
            for number in range(6 if label == "a" else 2):
                place = tmp_path / part / label / f"{number}.png"
                place.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(place)
    images = load(str(tmp_path), cache=tmp_path / "cache")
    (source,) = sources([str(tmp_path / "test")])
    (asked,) = source.batches(framed(images))
    assert asked.inverted == 0
    assert np.array_equal(asked.images, images.test.images)
