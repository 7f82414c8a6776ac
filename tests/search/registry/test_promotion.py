"""The champion of a name is what is clearly better on the same images, or what a person says it is, with the reason."""

import json
import re
import shutil
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

import tracking
from models import metrics
from search.cli import call
from search.problem.settings import Place
from search.registry import named, promotion, registered
from search.registry.promotion import Winner
from search.system.errors import UsageError
from tracking import Model, Tensor, TrackingError

IMAGES, NAMES = 2_000, [str(number) for number in range(10)]


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("empty")
    place = Place.at(home, None, None)
    tracking.connect(place.tracking_uri, home / "artifacts").close()
    return home


@pytest.fixture
def place(empty_home: Path, tmp_path: Path) -> Place:
    shutil.copytree(empty_home, tmp_path / "home")
    return Place.at(tmp_path / "home", None, None)


@pytest.fixture
def confirm(place: Place, tmp_path: Path) -> Callable[..., promotion.Standing]:
    """Enters a winner whose two networks were right about a share of the images."""

    def enter(finalist: str, share: float, digest: str = "d" * 32) -> promotion.Standing:
        runs = []
        with closing(tracking.connect(place.tracking_uri, place.home / "artifacts")) as tracker:
            for seed in range(2):
                run = tracker.run("mlp", f"uuid/confirmation/{finalist}/{seed}", f"{finalist}-{seed}", {})
                labels = np.arange(IMAGES) % 10
                drawn = np.random.default_rng((zlib.crc32(finalist.encode()), seed)).random(IMAGES)
                wrong = drawn > np.sort(drawn)[int(share * IMAGES) - 1]
                answers = (labels + wrong) % 10
                rows = "".join(f"{label},{answer},0.9\n" for label, answer in zip(labels, answers, strict=True))
                run.log_text("predictions/test.csv", f"label,prediction,confidence\n{rows}")
                counts = metrics.confusion_counts(labels, answers, len(NAMES)).tolist()
                run.log_text("confusion/test.json", json.dumps({"class_names": NAMES, "counts": counts}))
                runs.append(run)
            file = tmp_path / f"{finalist}.keras"
            file.write_bytes(finalist.encode())
            tensors = Tensor("uint8", (-1, 28, 28, 1)), Tensor("float32", (-1, 10))
            metadata = {"family": "mlp", "class_names": NAMES, "background": 0, "data": "bars", "digest": digest}
            runs[0].log_model(Model(file, *tensors, (), "3.15.1", metadata=metadata))
            ids = tuple(run.id for run in runs)
            return promotion.enter(Winner("mlp", finalist, "mlp", "bars", digest, ids, share, 0.01), place, tracker)

    return enter


def test_the_first_winner_is_the_champion_and_is_found_by_its_name(
    place: Place, confirm: Callable[..., promotion.Standing]
) -> None:
    standing = confirm("mlp-3", 0.8)
    assert standing.champion
    for name in ("bars-mlp", "bars-mlp/1", "models:/bars-mlp@champion", "models:/bars-mlp/1"):
        with named.opened(name, place) as kept:
            assert (kept.name, kept.file.read_bytes()) == ("models:/bars-mlp/1", b"mlp-3")
            assert (kept.family, kept.class_names, kept.background) == ("mlp", tuple(NAMES), 0)


@pytest.mark.parametrize(("share", "moves"), [(0.9, True), (0.802, False), (0.7, False)])
def test_the_alias_moves_only_to_what_is_clearly_better(
    place: Place, confirm: Callable[..., promotion.Standing], share: float, moves: bool
) -> None:
    confirm("mlp-3", 0.8)
    standing = confirm("mlp-7", share)
    assert standing.champion == moves
    (champion,) = (version for version in registered.everything(place) if version.is_champion)
    assert champion.number == (2 if moves else 1)
    assert ("more than noise" in standing.sentence) == (share != 0.802)


def test_a_winner_on_other_images_is_registered_and_not_the_champion_but_for_a_reason(
    place: Place, confirm: Callable[..., promotion.Standing], capfd: pytest.CaptureFixture[str]
) -> None:
    confirm("mlp-3", 0.8)
    standing = confirm("mlp-7", 0.9, digest="e" * 32)
    assert not standing.champion
    assert "other images (digest eeeeeeeeeeee, was dddddddddddd)" in standing.sentence
    home = ["--home", str(place.home)]
    assert call(["promote", "bars-mlp/2", *home]) == 1
    assert call(["promote", "bars-mlp/2", "--force", "the old images were damaged", *home]) == 0
    capfd.readouterr()
    assert call(["models", "--format", "json", *home]) == 0
    newest, oldest = json.loads(capfd.readouterr().out)
    assert (newest["champion"], oldest["champion"]) == (True, False)
    assert newest["tags"]["search.forced_because"] == "the old images were damaged"
    assert newest["tags"]["search.finalist"] == "mlp-7"


def test_the_same_winner_entered_again_is_one_version(place: Place, confirm: Callable[..., promotion.Standing]) -> None:
    assert confirm("mlp-3", 0.8).version.number == confirm("mlp-3", 0.8).version.number
    assert len(registered.everything(place)) == 1


def test_a_forced_champion_needs_a_reason(place: Place) -> None:
    with pytest.raises(UsageError, match="give the reason"):
        promotion.promote("bars-mlp/1", place, " ")


@pytest.mark.parametrize("name", ["bars-mlp/9", "models:/nothing@champion", "nothing", "no/thing/at all", "a@b@c", ""])
def test_a_name_that_means_nothing_is_told_with_what_would(name: str, place: Place) -> None:
    with pytest.raises(UsageError, match="search models"), named.opened(name, place):
        pass
    with pytest.raises(UsageError, match="there are: none yet"):
        promotion.promote(name, place, None)
    assert not (place.home / "optuna.db").exists()


def test_a_file_is_taken_only_with_its_digest(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "found.keras"
    file.write_bytes(b"weights")
    with pytest.raises(UsageError, match=r"--trust-file [0-9a-f]{64}") as told, named.opened(str(file), place):
        pass
    digest = re.findall("--trust-file ([0-9a-f]{64})", str(told.value))[0]
    with named.opened(str(file), place, digest) as kept:
        assert (kept.file, kept.class_names, kept.background) == (file, (), None)
    with (
        pytest.raises(UsageError, match="another file than the one you trust"),
        named.opened(str(file), place, "0" * 64),
    ):
        pass
    with pytest.raises(UsageError, match="no such file"), named.opened(str(tmp_path / "not.keras"), place, digest):
        pass


def test_a_model_that_was_changed_is_not_lent(place: Place, confirm: Callable[..., promotion.Standing]) -> None:
    confirm("mlp-3", 0.8)
    with named.opened("bars-mlp", place) as kept:
        kept.file.write_bytes(b"others")
    with (
        pytest.raises(tracking.TrackingError, match="not the model that was recorded"),
        named.opened("bars-mlp", place),
    ):
        pass


def test_what_people_read_fits_their_terminal(
    place: Place, confirm: Callable[..., promotion.Standing], capfd: pytest.CaptureFixture[str]
) -> None:
    assert call(["models", "--home", str(place.home)]) == 0
    assert "no registered models yet" in capfd.readouterr().out
    confirm("mlp-3", 0.8)
    assert call(["models", "--home", str(place.home)]) == 0
    said = capfd.readouterr().out
    assert "bars-mlp/1" in said
    assert "yes" in said


def test_a_registered_model_of_somebody_else_gets_no_version(
    place: Place, confirm: Callable[..., promotion.Standing]
) -> None:
    name = promotion.name_of("bars", "mlp")
    with closing(tracking.connect(place.tracking_uri, place.home / "artifacts")) as tracker:
        theirs = tracker.run("theirs", "uuid/1", "theirs-1", {})
        file = place.home / "theirs.keras"
        file.write_bytes(b"theirs")
        theirs.log_model(Model(file, *[Tensor("float32", (-1, 2))] * 2, (), "3.15.1"))
    with registered.opened(place) as registry:
        assert registry
        registry.register(name, theirs.id, {}, "made by hand")
        with pytest.raises(TrackingError, match=f"the registered model {name} in .* is somebody else's"):
            confirm("mlp-3", 0.8)
        assert [(version.run, list(version.aliases)) for version in registry.versions(name)] == [(theirs.id, [])]
