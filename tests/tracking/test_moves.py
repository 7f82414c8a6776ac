"""Homes that are moved or copied: what is read, written and removed is in the home that is open, and nowhere else."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

import tracking
from tests.tracking.test_removal import WHY, model
from tracking.rules import is_recorded
from tracking.run import MODEL_TAG, STUDY_TAG, Tracker, TrackingError

Open = Callable[[Path], Tracker]


def uri(home: Path) -> str:
    return tracking.databases.address_of(home / "mlflow.db")


def sql(home: Path, statement: str) -> list[tuple[str]]:
    with closing(sqlite3.connect(home / "mlflow.db")) as database, database:
        return database.execute(statement).fetchall()


def files(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder, but for what SQLite puts beside a database that is open."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if not name.endswith(("-wal", "-shm"))}


@pytest.fixture
def opened() -> Iterator[Open]:
    """Opens the store of a home; all of them are closed at the end."""
    trackers: list[Tracker] = []

    def open_home(home: Path) -> Tracker:
        trackers.append(tracking.connect(uri(home), home / "artifacts"))
        return trackers[-1]

    yield open_home
    for tracker in trackers:
        tracker.close()


@pytest.fixture
def home(tmp_path: Path, keras_file: Path, empty_database: Path) -> Path:
    """A home with one run, its report and its model, which a registered version refers to."""
    home = tmp_path / "дом 100%"
    home.mkdir()
    shutil.copy(empty_database, home / "mlflow.db")
    tracker = tracking.connect(uri(home), home / "artifacts")
    tracker.prepare("lenet5", {STUDY_TAG: "uuid"})
    run = tracker.run("lenet5", "uuid/1", "lenet5-0001", {})
    run.log_text("report/test.csv", "here")
    run.log_model(model(keras_file))
    tracker.close()
    return home


def test_a_home_that_was_moved_reads_and_writes_where_it_is_now(home: Path, tmp_path: Path, opened: Open) -> None:
    moved = home.rename(tmp_path / "elsewhere")
    tracker = opened(moved)
    (record,) = tracker.records("lenet5")
    assert record.artifacts == ["report/test.csv"]
    assert tracker.read(record.id, "report/test.csv") == b"here"
    assert tracker.model(record.id, tmp_path).file.is_relative_to(moved)
    tracker.run("lenet5", "uuid/1", "lenet5-0001", {}).log_text("more.csv", "of the old run")
    tracker.run("lenet5", "uuid/2", "lenet5-0002", {}).log_text("more.csv", "of a new run")
    tracker.run("mlp", "uuid/3", "mlp-0003", {}).log_text("more.csv", "of a new study")
    assert len(list((moved / "artifacts").rglob("more.csv"))) == 3
    assert not home.exists()


def test_a_copy_of_a_home_neither_changes_nor_removes_what_it_was_copied_from(
    home: Path, tmp_path: Path, opened: Open, keras_file: Path
) -> None:
    copy = shutil.copytree(home, tmp_path / "copy")
    before = files(home)
    tracker = opened(copy)
    (record,) = tracker.records("lenet5")
    (stored,) = tracker.models("lenet5")
    assert (stored.held, tracker.model_bytes(stored) > 0) == ("", True)
    assert tracker.reopen(record.id).remove_model(WHY) > 0
    keras_file.write_bytes(b"other weights")
    tracker.run("lenet5", "uuid/1", "lenet5-0001", {}).log_model(model(keras_file))
    assert files(home) == before
    assert is_recorded(opened(home).networks("lenet5")(record), record.tags)


def test_two_copies_of_a_home_that_are_open_at_once_do_not_mix(home: Path, tmp_path: Path, opened: Open) -> None:
    places = [home, shutil.copytree(home, tmp_path / "one"), shutil.copytree(home, tmp_path / "two")]
    trackers = [opened(place) for place in places]
    for place, tracker in zip(places, trackers, strict=True):
        tracker.run("lenet5", "uuid/1", "lenet5-0001", {}).log_text("whose.txt", place.name)
    (record,) = trackers[0].records("lenet5")
    assert [tracker.read(record.id, "whose.txt").decode() for tracker in trackers] == [place.name for place in places]
    for place in places:
        (written,) = (place / "artifacts").rglob("whose.txt")
        assert written.read_text("utf-8") == place.name


def test_a_home_that_was_moved_twice_finds_what_was_recorded_on_the_way(
    home: Path, tmp_path: Path, opened: Open
) -> None:
    first = home.rename(tmp_path / "first")
    tracker = opened(first)
    tracker.run("lenet5", "uuid/2", "lenet5-0002", {}).log_text("report/test.csv", "on the way")
    tracker.close()
    second = first.rename(tmp_path / "first.2")
    records = opened(second).records("lenet5")
    assert [record.artifacts for record in records] == [["report/test.csv"], ["report/test.csv"]]
    found = tracking.moved(uri(second), second / "artifacts")
    assert found is not None
    assert {place.name for place in found.homes} == {home.name, "first"}


def test_a_home_in_its_own_old_place_is_not_mistaken_for_it(home: Path, tmp_path: Path, opened: Open) -> None:
    inner = shutil.copytree(home, tmp_path / "inner")
    shutil.rmtree(home / "artifacts")
    inner.rename(home / "artifacts")
    (record,) = opened(home / "artifacts").records("lenet5")
    assert record.artifacts == ["report/test.csv"]


def test_a_registered_model_is_that_of_the_home_which_is_open(home: Path, tmp_path: Path, opened: Open) -> None:
    with closing(opened(home)) as tracker:
        run = tracker.records("lenet5")[0].id
        registry = tracking.open_registry(uri(home), home / "artifacts")
        assert registry is not None
        registry.register("garments", run, {}, "")
        registry.close()
    moved = home.rename(tmp_path / "elsewhere")
    tracker = opened(moved)
    assert [stored.held for stored in tracker.models("lenet5")] == ["registered: garments, version 1"]
    download = MlflowClient(uri(moved), registry_uri=uri(moved)).get_model_version_download_uri("garments", "1")
    assert download.startswith((moved / "artifacts").as_uri())


def test_mending_a_moved_home_lets_mlflow_itself_find_everything(home: Path, tmp_path: Path, opened: Open) -> None:
    moved = home.rename(tmp_path / "elsewhere")
    found = tracking.moved(uri(moved), moved / "artifacts")
    assert found is not None
    assert (found.homes, found.count()) == ([home], 3)
    found.mend()
    assert tracking.moved(uri(moved), moved / "artifacts") is None
    stored = sql(moved, "SELECT artifact_uri FROM runs UNION SELECT artifact_location FROM logged_models")
    assert all(Path(tracking.engines.files.local(address) or "").is_dir() for (address,) in stored)


def test_reading_a_moved_home_writes_nothing_into_its_database(home: Path, tmp_path: Path, opened: Open) -> None:
    moved = home.rename(tmp_path / "elsewhere")
    tracker = opened(moved)
    run = tracker.records("lenet5")[0].id
    tracker.reopen(run).set_tags({"note": "read"})
    tracker.reopen(run).finish(tracking.Status.FINISHED)
    assert sql(moved, "SELECT artifact_uri FROM runs")[0][0].startswith(home.as_uri())


def test_the_same_home_under_another_name_was_not_moved(home: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(home)
    found = tracking.moved(uri(tmp_path / "link"), tmp_path / "link" / "artifacts")
    assert found is None or found.homes == []


def test_what_others_keep_elsewhere_in_the_database_of_a_home_stays_there(
    home: Path, tmp_path: Path, opened: Open
) -> None:
    theirs = tmp_path / "data" / "artifacts" / "theirs"
    client = MlflowClient(uri(home))
    experiment = client.create_experiment("theirs", artifact_location=theirs.as_uri())
    client.log_text(client.create_run(experiment).info.run_id, "theirs", "note.txt")
    moved = home.rename(tmp_path / "elsewhere")
    tracker = opened(moved)
    assert [record.artifacts for record in tracker.records("theirs")] == [["note.txt"]]
    tracker.claim("theirs", "uuid")
    tracker = opened(moved)
    tracker.run("theirs", "uuid/9", "theirs-0009", {}).log_text("more.txt", "theirs, too")
    assert len(list(theirs.rglob("*.txt"))) == 2


def test_a_database_outside_of_the_home_keeps_the_addresses_that_it_has(database: Path, tmp_path: Path) -> None:
    address = tracking.databases.address_of(database)
    for name in ("one", "two"):
        with closing(tracking.connect(address, tmp_path / name / "artifacts")) as tracker:
            tracker.prepare(name, {STUDY_TAG: name})
            tracker.run(name, f"{name}/1", name, {}).log_text("note.txt", name)
    with closing(tracking.connect(address, tmp_path / "two" / "artifacts")) as tracker:
        assert tracker.read(tracker.records("one")[0].id, "note.txt") == b"one"
        tracker.run("one", "one/1", "one", {}).log_text("more.txt", "one")
    assert len(list((tmp_path / "one").rglob("*.txt"))) == 2


@pytest.mark.parametrize("what", ["artifacts/lenet5", "artifacts/lenet5/models", "artifacts/lenet5/{run}"])
def test_nothing_is_written_or_removed_through_a_link_that_leads_out_of_the_home(
    what: str, home: Path, tmp_path: Path, opened: Open, keras_file: Path
) -> None:
    tracker = opened(home)
    run = tracker.records("lenet5")[0].id
    link = home / what.format(run=run)
    shutil.move(link, tmp_path / "outside")
    link.symlink_to(tmp_path / "outside")
    before = files(tmp_path / "outside")
    keras_file.write_bytes(b"other weights")
    deeds: list[Callable[[], object]] = [lambda: tracker.reopen(run).log_text("report/test.csv", "lost")]
    if not what.endswith("{run}"):
        deeds.append(lambda: tracker.reopen(run).remove_model(WHY))
    if what.endswith("models"):
        deeds[0] = lambda: tracker.reopen(run).log_model(model(keras_file))
    for deed in deeds:
        with pytest.raises(TrackingError, match="outside of"):
            deed()
    assert files(tmp_path / "outside") == before
    assert MODEL_TAG in tracker.record(run).tags


@pytest.mark.parametrize("where", ["{root}/../../../elsewhere", "file:///{tmp}/elsewhere", "{root}/../mlp/{run}"])
def test_nothing_is_written_to_an_address_outside_of_the_experiment(
    where: str, home: Path, tmp_path: Path, opened: Open
) -> None:
    run = opened(home).records("lenet5")[0].id
    root = (home / "artifacts" / "lenet5").as_uri()
    sql(home, f"UPDATE runs SET artifact_uri = '{where.format(root=root, tmp=tmp_path, run=run)}'")
    with pytest.raises(TrackingError, match="outside of"):
        opened(home).reopen(run).log_text("note.txt", "lost")
    assert list(tmp_path.rglob("note.txt")) == []


def test_a_folder_of_artifacts_that_is_a_link_to_a_larger_disk_is_used(
    home: Path, tmp_path: Path, opened: Open
) -> None:
    shutil.move(home / "artifacts", tmp_path / "large")
    (home / "artifacts").symlink_to(tmp_path / "large")
    run = opened(home).records("lenet5")[0].id
    opened(home).reopen(run).log_text("note.txt", "there")
    assert len(list((tmp_path / "large").rglob("note.txt"))) == 1
    assert opened(home).reopen(run).remove_model(WHY) > 0
