import contextlib
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from models.data import load
from models.data.pictures import FORMATS, UNREADABLE, Frame, decoded

# Held upright.
EXIF = Image.Exif()
EXIF[0x0112] = 6
GARMENTS = Frame(28, 28, 1, background=0, trim=True)


def photograph(garment: int = 40, ground: int = 250, mode: str = "RGB") -> Image.Image:
    """Return something of 300x600 pixels, not in the middle of a picture."""
    picture = Image.new("L", (1000, 800), ground)
    picture.paste(garment, (500, 100, 800, 700))
    return picture.convert(mode)


def camera(kind: str) -> bytes:
    """Return a small photograph as a file of a kind."""
    file = io.BytesIO()
    photograph().resize((40, 32)).save(file, kind, exif=EXIF)
    return file.getvalue()


def test_a_photograph_becomes_what_fashion_mnist_has_a_garment_light_on_dark_that_fills_the_image() -> None:
    fitted = GARMENTS.picture(photograph())
    image = fitted.images[0, :, :, 0]
    assert fitted.inverted == 1
    assert (image[:, 8:20] > 210).all()
    assert (image[:, :6] < 6).all()
    assert (image[:, -6:] < 6).all()


def test_what_is_dark_around_a_light_garment_stays_so() -> None:
    fitted = GARMENTS.picture(photograph(garment=215, ground=5))
    assert fitted.inverted == 0
    assert np.array_equal(fitted.images, GARMENTS.picture(photograph()).images)


def test_a_picture_of_another_kind_keeps_all_that_it_shows() -> None:
    fitted = Frame(20, 20, 1).picture(photograph())
    image = fitted.images[0, :, :, 0]
    assert fitted.inverted == 0
    # As wide as 20 pixels, it is 16 high, and its own ground is above and below.
    assert (image[:3] > 245).all()
    assert (image[-3:] > 245).all()
    assert (image[5:15, 11:15] < 45).all()
    assert (image[:, :8] > 245).all()


@pytest.mark.parametrize(("background", "inverted"), [(0, 1), (20, 1), (100, 0), (250, 0), (None, 0)])
def test_a_light_ground_is_negated_only_for_training_images_on_plain_dark(
    background: int | None, inverted: int
) -> None:
    assert Frame(28, 28, 1, background).picture(photograph()).inverted == inverted


def test_a_dark_ground_is_negated_for_training_images_on_plain_light() -> None:
    fitted = Frame(28, 28, 1, background=255).picture(photograph(garment=215, ground=5))
    assert fitted.inverted == 1
    assert np.median(fitted.images) > 240


def test_an_image_of_the_size_is_taken_as_it_is() -> None:
    pixels = np.random.default_rng(0).integers(0, 100, (28, 28), np.uint8)
    assert np.array_equal(GARMENTS.picture(Image.fromarray(pixels)).images[0, :, :, 0], pixels)
    assert GARMENTS.array(pixels[np.newaxis, :, :, np.newaxis]).images.base is not None


def test_an_array_of_the_shape_is_negated_as_a_whole_or_not_at_all() -> None:
    light = np.full((3, 28, 28, 1), 250, np.uint8)
    light[0] = 10
    assert GARMENTS.array(light).inverted == 3
    assert GARMENTS.array(255 - light).inverted == 0


def test_an_array_of_other_images_is_fitted_one_by_one() -> None:
    array = np.stack([np.asarray(photograph()), np.asarray(photograph(garment=215, ground=5))])
    fitted = GARMENTS.array(array)
    assert fitted.images.shape == (2, 28, 28, 1)
    assert fitted.inverted == 1


def test_colours_become_grey_by_luminance_and_grey_becomes_three_equal_channels() -> None:
    red = Image.new("RGB", (28, 28), (255, 0, 0))
    assert np.unique(Frame(28, 28, 1).picture(red).images).tolist() == [76]
    grey = Frame(28, 28, 3).picture(Image.new("L", (28, 28), 76)).images
    assert grey.shape == (1, 28, 28, 3)
    assert np.unique(grey).tolist() == [76]


@pytest.mark.parametrize("value", [0, 0xC0, 0xFF])
def test_sixteen_bits_are_scaled_to_eight(value: int) -> None:
    picture = Image.fromarray(np.full((28, 28), value * 257, np.uint16))
    assert np.unique(Frame(28, 28, 1).picture(picture).images).tolist() == [value]


def test_a_camera_held_upright_makes_an_upright_image() -> None:
    pixels = np.zeros((20, 28), np.uint8)
    pixels[:5] = 255
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", exif=EXIF)
    turned = Frame(28, 20, 1).picture(decoded(file.getvalue())).images[0, :, :, 0]
    assert np.array_equal(turned, np.rot90(pixels, -1))


@pytest.mark.parametrize("garment", [30, 220])
def test_a_garment_without_a_ground_is_light_on_dark_whatever_its_own_colour(garment: int) -> None:
    cut = Image.new("LA", (600, 600), (garment, 0))
    cut.paste((garment, 255), (150, 0, 450, 600))
    image = GARMENTS.picture(cut).images[0, :, :, 0]
    assert (image[:, 10:18] > 210).all()
    assert (image[:, :5] < 3).all()


def test_a_picture_of_nothing_is_an_image_of_nothing() -> None:
    assert np.unique(GARMENTS.picture(Image.new("RGBA", (90, 50))).images).tolist() == [0]
    assert np.unique(GARMENTS.picture(Image.new("RGB", (1, 400), "white")).images).tolist() == [0]


@given(
    size=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    mode=st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I", "I;16"]),
    frame=st.builds(
        Frame,
        st.integers(1, 30),
        st.integers(1, 30),
        st.sampled_from([1, 3]),
        st.none() | st.integers(0, 255),
        st.booleans(),
    ),
)
def test_pictures_of_any_size_and_kind_get_the_shape(size: tuple[int, int], mode: str, frame: Frame) -> None:
    fitted = frame.picture(Image.new(mode, size))
    assert fitted.images.shape == (1, *frame.shape)
    assert fitted.images.dtype == np.uint8


@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda tail: b"\x89PNG\r\n\x1a\n" + tail))
def test_what_is_no_picture_is_refused_and_nothing_else_happens(data: bytes) -> None:
    with pytest.raises(UNREADABLE):
        decoded(data, FORMATS)


@given(
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=8), st.sampled_from(FORMATS)
)
def test_a_damaged_picture_is_read_or_refused(damage: list[tuple[int, int]], kind: str) -> None:
    data = bytearray(camera(kind))
    for place, value in damage:
        data[place % len(data)] = value
    with contextlib.suppress(*UNREADABLE, UserWarning):
        assert GARMENTS.picture(decoded(bytes(data), FORMATS)).images.shape == (1, 28, 28, 1)


@pytest.mark.real
def test_no_test_image_of_fashion_mnist_is_taken_for_a_negative_and_each_negative_is_found(tmp_path) -> None:
    images = load(cache=tmp_path).test.images[..., 0]
    assert sum(GARMENTS.picture(Image.fromarray(image)).inverted for image in images) == 0
    assert sum(GARMENTS.picture(Image.fromarray(255 - image)).inverted for image in images) == len(images)
