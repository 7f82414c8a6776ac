"""Studies that are exported from one home and taken in by another, by the commands that people type."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import optuna
import pytest

import models
from models.data import Images
from search.cli import call
from search.problem.settings import Place
from search.store import storage
from search.system import disk, locks
from tests.search import homes
from tests.search.breaks import Home, run
from tests.search.doctor.test_doctor import dump
from tracking import Status
from tracking.spool import Spool

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
ENDINGS = ("complete", "pruned", "failed", "infeasible", "complete", "interrupted")
OTHERS = ("complete", "failed", "complete", "complete")


class Command:
    """Calls a command, and returns what it printed for programs; what it said to people is in `said`."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capfd = capfd
        self.said = ""

    def __call__(self, *words: object, code: int = 0) -> Any:
        self._capfd.readouterr()
        ended = call([*map(str, words), "--format", "json"])
        printed, self.said = self._capfd.readouterr()
        assert ended == code, f"{printed}{self.said}"
        return json.loads(printed) if printed else None


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str]) -> Command:
    return Command(capfd)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, bars: Images) -> Path:
    """A home whose study has trials of every kind, one of them interrupted, and baselines that wait."""
    folder = tmp_path_factory.mktemp("made")
    homes.search(folder, bars, endings=ENDINGS)
    return folder


@pytest.fixture(scope="module")
def bundle(made: Path) -> Path:
    file = made / "связка.zip"
    assert call(["export", "mlp", "--home", str(made), "--out", str(file)]) == 0
    return file


@pytest.fixture(scope="module")
def another(tmp_path_factory: pytest.TempPathFactory, bars: Images) -> tuple[Path, Path]:
    """The home of another machine, with a study of the same name, and a copy of it."""
    folder = tmp_path_factory.mktemp("another")
    (folder / "home").mkdir()
    homes.search(folder / "home", bars, endings=OTHERS)
    shutil.copytree(folder / "home", folder / "copy")
    return folder / "home", folder / "copy"


@pytest.fixture
def elsewhere(another: tuple[Path, Path]) -> Path:
    """The same as it was: what MLflow keeps names the home's own place."""
    home, copy = another
    shutil.rmtree(home)
    shutil.copytree(copy, home)
    return home


def everything(home: Path) -> dict[str, bytes]:
    """Every file of a home, and what is in it; without who had a lock."""
    return {
        str(file.relative_to(home)): dump(file) if file.suffix == ".db" else file.read_bytes()
        for file in home.rglob("*")
        if file.is_file() and not file.name.endswith(("-wal", "-shm", ".lock"))
    }


def trials(home: Path, study: str = "mlp") -> list[optuna.trial.FrozenTrial]:
    with storage.reading(Place.at(home, None, None).storage) as store:
        return storage.load(store, study).get_trials()


def attributes(home: Path, study: str = "mlp") -> dict[str, Any]:
    with storage.reading(Place.at(home, None, None).storage) as store:
        return storage.load(store, study).user_attrs


def tags(home: Path, run_id: str) -> dict[str, str]:
    return dict(run(home / "mlflow.db", "SELECT key, value FROM tags WHERE run_uuid = ?", run_id))


def report(home: Path, out: Path) -> str:
    """Return the report, but for its date, its home, and what MLflow calls runs."""
    assert call(["report", "--home", str(home), "--out", str(out)]) == 0
    placed = out.read_text("utf-8").replace(shlex.quote(str(home)).replace("'", "&#39;"), "HOME")
    dated = re.sub("<time.*?</time>", "", placed)
    return re.sub(r'\\u003cbr\\u003e +\\"mlflow_run_id\\": \\"[0-9a-f]{32}\\",?', "", dated)


def without_runs(said: Any) -> str:
    return re.sub("[0-9a-f]{32}", "a run", json.dumps(said, indent=1))


def test_a_study_that_was_wiped_is_there_again_as_it_was(
    made: Path, bundle: Path, tmp_path: Path, command: Command
) -> None:
    home = tmp_path / "дом"
    said = command("import", bundle, "--home", home)
    assert (said["study"], said["added"], said["runs"]) == ("mlp", list(range(len(trials(made)))), 6)
    assert command("doctor", "--home", home) == []
    assert report(home, tmp_path / "b.html") == report(made, tmp_path / "a.html")
    for words in (["show", "mlp"], ["show", "mlp/1"], ["best", "mlp"], ["list"], ["compare"]):
        here, there = (without_runs(command(*words, "--home", place)) for place in (home, made))
        assert here == there


def test_what_is_exported_is_left_as_it_was(made: Path, tmp_path: Path, command: Command) -> None:
    before = everything(made)
    said = command("export", "mlp", "--home", made, "-o", tmp_path / "a.zip")
    assert (said["runs"], said["models"], said["problems"]) == (7, 3, [])
    assert said["trials"] == {"complete": 2, "pruned": 1, "failed": 2, "running": 1, "waiting": 3} | said["trials"]
    assert everything(made) == before


def test_importing_again_changes_nothing(bundle: Path, tmp_path: Path, command: Command) -> None:
    command("import", bundle, "--home", tmp_path)
    before = everything(tmp_path)
    said = command("import", bundle, "--home", tmp_path)
    assert (said["added"], said["runs"], said["there"]) == ([], 0, len(trials(tmp_path)))
    assert everything(tmp_path) == before


def test_links_lead_to_what_is_in_the_new_home(bundle: Path, tmp_path: Path, command: Command, bars: Images) -> None:
    # So that studies have other numbers there.
    homes.search(tmp_path, bars, "other", ("complete",))
    command("import", bundle, "--home", tmp_path)
    home = Home(tmp_path)
    of_study = attributes(tmp_path)
    with storage.reading(Place.at(tmp_path, None, None).storage) as store:
        notes = store.get_study_system_attrs(home.id)
    for trial in trials(tmp_path)[:6]:
        run_id = home.run(trial.number)
        assert trial.user_attrs["mlflow_run_id"] == run_id
        assert (
            f"/dashboard/studies/{home.id}/trials?numbers={trial.number}&search_study={of_study['uuid']})"
            in tags(tmp_path, run_id)["mlflow.note.content"]
        )
        assert f"/#/runs/{run_id}" in notes[f"dashboard:{trial._trial_id}:note_str:0"]
        pictures = [name for name in trial.system_attrs if name.startswith("artifacts:")]
        assert all(name.startswith(f"artifacts:{home.id:x}-{trial.number:x}-") for name in pictures)
    assert home.own_run() == of_study["mlflow_run_id"]
    assert f"/#/runs/{home.own_run()}" in notes["dashboard:note_str:0"]


def test_a_search_goes_on_where_it_was(bundle: Path, tmp_path: Path, command: Command, bars: Images) -> None:
    command("import", bundle, "--home", tmp_path)
    checkpoint = tmp_path / "checkpoints" / "mlp" / "0005" / "checkpoint.npz"
    assert checkpoint.read_bytes() == b"weights"
    homes.search(tmp_path, bars, endings=(*ENDINGS[:-1], "complete", "complete", "complete"))
    assert [trial.state.name for trial in trials(tmp_path)[5:8]] == ["COMPLETE"] * 3
    assert command("doctor", "--home", tmp_path) == []


def test_a_newer_bundle_adds_what_is_missing(bundle: Path, tmp_path: Path, bars: Images, command: Command) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for home in (first, second):
        command("import", bundle, "--home", home)
    homes.search(first, bars, endings=(*ENDINGS[:-1], *["complete"] * 7))
    command("export", "mlp", "--home", first, "--out", tmp_path / "newer.zip")
    said = command("import", tmp_path / "newer.zip", "--home", second)
    assert len(said["added"]) == 6
    # What waited here and has ended there stands where it was added; here it is not begun any more.
    assert [trial.state.name for trial in trials(second)[6:9]] == ["FAIL"] * 3
    assert {trial.value for trial in trials(second)} >= {trial.value for trial in trials(first)[6:]}
    assert any("1 trial, over in it and open here" in note for note in said["notes"])
    assert command("doctor", "--home", second) == []
    assert command("import", tmp_path / "newer.zip", "--home", second)["added"] == []


def test_studies_of_two_machines_are_merged_and_both_are_kept(
    bundle: Path, made: Path, elsewhere: Path, command: Command
) -> None:
    before, theirs = trials(elsewhere), trials(made)
    said = command("import", bundle, "--home", elsewhere)
    over = [trial for trial in theirs if trial.state.is_finished()]
    assert said["added"] == [len(before) + place for place in range(len(over))]
    merged = trials(elsewhere)
    assert [trial.params for trial in merged] == [trial.params for trial in (*before, *over)]
    for trial, number in zip(over, said["added"], strict=True):
        origin = f"{Home(made).uuid}/{trial.number}"
        assert merged[number].values == trial.values
        assert merged[number].user_attrs["origin"] == origin
        assert tags(elsewhere, Home(elsewhere).run(number))["search.origin"] == origin
    assert command("doctor", "--home", elsewhere) == []
    assert any("4 trials not over yet, left out" in note for note in said["notes"])
    # The infeasible one is no trial of those asked for.
    assert command("show", "mlp", "--home", elsewhere)["trials"]["asked_for"] == len(OTHERS) + len(over) - 1


def test_a_search_for_a_time_stays_one_when_another_is_merged_into_it(
    bundle: Path, elsewhere: Path, command: Command
) -> None:
    study = optuna.load_study(study_name="mlp", storage=storage.connect(Place.at(elsewhere, None, None).storage))
    study.set_user_attr("settings", study.user_attrs["settings"] | {"trials": None})
    study.set_user_attr("asked_for", None)
    assert command("import", bundle, "--home", elsewhere)["added"] != []
    assert command("show", "mlp", "--home", elsewhere)["trials"]["asked_for"] is None
    assert attributes(elsewhere)["asked_for"] is None
    assert command("doctor", "--home", elsewhere) == []


def test_a_bundle_is_merged_once(bundle: Path, elsewhere: Path, command: Command) -> None:
    command("import", bundle, "--home", elsewhere)
    before = everything(elsewhere)
    assert command("import", bundle, "--home", elsewhere)["added"] == []
    assert everything(elsewhere) == before


def test_what_was_merged_is_known_again_where_it_is_from(
    bundle: Path, made: Path, elsewhere: Path, tmp_path: Path, command: Command
) -> None:
    command("import", bundle, "--home", elsewhere)
    command("export", "mlp", "--home", elsewhere, "--out", tmp_path / "merged.zip")
    command("import", bundle, "--home", tmp_path / "home")
    said = command("import", tmp_path / "merged.zip", "--home", tmp_path / "home", "--study", "mlp")
    assert len(said["added"]) == len(OTHERS)
    assert command("doctor", "--home", tmp_path / "home") == []


def test_a_search_goes_on_among_what_was_merged(bundle: Path, elsewhere: Path, command: Command, bars: Images) -> None:
    command("import", bundle, "--home", elsewhere)
    # One of those that were taken in could not be trained.
    homes.search(elsewhere, bars, endings=["infeasible", *["complete"] * 12])
    assert command("show", "mlp", "--home", elsewhere)["trials"]["finished"] == 12
    assert command("doctor", "--home", elsewhere) == []


def test_it_is_taken_in_beside_under_another_name(
    bundle: Path, elsewhere: Path, command: Command, bars: Images
) -> None:
    said = command("import", bundle, "--home", elsewhere, "--study", "theirs")
    assert (said["study"], said["added"]) == ("theirs", list(range(len(trials(elsewhere, "theirs")))))
    assert command("doctor", "--home", elsewhere) == []
    assert tags(elsewhere, Home(elsewhere, "theirs").run(1))["search.study"] == "theirs"
    # It is found by its uuid, whatever it is called here.
    assert command("import", bundle, "--home", elsewhere)["study"] == "theirs"
    homes.search(elsewhere, bars, "theirs", (*ENDINGS[:-1], "complete", "complete"))
    assert command("doctor", "--home", elsewhere) == []


def test_a_copy_beside_the_study_itself_has_keys_of_its_own(bundle: Path, tmp_path: Path, command: Command) -> None:
    command("import", bundle, "--home", tmp_path)
    command("import", bundle, "--home", tmp_path, "--study", "copy")
    assert Home(tmp_path).uuid != Home(tmp_path, "copy").uuid
    assert [trial.values for trial in trials(tmp_path, "copy")] == [trial.values for trial in trials(tmp_path)]
    assert command("doctor", "--home", tmp_path) == []
    assert command("import", bundle, "--home", tmp_path, "--study", "copy")["added"] == []


@pytest.mark.parametrize(
    ("attribute", "before", "after", "told"),
    [
        ("identity", "val_accuracy", "val_loss", "its goal is val_accuracy, here val_loss"),
        ("identity", '"data": "', '"data": "0', "its images are others (digest"),
        ("identity", '"space": "', '"space": "0', "its space is another (in its kinds of values here)"),
        ("settings", '"epochs": 3', '"epochs": 4', "its --epochs is 3, here 4"),
        ("settings", '"max_parameters": null', '"max_parameters": 9', "its --max-parameters is None, here 9"),
        ("settings", '"imagenet"', '"none"', "only one of the two has random weights"),
    ],
)
def test_another_study_of_that_name_is_refused_with_the_difference(
    attribute: str, before: str, after: str, told: str, bundle: Path, elsewhere: Path, command: Command
) -> None:
    change = "UPDATE study_user_attributes SET value_json = replace(value_json, ?, ?) WHERE key = ?"
    run(elsewhere / "optuna.db", change, before, after, attribute)
    there = everything(elsewhere)
    command("import", bundle, "--home", elsewhere, code=2)
    assert told in command.said
    assert "--study mlp-2" in command.said
    assert everything(elsewhere) == there


def test_an_import_that_is_killed_again_and_again_ends_as_one_that_was_not(
    bundle: Path, tmp_path: Path, command: Command
) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    words = [sys.executable, "-m", "search", "import", str(bundle), "--home", str(killed)]
    for point in ("importing_run:2", "imported_run:2", "imported_trial:2", "importing_end"):
        done = subprocess.run(words, cwd=ROOT, env=crashing(point), check=False, capture_output=True)
        assert done.returncode == -signal.SIGKILL, (point, done.stderr)
        # A run whose trial is not there yet is a stranger to it, but not for good.
        command("doctor", "--home", killed, "--fix")
    command("import", bundle, "--home", killed)
    command("import", bundle, "--home", whole)
    assert command("doctor", "--home", killed) == []
    assert report(killed, tmp_path / "a.html") == report(whole, tmp_path / "b.html")
    for statement in (
        "SELECT key, step, value, timestamp FROM metrics ORDER BY 1, 2, 3, 4",
        "SELECT count(*) FROM logged_models",
    ):
        assert run(killed / "mlflow.db", statement) == run(whole / "mlflow.db", statement)


def crashing(point: str) -> dict[str, str]:
    return {**os.environ, "SEARCH_CRASH_AT": point, "PYTHONPATH": str(ROOT)}


def test_a_merge_that_is_killed_ends_as_one_that_was_not(bundle: Path, elsewhere: Path, command: Command) -> None:
    words = [sys.executable, "-m", "search", "import", str(bundle), "--home", str(elsewhere)]
    for point in ("imported_trial:3", "importing_end"):
        done = subprocess.run(words, cwd=ROOT, env=crashing(point), check=False, capture_output=True)
        assert done.returncode == -signal.SIGKILL, (point, done.stderr)
    command("import", bundle, "--home", elsewhere)
    assert command("doctor", "--home", elsewhere) == []
    assert command("show", "mlp", "--home", elsewhere)["trials"]["finished"] == len(OTHERS) + 4


def test_an_import_into_a_study_that_is_being_searched_is_refused(
    bundle: Path, elsewhere: Path, command: Command
) -> None:
    with locks.alone(elsewhere, "mlp"):
        command("import", bundle, "--home", elsewhere, code=2)
        assert "is being searched by process" in command.said
        command("export", "mlp", "--home", elsewhere, "--out", elsewhere / "a.zip", code=2)
        assert "is being searched by process" in command.said
    assert not (elsewhere / "a.zip").exists()


def test_a_file_that_is_there_is_not_written_over(made: Path, tmp_path: Path, command: Command) -> None:
    (tmp_path / "a.zip").write_bytes(b"mine")
    command("export", "mlp", "--home", made, "--out", tmp_path / "a.zip", code=2)
    assert "is there already; name another file, or remove it" in command.said
    command("export", "mlp", "--home", made, "--out", tmp_path / "none" / "a.zip", code=2)
    assert "there is no folder" in command.said
    command("export", "lenet", "--home", made, "--out", tmp_path / "b.zip", code=2)
    assert "no study named 'lenet'; there are: mlp" in command.said
    assert [file.name for file in tmp_path.iterdir()] == ["a.zip"]


def test_a_model_that_is_damaged_stays_out_and_is_named(elsewhere: Path, tmp_path: Path, command: Command) -> None:
    Home(elsewhere).model(0).write_bytes(b"something else")
    said = command("export", "mlp", "--home", elsewhere, "--out", tmp_path / "a.zip")
    assert said["models"] == 2
    assert said["problems"][0].startswith("the model of mlp-0000 is left out: ")
    command("import", tmp_path / "a.zip", "--home", tmp_path / "home")
    (finding,) = command("doctor", "--home", tmp_path / "home", code=1)
    assert (finding["id"], finding["text"]) == ("I9", "missing or damaged in its run: model")


def test_what_waits_in_the_spool_is_delivered_first(elsewhere: Path, tmp_path: Path, command: Command) -> None:
    home = Home(elsewhere)
    spooled = Spool(elsewhere / "spool").run("mlp", home.key(0), "mlp-0000", {}, written=lambda: None)
    spooled.log_text("late.txt", "опоздал")
    spooled.finish(Status.FINISHED)
    command("export", "mlp", "--home", elsewhere, "--out", tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as opened:
        assert opened.read("runs/0/artifacts/late.txt").decode() == "опоздал"


def test_a_disk_that_is_too_small_is_told_before_anything_is_written(
    bundle: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "megabytes_free", lambda folder: 0.1)
    command("import", bundle, "--home", tmp_path / "home", code=2)
    assert re.search(r"0 MB are free there, and this needs at least [1-9] MB", command.said)
    assert list(tmp_path.iterdir()) == []


def test_a_family_that_is_not_here_is_named(
    bundle: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "names", lambda: ["lenet5"])
    command("import", bundle, "--home", tmp_path / "home", code=2)
    assert "no family named 'mlp'" in command.said
    assert list(tmp_path.iterdir()) == []
