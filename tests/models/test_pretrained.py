"""A frozen network and its features: computed once, kept by content, refused where weights are missing."""

from pathlib import Path

import numpy as np
import pytest

from models.data.images import Images
from models.family import Resources, Unavailable
from tests.support import make_images

pytestmark = pytest.mark.usefixtures("tensorflow")


def test_features_are_computed_once(bars: Images, resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    from models.pretrained import Extractor

    first = Extractor(32, "scaled").features(bars, resources)
    monkeypatch.setattr(Extractor, "network", lambda *_: pytest.fail("computed again"))
    second = Extractor(32, "scaled").features(bars, resources)
    assert first.test.images.shape == (len(bars.test), 2048)
    np.testing.assert_array_equal(first.test.images, second.test.images)


def test_other_images_sizes_and_preprocessing_have_features_of_their_own(bars: Images, resources: Resources) -> None:
    from models.pretrained import Extractor

    keys = {
        Extractor(size, preprocessing)._key(images, "none")
        for size in (32, 64)
        for preprocessing in ("scaled", "imagenet")
        for images in (bars, make_images(train=330))
    }
    assert len(keys) == 8


def test_other_weights_have_features_of_their_own(tmp_path: Path, bars: Images) -> None:
    from models.pretrained import Extractor

    for name in ("one", "other"):
        (tmp_path / name).write_text(name)
    keys = {Extractor(32, "scaled")._key(bars, str(tmp_path / name)) for name in ("one", "other")}
    assert len(keys) == 2


@pytest.mark.slow
def test_features_with_a_flipped_bit_are_computed_again(tmp_path: Path) -> None:
    from models.pretrained import Extractor

    images = make_images(train=40, validation=10, test=10)
    resources = Resources(tmp_path, "none")
    whole = Extractor(32, "scaled").features(images, resources).test.images.copy()
    (file,) = tmp_path.glob("features/*/test.npy")
    torn = bytearray(file.read_bytes())
    torn[-1] ^= 1
    file.write_bytes(torn)
    np.testing.assert_array_equal(Extractor(32, "scaled").features(images, resources).test.images, whole)


def test_imagenet_preprocessing_is_that_of_keras(resources: Resources) -> None:
    import keras

    from models.pretrained import Extractor

    images = make_images(height=32, width=32, channels=3, test=10).test.images
    network = Extractor(32, "imagenet").network(make_images(height=32, width=32, channels=3).shape, "none")
    fed = keras.applications.resnet50.preprocess_input(images.astype(np.float32))
    expected = network.get_layer("resnet50").predict(fed, verbose=0)
    np.testing.assert_allclose(network.predict(images, verbose=0), expected, atol=1e-4)


def test_a_file_that_holds_no_such_weights_is_named_with_the_way_out(tmp_path: Path, bars: Images) -> None:
    from models.pretrained import Extractor

    file = tmp_path / "broken.weights.h5"
    file.write_text("<html>not found</html>")
    with pytest.raises(
        Unavailable, match="broken.weights.h5: no weights of Keras's ResNet50.*give the file that Keras"
    ):
        Extractor(32, "scaled").network(bars.shape, str(file))


def test_without_a_network_the_error_says_where_to_put_the_weights(
    bars: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras

    from models.pretrained import Extractor

    def offline(*_: object, **__: object) -> str:
        # What Keras raises is a plain Exception.
        raise Exception("URL fetch failure on ...")  # noqa: TRY002  # see above

    monkeypatch.setattr(keras.utils, "get_file", offline)
    with pytest.raises(Unavailable, match="~/.keras/models, or give it with --weights FILE"):
        Extractor(32, "scaled").network(bars.shape, "imagenet")
