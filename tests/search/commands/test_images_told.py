"""What `run`, its dry run and `data` say of images; and studies that go on with these as they were read at first."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.data import DataError, Images, load
from search.cli import call
from search.commands.predict import gallery
from search.driver import opening
from search.problem.resolving import resolve
from search.problem.settings import Place
from search.registry.named import Kept
from search.store import storage
from search.store.study import Study
from search.system.errors import UsageError
from tests.faults.searches import LIGHT, ROOT

LONG = "a very long name of a class " * 10


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images of three classes, one of them in training and test; two classes have long names that end differently."""
    random = np.random.default_rng(0)
    folder = tmp_path / "images"
    for name in (":bug:", "[red]", LONG[:240] + "1", LONG[:240] + "2"):
        for part, number in (("train", 10), ("test", 2)):
            (folder / part / name).mkdir(parents=True)
            for position in range(number):
                pixels = random.integers(0, 256, (8, 8), np.uint8)
                Image.fromarray(pixels).save(folder / part / name / f"{position}.png")
    (folder / "test" / ":bug:" / "0.png").write_bytes((folder / "train" / ":bug:" / "0.png").read_bytes())
    return folder


def hold_upside_down(folder: Path) -> None:
    """Have a camera say so of each picture, whose pixels stay as they are stored; and set some aside by hand."""
    exif = Image.Exif()
    exif[0x0112] = 3
    for file in folder.rglob("*.png"):
        with Image.open(file) as image:
            image.load()
        image.save(file, exif=exif)
    (folder / "val" / ":bug:").mkdir(parents=True)
    Image.new("L", (8, 8)).save(folder / "val" / ":bug:" / "0.png")


def light(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Search with a family that takes no TensorFlow."""
    home = folder.parent / "home"
    usual = ["--study", "steps", "--fix", "fault=none", "--baselines", "none", "--tracking-uri", "memory:"]
    command = [sys.executable, str(LIGHT), "run", *usual, "--epochs", "1", "--home", str(home), "--data", str(folder)]
    return subprocess.run([*command, *words], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_search_says_what_is_odd_about_its_images_and_goes_on_with_them_as_it_was_begun(folder: Path) -> None:
    begun = light(folder, "--trials", "1")
    assert begun.returncode == 0, begun.stderr
    assert begun.stderr.count("1 of the 8 test images are among the 40 training and validation images") == 1
    hold_upside_down(folder)
    for words in (["--trials", "2"], ["--trials", "3", "--dry-run"]):
        again = light(folder, *words)
        assert again.returncode == 0, again.stderr
        assert (again.stderr + again.stdout).count("read as when the study was begun") == 1
    assert "turned upright" not in again.stdout


def test_a_dry_run_says_what_is_done_to_images_and_what_is_odd_about_them(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    hold_upside_down(folder)
    words = ["run", "--study", "mlp", "--data", str(folder), "--home", str(folder.parent / "home"), "--dry-run"]
    assert call(words) == 0
    told = capfd.readouterr().out
    for sentence in (
        "48 image(s) are turned upright",
        "validation images are those of val/",
        "there is no validation image of class",
        "1 of the 8 test images are among",
    ):
        assert sentence in told
    assert call([*words, "--format", "json"]) == 0
    assert len(json.loads(capfd.readouterr().out)["data"]["remarks"]) == 4


def test_the_images_are_shown_with_names_as_they_are_and_figures_beside_long_ones(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert call(["data", "--data", str(folder), "--home", str(folder.parent / "home")]) == 0
    lines = capfd.readouterr().out.splitlines()
    rows = [line.split() for line in lines if line.split()[-3:] == ["9", "1", "2"]]
    assert [row[0] for row in rows[:2]] == [":bug:", "[red]"]
    assert [row[-4][-1] for row in rows[2:]] == ["1", "2"]
    assert max(map(len, lines)) <= 160


def begun(folder: Path) -> tuple[Place, str]:
    """Begin a study on these images, and have them held upside down afterwards; return the digest it was begun on."""
    place = Place.at(folder.parent / "home", None, None)
    place.home.mkdir()
    digest = load(str(folder), cache=place.home / "cache").digest
    flags = {"data": str(folder), "trials": 1, "epochs": 1}
    Study.open(storage.connect(place.storage), resolve("mlp", place, flags, {}), digest)
    hold_upside_down(folder)
    return place, digest


def decided(place: Place, study: str, data: str | None = None) -> Images:
    """Return the images that a study would be searched on now."""
    with storage.reading(place.storage) as store:
        return opening.decide(study, place, {"data": data, "weights": None}, store)[1]


def test_whatever_goes_on_with_a_study_has_the_images_that_it_was_begun_on(folder: Path) -> None:
    place, digest = begun(folder)
    images = decided(place, "mlp")
    assert images.digest == digest
    kept = Kept("mlp/0", folder, study="mlp", digest=images.all_to_train().digest)
    with storage.reading(place.storage) as store:
        found = gallery.training_images(kept, place, store)
    assert np.array_equal(found.images, images.all_to_train().train.images)
    new = decided(place, "lenet5", str(folder))
    assert new.digest == load(str(folder), cache=place.home / "cache").digest != digest


def test_a_study_of_other_images_is_told_what_is_wrong_with_how_they_are_read_now(folder: Path) -> None:
    place, _ = begun(folder)
    (folder / "train" / ":bug:" / "0.png").write_bytes(b"nothing")
    with pytest.raises(DataError, match="0.png cannot be read as an image"):
        decided(place, "mlp")


def test_a_study_remembers_how_many_of_its_images_are_to_test_on(folder: Path) -> None:
    classes = (folder / "train").rename(folder.with_name("loose"))
    place = Place.at(folder.parent / "home", None, None)
    place.home.mkdir()
    digest = load(str(classes), cache=place.home / "cache", test_share=0.3).digest
    flags = {"data": str(classes), "trials": 1, "epochs": 1, "test_share": 0.3}
    Study.open(storage.connect(place.storage), resolve("mlp", place, flags, {}), digest)
    images = decided(place, "mlp")
    assert (images.digest, len(images.test)) == (digest, 12)
    kept = Kept("mlp/0", folder, study="mlp", digest=digest)
    with storage.reading(place.storage) as store:
        assert np.array_equal(gallery.training_images(kept, place, store).images, images.train.images)
        with pytest.raises(UsageError, match=r"--test-share 0\.2: study mlp was begun with --test-share 0\.3"):
            opening.decide("mlp", place, {"test_share": 0.2}, store)


@pytest.mark.parametrize("share", ["0", "0.51", "-10%", "60%", "nan", "half", ""])
def test_a_share_that_leaves_too_little_to_learn_from_is_refused(
    folder: Path, share: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["data", "--data", str(folder), "--test-share", share]) == 2
    assert f"error: --test-share {share}: give a number" in capsys.readouterr().err
