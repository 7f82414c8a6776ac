"""What messages advise is done, and ends well. `known.py` says which message is followed where."""

import json
import re
import shlex
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import optuna
import pytest
from rich.console import Console

import tracking
from models.data import DataError, finding, load, splits
from search.analysis import paired
from search.analysis.predictions import judged, of_run, opened
from search.cli import call
from search.commands.predict import gallery, loading
from search.doctor import stores
from search.output import suggestions
from search.problem.resolving import resolve
from search.problem.settings import Place
from search.registry import registered
from search.registry.named import Kept
from search.store import identity, results, storage
from search.store.attributes import removal
from search.system import disk, locks, next_commands
from search.system.errors import UsageError
from tests.advice.conftest import begun_on
from tests.advice.following import Reader, parses
from tests.search.breaks import Home
from tracking import TrackingError

RUN = ["run", "--study", "mlp"]
NEW = ["run", "--study", "new", "--family", "mlp", "--data", "FILE"]
DRY = ["--dry-run"]


@pytest.fixture
def other(reader: Reader, tmp_path: Path) -> Reader:
    """A home of one's own, with nothing in it yet."""
    return Reader(tmp_path / "another home", reader._capture, **reader._stand_for)


@pytest.fixture
def own(reader: Reader) -> Iterator[Reader]:
    """The home, put back as it was afterwards: both stores hold whole addresses."""
    kept = reader.home.with_name("kept")
    shutil.copytree(reader.home, kept)
    yield reader
    shutil.rmtree(reader.home)
    kept.rename(reader.home)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "said", "code"),
    [
        (["list", "extra"], "more words than list takes", 2),
        (["show"], "show needs", 2),
        (["run", "--trails", "3"], "no option --trails", 2),
        (["run"], "run needs the name of a study", 2),
        (["run", "--study", "fruits"], "say which one with --family", 2),
        ([*RUN, "--epochs", "7"], "begin another with", 2),
        (["show", "mlp"], "nobody searches now; what is open", 0),
        (["show", "mlp"], "best: trial", 0),
        (["best", "mlp"], "not confirmed yet", 0),
        (["best", "poor"], "has no complete trial yet", 1),
        (["best", "two"], "Each is the best that costs no more", 0),
        (["compare", "mlp/0", "mlp/2"], "has judged no images", 2),
        (["models"], "no registered models yet", 0),
        (["predict", "mlq", "IMAGE"], "no model 'mlq' (did you mean mlp?)", 2),
        (["promote", "bars-mlp/1"], "no registered model", 2),
        (["retrain", "mlp"], "names no trial", 2),
        (["retrain", "mlp/0"], "would come out as it did", 2),
        (["import", "FILE"], "is no bundle of a study", 2),
        (["import", "nowhere.zip"], "No such file or directory; give a file", 2),
        (["doctor", "--abandon"], "--abandon changes what is there", 2),
        (["delete", "mlp"], "nobody can be asked here", 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_command_in_a_message_does_what_it_says(reader: Reader, typed: list[str], said: str, code: int) -> None:
    message = reader.types(*(reader._stand_for.get(word, word) for word in typed), code=code)
    assert said in message
    reader.follows(message)


@pytest.mark.parametrize("typed", [["list"], ["show", "mlp"], ["best", "mlp"]], ids=" ".join)
def test_in_a_home_without_anything_one_is_told_how_to_begin(other: Reader, typed: list[str]) -> None:
    message = other.types(*typed, code=2)
    assert "nothing has been searched here yet" in message
    other.follows(message)
    if typed == ["list"]:
        other.home.mkdir()
        storage.connect(Place.at(other.home, None, None).storage)
        message = other.types("list", code=0)
        assert "no studies yet" in message
        other.follows(message)


@pytest.mark.parametrize(
    ("typed", "said", "instead"),
    [
        ([*RUN, "--workers", "none"], "from 1, or auto", [*RUN, "--workers", "auto"]),
        ([*RUN, "--workers", "x"], "a number of trials side by side", [*RUN, "--workers", "2"]),
        ([*RUN, "--timeout", "soon"], "such as 90s, 30m or 2h", [*RUN, "--timeout", "30m"]),
        ([*RUN, "--trial-timeout", "5"], "such as 90s, 30m or 2h", [*RUN, "--trial-timeout", "90s"]),
        ([*RUN, "--trials", "none"], "give a whole number", [*RUN, "--trials", "3"]),
        ([*RUN, "--trials", "0"], "give 1 or more", [*RUN, "--trials", "1"]),
        ([*RUN, "--pruner", "hlving"], "did you mean halving?", [*RUN, "--pruner", "halving"]),
        ([*RUN, "--fix", "depth"], "not of the form NAME=VALUE", [*RUN, "--fix", "depth=2"]),
        ([*RUN, "--fix", "dpeth=2"], "did you mean depth?", [*RUN, "--fix", "depth=2"]),
        ([*RUN, "--fix", "depth=two"], "is not a whole number", [*RUN, "--fix", "depth=2"]),
        ([*RUN, "--fix", "optimizer=adma"], "did you mean adam?", [*RUN, "--fix", "optimizer=adam"]),
        ([*RUN, "--sampler", "grid"], "or choose --sampler qmc", [*RUN, "--sampler", "qmc"]),
        ([*RUN, "--epochs", "7"], "go on without --epochs", RUN),
        ([*NEW, "--weights", "nowhere.h5"], "or imagenet, or none", [*NEW, "--weights", "imagenet"]),
        (["run", "mlp", "--study", "two"], "two names for one study; give one", ["run", "mlp"]),
        (["run", "--study", "A/B"], "a study's name has", ["run", "--study", "a-b", "--family", "mlp"]),
        (["rnu", "mlp"], "did you mean run?", ["run", "mlp"]),
        (["show", "mpl"], "did you mean mlp?", ["show", "mlp"]),
        (["show", "mlp/99"], "there are: mlp/0 to", ["show", "mlp/0"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_is_to_be_given_instead_is_taken(reader: Reader, typed: list[str], said: str, instead: list[str]) -> None:
    def dry(words: list[str]) -> list[str]:
        return [reader._stand_for.get(word, word) for word in (*words, *(DRY if words[0] == "run" else ()))]

    assert said in reader.types(*dry(typed), code=2)
    reader.types(*dry(instead), code=0)


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("test_accuracy", "val_accuracy"),
        ("parameters", "val_accuracy,parameters"),
        ("latency,val_accuracy", "val_accuracy,latency"),
        ("val_accuracy,parameters,latency", "val_accuracy,parameters"),
        ("val_accuracy,latncy", "val_accuracy,latency"),
    ],
)
def test_the_objective_that_is_named_is_taken(other: Reader, bars_file: Path, asked: str, given: str) -> None:
    words = ["run", "--study", "mlp", "--data", bars_file, *DRY, "--objective"]
    message = other.types(*words, asked, code=2)
    assert any(word in message for word in (f"--objective {given}", given.split(",")[-1]))
    other.types(*words, given, code=0)


def test_a_place_that_cannot_be_is_exchanged_for_one_that_can(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = f"sqlite:///{tmp_path / 'one.db'}"
    for words, said in (
        (["--storage", one, "--tracking-uri", one], "give two"),
        (["--storage", "postgresql://me:secret@localhost/x"], "in the variable OPTUNA_STORAGE instead"),
        (["--storage", "nonsense"], "give sqlite:///FILE"),
    ):
        assert said in reader.types(*RUN, *DRY, *words, code=2)
    odd = Reader(tmp_path / "what?", reader._capture)
    assert "a path with '?' cannot hold a database" in odd.types("list", code=2)
    nowhere = Reader(Path("/proc/home"), reader._capture)
    assert "name another folder" in nowhere.types("run", "mlp", "--data", reader._stand_for["FILE"], code=2)
    monkeypatch.setenv("OPTUNA_STORAGE", Place.at(reader.home, None, None).storage)
    reader.types("show", "mlp", code=0)
    (tmp_path / "foreign.db").write_bytes(b"")
    subprocess.run(["sqlite3", tmp_path / "foreign.db", "CREATE TABLE t (x)"], check=True)
    message = reader.types("list", "--storage", f"sqlite:///{tmp_path / 'foreign.db'}", code=2)
    assert "give Optuna a file of its own" in message


@pytest.mark.parametrize("verb", ["keep", "doctor", "import", "export"])
def test_a_store_of_memory_alone_keeps_nothing_and_one_of_files_does(own: Reader, tmp_path: Path, verb: str) -> None:
    assert own.types("export", "mlp", "--out", tmp_path / "made.zip", code=0)
    words = {"import": [tmp_path / "made.zip"], "doctor": [], "keep": ["mlp", "--dry-run"], "export": ["mlp"]}[verb]
    words = [*words, "--out", tmp_path / "again.zip"] if verb == "export" else words
    if verb != "export":
        assert "--tracking-uri memory: keeps nothing" in own.types(verb, *words, "--tracking-uri", "memory:", code=2)
    assert call([verb, *map(str, words), "--home", str(own.home)]) in (0, 1)


def test_files_that_are_in_the_way_are_left_and_another_name_is_taken(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("somebody's")
    for verb in (["export", "mlp"], ["report", "mlp"]):
        assert "name another file" in reader.types(*verb, "--out", tmp_path / "taken", code=2)
        assert "make it, or name another file" in reader.types(*verb, "--out", tmp_path / "no" / "where", code=2)
        reader.types(*verb, "--out", tmp_path / f"{verb[0]}.out", code=0)
    assert (tmp_path / "taken").read_text() == "somebody's"


def test_who_holds_a_study_is_waited_for_or_another_is_named(reader: Reader) -> None:
    with locks.alone(reader.home, "mlp"):
        assert "name another --study" in reader.types("keep", "mlp", code=2)
        reader.types("run", "--study", "mlp-9", "--family", "mlp", *DRY, code=0)
    reader.types("keep", "mlp", "--dry-run", code=0)


def test_a_study_whose_images_are_others_is_begun_anew_with_all_it_had(reader: Reader, tmp_path: Path) -> None:
    """What is named carries images, epochs, the family and the home."""
    data = tmp_path / "my fruits.npz"
    with np.load(reader._stand_for["FILE"]) as arrays:
        np.savez(data, **{name: array[::-1] for name, array in arrays.items()})
    message = reader.types(*RUN, "--data", data, *DRY, code=2)
    reader.follows(message)
    command = next(words for words in re.findall("`([^`]+)`", message) if "--study mlp-2" in words)
    assert shlex.quote(str(data)) in command
    assert "--family mlp" in command
    assert "--epochs 3" in command


def test_a_study_whose_space_or_goal_is_another_is_begun_anew(reader: Reader) -> None:
    place = Place.at(reader.home, None, None)
    with next_commands.typed(["--home", str(reader.home)]), storage.reading(place.storage) as store:
        study = storage.load(store, "mlp")
        flags = resolve("mlp", place, {}, study.user_attrs["settings"])
        with pytest.raises(UsageError, match="cannot go on: the images are others") as refused:
            identity.refuse_changes(study, flags, {**study.user_attrs["identity"], "data": "0" * 64})
    reader.follows(str(refused.value))


def test_what_a_search_ends_with_can_be_pasted(reader: Reader) -> None:
    place = Place.at(reader.home, None, None)
    with next_commands.typed(["run", "--home", str(reader.home)]), storage.reading(place.storage) as store:
        for name in ("mlp", "poor", "two"):
            study = storage.load(store, name)
            summary = results.summary(study)
            chosen = resolve(name, place, {}, study.user_attrs["settings"])
            shown, interface = suggestions.looks(summary, chosen)
            reader.follows(f"`{shown}`")
            parses(shlex.split(interface.removeprefix(next_commands.program())))
            for result in results.everything(study)[1][:1]:
                again = suggestions.again(summary, result).replace("python -m search", next_commands.program(), 1)
                reader.follows(f"`{again}`")


def test_what_stands_in_notes_of_the_dashboard_can_be_pasted(reader: Reader) -> None:
    with storage.reading(Place.at(reader.home, None, None).storage) as store:
        notes = " ".join(map(str, storage.load(store, "mlp")._storage.get_study_system_attrs(1).values()))
    found = [shlex.split(command) for command in set(re.findall(r"`python -m search ([^`]+)`", notes))]
    assert {"show mlp", "compare mlp", "show mlp/0"} <= {" ".join(words[:2]) for words in found}
    for words in found:
        assert call([*words, "--home", str(reader.home)]) == 0


def test_a_bundle_that_cannot_be_merged_is_taken_in_under_the_name_that_is_given(own: Reader, tmp_path: Path) -> None:
    bundle = tmp_path / "a bundle.zip"
    own.types("export", "mlp", "--out", bundle, code=0)
    message = own.types("import", bundle, "--study", "two", code=2)
    assert "cannot take in" in message
    (command,) = re.findall(r"as in `([^`]+)`", message)
    words = shlex.split(command.removeprefix(next_commands.program()))
    assert call(words) == 0, own._capture.readouterr()
    own.types("show", "two-2", code=0)


def test_a_study_whose_images_are_elsewhere_goes_on_with_data(own: Reader, tmp_path: Path, bars_file: Path) -> None:
    begun_on(Home(own.home, "poor"), tmp_path / "gone.npz")
    own.types("export", "poor", "--out", tmp_path / "poor.zip", code=0)
    message = own.types("import", tmp_path / "poor.zip", "--study", "poor-9", code=0)
    assert "its images are not here" in message
    own.follows(message)


def test_a_trial_without_a_run_is_mended_by_the_command_that_is_told(own: Reader, tmp_path: Path) -> None:
    Home(own.home).mlflow("DELETE FROM tags WHERE key = 'search.key' AND value LIKE '%/0'")
    message = own.types("export", "mlp", "--out", tmp_path / "one.zip", code=0)
    assert "mlp/0 has no run" in message
    own.follows(message)
    assert "has no run" not in own.types("export", "mlp", "--out", tmp_path / "two.zip", code=0)


def test_a_model_that_was_removed_is_trained_again(own: Reader) -> None:
    home = Home(own.home)
    home.optuna(
        "INSERT INTO study_user_attributes (study_id, key, value_json) VALUES (?, ?, ?)",
        home.id,
        removal(1),
        '"today, by keep --top 1"',
    )
    message = own.types("show", "mlp/1", code=0)
    assert "removed today, by keep --top 1" in message
    own.follows(message)


def test_a_file_of_a_model_is_taken_with_the_digest_that_is_told(reader: Reader, tmp_path: Path) -> None:
    model = tmp_path / "some where.keras"
    model.write_bytes(b"of no use")
    message = reader.types("predict", model, reader._stand_for["FILE"], code=2)
    (command,) = re.findall("`([^`]+)` takes it", message)
    assert "--trust-file" in command
    parses(shlex.split(command.removeprefix(next_commands.program())))
    known = reader.types("predict", "mlp", reader._stand_for["FILE"], "--trust-file", "0" * 64, code=2)
    assert "leave it out" in known


def test_so_many_images_as_are_asked_for_are_enough() -> None:
    labels = np.arange(40) % 4
    with pytest.raises(DataError) as refused:
        splits.subset(labels, 5, 0)
    least = int(re.findall(r"ask for (\d+) or more", str(refused.value))[0])
    assert len(splits.subset(labels, least, 0)) == least


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="SQLite's shell is not installed")
def test_what_sqlite_can_still_read_is_read_by_the_line_that_is_told(own: Reader) -> None:
    file = own.home / "optuna.db"
    with file.open("r+b") as stream:
        stream.seek(file.stat().st_size // 2)
        stream.write(bytes(4096))
    (line,) = re.findall(r"`(sqlite3 [^`]+)` reads what is left", own.types("doctor", code=2))
    told = line.replace("FILE", shlex.quote(str(file)))
    assert (
        "CREATE TABLE studies" in subprocess.run(told, shell=True, check=False, capture_output=True, text=True).stdout
    )
    # What is said of one that can be read in part.
    subprocess.run(stores.readable(file), shell=True, check=True, capture_output=True)
    with closing(sqlite3.connect(file.with_name("optuna.db.recovered"))) as recovered:
        assert recovered.execute("SELECT count(*) FROM studies").fetchone()[0] > 0


def test_an_experiment_that_was_deleted_comes_back_by_the_command_that_is_told(own: Reader) -> None:
    place = Place.at(own.home, None, None)
    tracker = tracking.connect(place.tracking_uri, own.home / "artifacts")
    found = tracker._client.get_experiment_by_name("poor")  # type: ignore[attr-defined]  # MLflow's own
    tracker._client.delete_experiment(found.experiment_id)  # type: ignore[attr-defined]  # see above
    with pytest.raises(TrackingError) as refused:
        tracker.prepare("poor", found.tags)
    command = re.findall(r"`(mlflow experiments restore [^`]+)`", str(refused.value))[0]
    words = shlex.split(command)
    done = subprocess.run(
        [next_commands.tool(words[0]), *words[1:]], env={"MLFLOW_TRACKING_URI": place.tracking_uri}, check=False
    )
    assert done.returncode == 0
    tracker.prepare("poor", found.tags)
    tracker.close()


@pytest.mark.parametrize(
    "command",
    [
        "mlflow gc --tracking-uri u --backend-store-uri d --logged-model-ids m-1",
        "mlflow experiments restore --experiment-id 1",
        "mlflow experiments rename --experiment-id 1 --new-name x-before",
        "mlflow runs restore --run-id 1",
        "mlflow db upgrade sqlite:///x",
        "optuna storage upgrade --storage sqlite:///x",
    ],
)
def test_commands_of_the_libraries_are_ones_that_they_have(command: str) -> None:
    words = shlex.split(command)
    if words[0] == "mlflow":
        from mlflow.cli import cli as group

        with group.make_context("mlflow", words[1:]) as context:
            name, chosen, rest = group.resolve_command(context, words[1:])
            while rest and hasattr(chosen, "resolve_command"):
                name, chosen, rest = chosen.resolve_command(context, rest)
            chosen.make_context(name, rest, parent=context)
        return
    assert optuna.__version__.startswith("5.")
    done = subprocess.run(
        [next_commands.tool(words[0]), *words[1:3], "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "--storage" in done.stdout


def test_a_registered_model_is_used_and_promoted_as_told(own: Reader) -> None:
    place = Place.at(own.home, None, None)
    with opened(place) as tracker:
        runs = [run.id for run in tracker.records("mlp") if tracking.MODEL_TAG in run.tags]
    with registered.opened(place) as registry:
        assert registry
        for run in runs[:2]:
            registry.register("bars-mlp", run, {}, "")
        registry.point("bars-mlp", tracking.CHAMPION, 1)
    own.follows(own.types("models", code=0))
    message = own.types("promote", "bars-mlp/2", code=1)
    own.follows(message)
    assert "give the reason" in own.types("promote", "bars-mlp/2", "--force", "", code=2)
    (command,) = re.findall("`([^`]+)` would change it", message)
    assert call(shlex.split(command.removeprefix(next_commands.program()))) == 0


def test_a_model_is_asked_by_the_command_that_suits_its_network(reader: Reader, bars_file: Path) -> None:
    console, place = Console(), Place.at(reader.home, None, None)
    with next_commands.typed(["--home", str(reader.home)]):
        with pytest.raises(UsageError, match="is a Siamese network") as refused:
            loading.classifier(console, Kept("two/0", Path(), family="siamese"), "predict")
        reader.follows(str(refused.value))
        with pytest.raises(UsageError, match="is no Siamese network") as refused:
            loading.embedder(console, Kept("mlp/0", Path(), family="mlp"))
        reader.follows(str(refused.value))
    digest = load(str(bars_file), cache=reader.home / "cache").digest
    with storage.reading(place.storage) as store:
        with pytest.raises(UsageError, match="name the home of that search with --home"):
            gallery.training_images(Kept("x/0", Path(), digest=digest, study="elsewhere"), place, store)
        assert len(gallery.training_images(Kept("mlp/0", Path(), digest=digest, study="mlp"), place, store))


def test_a_run_on_other_images_is_left_for_a_study_of_its_own(own: Reader) -> None:
    Home(own.home).mlflow("UPDATE datasets SET digest = 'another'")
    message = own.types("doctor", "mlp", code=1)
    assert "do not compare it with the others" in message
    own.follows(message)


def test_trials_of_the_same_images_are_compared(reader: Reader) -> None:
    place = Place.at(reader.home, None, None)
    with opened(place) as tracker, storage.reading(place.storage) as store:
        trial = results.one(store, "mlp/0")
        first = judged(tracker, trial)
        fewer = of_run(tracker, trial.run, trial.name, trial.study, "validation")
    with pytest.raises(UsageError, match="compare trials of studies with the same --data and --images"):
        paired.pair(first, fewer)
    reader.types("compare", "mlp/0", "two/0", code=0)


def test_what_was_confirmed_elsewhere_is_confirmed_here_by_the_command_that_is_told(
    own: Reader, tmp_path: Path
) -> None:
    home = Home(own.home)
    words = dict.fromkeys(("study", "caveat", "winner", "run", "model"), "")
    first = {"name": "mlp/0", "seeds": 1, "test_accuracy": 0.5, "margin": 0.1, "what": "relu"}
    first |= dict.fromkeys(("difference", "difference_margin", "clear"))
    said = json.dumps({**words, "sentences": [], "finalists": [first]})
    home.optuna(
        "INSERT INTO study_user_attributes (study_id, key, value_json) VALUES (?, 'confirmed', ?)", home.id, said
    )
    own.types("export", "mlp", "--out", tmp_path / "mlp.zip", code=0)
    message = own.types("import", tmp_path / "mlp.zip", "--study", "poor", code=0)
    assert "what was confirmed of it stays out" in message
    own.follows(message)


def test_a_disk_that_is_too_small_is_exchanged_for_another(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="free some, or name a folder on another disk"):
        disk.require(tmp_path, 1e12)
    disk.require(tmp_path, 1e-3)


def test_without_images_one_can_give_ones_own_or_say_where_they_are(
    other: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`apt install` takes a network: that the package has this name is seen where it is installed."""
    assert finding.ADVICE.count("apt install dataset-fashion-mnist") == 1
    monkeypatch.setenv("SEARCH_DATA_DIR", str(tmp_path))
    message = other.types("run", "mlp", *DRY, code=2)
    assert "put the files there, or unset it" in message
    other.types("run", "mlp", *DRY, "--data", other._stand_for["FILE"], code=0)
    if finding.DEBIAN.exists():
        monkeypatch.setenv("SEARCH_DATA_DIR", str(finding.DEBIAN))
        other.types("run", "mlp", *DRY, code=0)


def test_a_study_that_was_only_about_to_begin_is_begun(own: Reader) -> None:
    home = Home(own.home, "poor")
    home.optuna("DELETE FROM study_user_attributes WHERE study_id = ? AND key = 'settings'", home.id)
    message = own.types("keep", "poor", code=2)
    assert "was only about to begin" in message
    (command,) = re.findall("`([^`]+)`", message)
    parses(shlex.split(command.removeprefix(next_commands.program())))
