"""Networks that versions before kept with layers which vary images: found, mended, and called by the same names."""

import hashlib
import json
import shutil
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import tracking
from models import kept
from models.data import Images
from search.cli import call
from search.problem.settings import Place
from search.registry import named
from tests.search import homes
from tests.search.breaks import Home
from tests.search.doctor.test_doctor import Doctor, everything
from tracking import MODEL_BEFORE_TAG, MODEL_SHA256_TAG, Model, Record, Tensor

IMAGE: dict[str, Any] = {"shape": [None, 28, 28, 1], "dtype": "float32"}


def layer(kind: str, name: str, given: str) -> dict[str, Any]:
    tensor = {"class_name": "__keras_tensor__", "config": IMAGE | {"keras_history": [given, 0, 0]}}
    return {
        "class_name": kind,
        "config": {"name": name, "dtype": "float32"},
        "name": name,
        "registered_name": None,
        "inbound_nodes": [{"args": [tensor], "kwargs": {"training": True} if kind.startswith("Random") else {}}],
    }


def old_network(file: Path, weights: str) -> Path:
    """Write what a version before has kept: no network that Keras could load, which nobody does here."""
    layers = [layer("RandomFlip", "random_flip", "images"), layer("Flatten", "flatten", "random_flip")]
    described = {"class_name": "Functional", "config": {"layers": layers, "output_layers": [["flatten", 0, 0]]}}
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("metadata.json", '{"keras_version": "3.15.1"}')
        archive.writestr("config.json", json.dumps(described))
        archive.writestr("model.weights.h5", weights)
    return file


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, bars: Images) -> tuple[Path, Path]:
    """A home of which one trial and a champion, trained again to confirm another, are as before; and a copy of it."""
    folder = tmp_path_factory.mktemp("networks")
    home = folder / "home"
    home.mkdir()
    homes.search(home, bars, "mlp", ("complete", "complete"))
    place = Place.at(home, None, None)
    found = Home(home)
    with closing(tracking.connect(place.tracking_uri, home / "artifacts")) as tracker:
        known = tracker.model(found.run(1), folder)
        tracker.reopen(found.run(1)).mend_model(old_network(folder / "model.keras", "of a trial"))
        # As it would have been recorded.
        tracker.reopen(found.run(1)).set_tags({MODEL_BEFORE_TAG: ""})
        run = tracker.run("mlp", f"{found.uuid}/confirmation/0/1", "mlp-confirmation-0-1", {})
        tensors = Tensor("uint8", (-1, 28, 28, 1)), Tensor("float32", (-1, 10))
        file = old_network(folder / "champion.keras", "of a champion")
        run.log_model(Model(file, *tensors, (), "3.15.1", metadata=known.metadata))
        run.finish(tracking.Status.FINISHED)
    registry = tracking.open_registry(place.tracking_uri)
    assert registry
    with closing(registry):
        registry.point("bars-mlp", "champion", registry.register("bars-mlp", run.id, {}, "").number)
    shutil.copytree(home, folder / "copy")
    return home, folder / "copy"


@pytest.fixture
def home(made: tuple[Path, Path]) -> Path:
    shutil.rmtree(made[0])
    shutil.copytree(made[1], made[0])
    return made[0]


@pytest.fixture
def doctor(capfd: pytest.CaptureFixture[str]) -> Doctor:
    return Doctor(capfd)


def runs(home: Path) -> list[tuple[Record, bytes]]:
    """Return the runs with old networks, with their models' files as they can be opened."""
    place = Place.at(home, None, None)
    with closing(tracking.connect(place.tracking_uri, home / "artifacts")) as tracker:
        found = [run for run in tracker.records("mlp") if run.name in ("mlp-0001", "mlp-confirmation-0-1")]
        return [(run, tracker.model(run.id, home).file.read_bytes()) for run in found]


def opened(home: Path, name: str) -> kept.Described:
    with named.opened(name, Place.at(home, None, None)) as found:
        return kept.read(found.file)


def test_what_varies_images_is_named_and_nothing_is_changed_without_being_asked(home: Path, doctor: Doctor) -> None:
    before = everything(home)
    found = [(finding["trial"], finding["text"]) for finding in doctor(home, code=1)]
    assert [trial for trial, _ in found] == [1, None]
    assert all("acts as in training (random_flip)" in text for _, text in found)
    assert everything(home) == before


def test_it_is_mended_under_a_new_digest_wherever_one_stands(home: Path, doctor: Doctor) -> None:
    before = runs(home)
    assert all(finding["repaired"] for finding in doctor(home, "--fix", code=0))
    for (was, old), (now, new) in zip(before, runs(home), strict=True):
        digests = [hashlib.sha256(content).hexdigest() for content in (new, old)]
        assert [now.tags[MODEL_SHA256_TAG], now.tags[MODEL_BEFORE_TAG]] == digests
        tags = Home(home).mlflow(
            "SELECT tag_value FROM logged_model_tags JOIN logged_models USING (model_id) WHERE source_run_id = ? "
            "AND tag_key = ?",
            now.id,
            MODEL_SHA256_TAG,
        )
        assert tags == [(digests[0],)]
        assert now.tags["search.model"] == was.tags["search.model"]
    for name in ("mlp/1", "bars-mlp", "models:/bars-mlp@champion"):
        described = opened(home, name)
        assert kept.acting(described) == []
        assert [one["name"] for one in described["config"]["layers"]] == ["flatten"]
    assert doctor(home, code=0) == []


@pytest.mark.slow
def test_mending_that_was_cut_short_is_ended(home: Path, doctor: Doctor) -> None:
    olds = [content for _, content in runs(home)]
    doctor(home, "--fix", code=0)
    mended = [run for run, _ in runs(home)]
    files = {hashlib.sha256(file.read_bytes()).hexdigest(): file for file in home.rglob("model.keras")}
    for run, old in zip(mended, olds, strict=True):
        files[run.tags[MODEL_SHA256_TAG]].write_bytes(old)
    assert kept.acting(opened(home, "mlp/1")) == ["random_flip"]
    assert len(doctor(home, code=1)) == 2
    doctor(home, "--fix", code=0)
    assert [run.tags for run, _ in runs(home)] == [run.tags for run in mended]
    assert doctor(home, code=0) == []


def test_a_bundle_of_before_is_taken_in_and_what_it_holds_is_mended_there(
    home: Path, doctor: Doctor, tmp_path: Path
) -> None:
    assert call(["export", "mlp", "--home", str(home), "--out", str(tmp_path / "old.zip")]) == 0
    doctor(home, "--fix", code=0)
    assert call(["export", "mlp", "--home", str(home), "--out", str(tmp_path / "new.zip")]) == 0
    for name, count in (("old", 2), ("new", 0)):
        assert call(["import", str(tmp_path / f"{name}.zip"), "--home", str(tmp_path / name)]) == 0
        assert len(doctor(tmp_path / name, code=int(count > 0))) == count
    doctor(tmp_path / "old", "--fix", code=0)
    assert opened(tmp_path / "old", "mlp/1") == opened(tmp_path / "new", "mlp/1")
