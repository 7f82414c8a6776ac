"""Whatever a study holds comes into another home as it was, to the last bit and the last byte."""

import tempfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import optuna
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState, create_trial
from rich.console import Console

from search.bundle import archive, source, target
from search.bundle.exporting import Export
from search.bundle.moving import renamed
from search.bundle.taking import Taking
from search.doctor import reading
from search.problem.resolving import resolve
from search.problem.settings import Place
from search.recording import artifacts
from search.store import storage
from search.store.attributes import IMPORTING, RUN_ID, identity_of_trial, run_name
from search.store.study import Study
from search.system.errors import UsageError
from tracking import MODEL_TAG, Dataset, Model, Status, Tensor
from tracking.engines.memory import MemoryTracker

pytestmark = pytest.mark.slow

NAMES = st.sampled_from(["a", "Сапоги", "test_f1.Кеды", "x.y", "名前"])
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
ODD = ("none", None, True, 0.1 + 0.2, 7)
# What MLflow takes for a path inside its run.
FILES = st.sampled_from(["a.png", "таблицы/отчёт.csv", "a b & c.json", "traceback.txt"])
DAY = datetime(2026, 3, 29, 1, 59, 59, 123456)
QUIET = Console(quiet=True)
Held = Mapping[str, Any]


@st.composite
def trials(draw: st.DrawFn) -> FrozenTrial:
    """A trial that ended in any way, or did not."""
    state = draw(st.sampled_from(list(TrialState)))
    dismissed = state == TrialState.FAIL and draw(st.booleans())
    began = (
        None if state == TrialState.WAITING or dismissed else DAY + timedelta(microseconds=draw(st.integers(0, 10**12)))
    )
    low, high = sorted((draw(NUMBERS), draw(NUMBERS)))
    drawn: dict[str, Any] = {"rate": FloatDistribution(low, high), "kind": CategoricalDistribution(ODD)}
    values = {"rate": draw(st.floats(low, high)), "kind": draw(st.sampled_from(ODD))}
    if draw(st.booleans()):
        drawn["число"], values["число"] = IntDistribution(1, 2**40, log=True), draw(st.integers(1, 2**40))
    infeasible = {"constraints:feasible": 1.0} if state == TrialState.PRUNED else {}
    return FrozenTrial(
        number=-1,
        trial_id=-1,
        state=state,
        value=None,
        values=[draw(NUMBERS)] if state in (TrialState.COMPLETE, TrialState.PRUNED) else None,
        datetime_start=began,
        datetime_complete=began and (began + timedelta(microseconds=1) if state.is_finished() else None),
        params=values,
        distributions=drawn,
        user_attrs=draw(st.dictionaries(NAMES, NUMBERS | TEXTS | st.lists(NUMBERS, max_size=2), max_size=3)),
        system_attrs={"fixed_params": {"rate": low}} | infeasible,
        intermediate_values=draw(st.dictionaries(st.integers(1, 5), NUMBERS | st.just(float("inf")), max_size=4)),
    )


@st.composite
def contents(draw: st.DrawFn) -> Held:
    """What a run holds."""
    return {
        "parameters": draw(st.dictionaries(NAMES, NUMBERS | TEXTS, max_size=3)),
        "metrics": draw(st.lists(st.tuples(NAMES, st.integers(0, 4), NUMBERS, st.integers(1, 10**13)), max_size=6)),
        "tags": draw(st.dictionaries(NAMES, TEXTS, max_size=3)),
        "artifacts": draw(st.dictionaries(FILES, st.binary(max_size=40), max_size=3)),
        "model": draw(st.none() | st.binary(min_size=1, max_size=40)),
        "dataset": draw(st.booleans()),
        "status": draw(st.sampled_from([Status.FINISHED, Status.FAILED, Status.SCHEDULED, Status.RUNNING])),
    }


@dataclass(frozen=True)
class Home:
    """A home with Optuna's storage on the disk, and runs in memory."""

    place: Place
    store: RDBStorage


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, Home]]:
    """Two of them: to make tables takes longer than what is put into them."""
    places = [Place.at(tmp_path_factory.mktemp("дом"), None, "memory:") for _ in range(2)]
    found = [Home(place, storage.connect(place.storage)) for place in places]
    yield found[0], found[1]
    for home in found:
        home.store.engine.dispose()


def record(tracker: MemoryTracker, study: Study, trial: FrozenTrial, number: int, held: Held, folder: Path) -> str:
    name, key = study.settings.study, study.key(number)
    tags = held["tags"] | identity_of_trial(name, key, number, "mlp", trial.user_attrs)
    run = tracker.run(name, key, run_name(name, number), tags, time=1_700_000_000_000 + number)
    run.log_parameters(held["parameters"])
    for metric, step, value, time in held["metrics"]:
        run.log_metrics({metric: value}, step, time=time)
    if held["dataset"]:
        run.log_dataset(Dataset("вещи", "d" * 36, "/данные", {"classes": 10, "names": ["Сапоги"]}))
    for artifact, content in held["artifacts"].items():
        run.log_artifact(artifact, content)
    if held["model"]:
        file = folder / f"{number}.keras"
        file.write_bytes(held["model"])
        tensors = Tensor("uint8", (-1, 28, 28, 1)), Tensor("float32", (-1, 10))
        run.log_model(Model(file, *tensors, ("keras==3.15.1",), "3.15.1", metadata={"class_names": ["Сапоги"]}))
    run.finish(held["status"], time=1_700_000_000_999)
    return run.id


def holdings(tracker: MemoryTracker, study: Study) -> list[Any]:
    """Return all that stands of a study in both stores, but for what a store calls it."""
    found: list[Any] = []
    records = sorted(tracker.records(study.settings.study), key=lambda record: record.name)
    ids = {record.id: record.name for record in records}
    for trial in study.trials():
        attributes = {
            name: ids.get(value, value) if name == RUN_ID else value for name, value in trial.user_attrs.items()
        }
        found.append((trial.number, trial.state, trial.values, trial.datetime_start, trial.datetime_complete))
        found.append((trial.params, trial.distributions, trial.intermediate_values))
        found.append((attributes, trial.constraints, trial.system_attrs.get("fixed_params")))
    for record in records:
        tags = {name: text for name, text in record.tags.items() if name != MODEL_TAG}
        found.append((record.name, tags, record.parameters, record.datasets, record.began, record.ended))
        # Nobody goes on with it now.
        found.append(Status.SCHEDULED if record.status == Status.RUNNING else record.status)
        found.append(tracker.histories(record.id))
        found.append({name: tracker.read(record.id, name) for name in record.artifacts})
        with tempfile.TemporaryDirectory() as folder:
            if MODEL_TAG in record.tags:
                model = tracker.model(record.id, Path(folder))
                found.append((model.file.read_bytes(), model.input, model.requirements, model.metadata))
    return found


def export(study: Study, tracker: MemoryTracker, store: RDBStorage, file: Path) -> None:
    with file.open("wb") as stream:
        Export(reading.read(study, tracker, held=True), store, tracker, archive.Writer(stream)).write(QUIET)


def take_in(file: Path, home: Home, name: str, tracker: MemoryTracker) -> tuple[Study, list[int]]:
    """Take a bundle in, but for what makes it fit; return the study, and the numbers of the trials that were added."""
    with archive.opened(file) as opened:
        opened.verify(lambda size: None)
        found = source.understood(opened)
        target.ensure(home.store, name, found)
        study = reading.opened(home.store, name, home.place)
        taking = Taking(found, study, tracker)
        for trial in taking.new:
            taking.take(trial)
    return study, [taking.numbers[trial.number] for trial in taking.new]


def begin(home: Home, name: str) -> Study:
    flags = {"family": "mlp", "trials": 4, "epochs": 3}
    return Study.open(home.store, resolve(name, home.place, flags, {}), "digest")


def over(number: int, **attributes: Any) -> FrozenTrial:
    """A trial that ended, and began so many days later."""
    trial = create_trial(value=0.5, params={}, distributions={}, user_attrs=attributes)
    trial.datetime_start, trial.datetime_complete = (DAY + timedelta(days=number + after) for after in (0, 1))
    return trial


@given(held=st.lists(st.tuples(trials(), st.none() | contents()), max_size=4))
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
def test_a_study_with_whatever_in_it_is_the_same_in_another_home(
    held: list[tuple[FrozenTrial, Held | None]], homes: tuple[Home, Home]
) -> None:
    here, there = homes
    tracker, other, name = MemoryTracker(), MemoryTracker(), f"s{uuid.uuid4().hex}"
    study = begin(here, name)
    with tempfile.TemporaryDirectory() as folder:
        for number, (trial, run) in enumerate(held):
            if run and trial.datetime_start:
                run_id = record(tracker, study, trial, number, run, Path(folder))
                trial.user_attrs = trial.user_attrs | {RUN_ID: run_id}
            study.add(trial, number)
        file = Path(folder, "связка.zip")
        export(study, tracker, here.store, file)
        taken, added = take_in(file, there, name, other)
        assert holdings(other, taken) == holdings(tracker, study)
        assert taken.attributes == {**study.attributes, IMPORTING: study.uuid}
        assert added == list(range(len(held)))
        # What is there stays, and a copy under another name is one of its own, with the same in it.
        assert take_in(file, there, name, other)[1] == []
        assert take_in(file, there, f"{name[:50]}-copy", other)[1] == added


def test_a_repeat_that_is_merged_names_the_trial_that_it_repeats_by_its_new_number(
    homes: tuple[Home, Home], tmp_path: Path
) -> None:
    here, there = homes
    tracker, other, name = MemoryTracker(), MemoryTracker(), f"s{uuid.uuid4().hex}"
    study, merged = begin(here, name), begin(there, name)
    merged.add(over(7), 0)
    repeat = over(1, repeat_of=0, reason=artifacts.repeats(0))
    for number, trial in enumerate((over(0), repeat)):
        study.add(trial, number)
        run = tracker.run(name, study.key(number), run_name(name, number), {})
        run.set_tags({"search.repeat_of": "0", "search.reason": artifacts.repeats(0)} if number else {})
        run.finish(Status.FINISHED)
    export(study, tracker, here.store, tmp_path / "a.zip")
    _, added = take_in(tmp_path / "a.zip", there, name, other)
    assert added == [1, 2]
    attributes = merged.trials()[2].user_attrs
    assert (attributes["repeat_of"], attributes["reason"]) == (1, "repeats trial 1")
    run = other.find(name, merged.key(2))
    assert run is not None
    assert (run.tags["search.repeat_of"], run.tags["search.reason"]) == ("1", "repeats trial 1")


def test_what_a_study_came_to_in_two_homes_is_all_kept(homes: tuple[Home, Home], tmp_path: Path) -> None:
    here, there = homes
    tracker, other, name = MemoryTracker(), MemoryTracker(), f"s{uuid.uuid4().hex}"
    study = begin(here, name)
    study.add(over(0), 0)
    export(study, tracker, here.store, tmp_path / "a.zip")
    taken, _ = take_in(tmp_path / "a.zip", there, name, other)
    study.add(over(1), 1)
    taken.add(over(2), 1)
    export(study, tracker, here.store, tmp_path / "b.zip")
    _, added = take_in(tmp_path / "b.zip", there, name, other)
    assert added == [2]
    assert [trial.datetime_start for trial in taken.trials()] == [DAY + timedelta(days=days) for days in (0, 2, 1)]
    assert taken.trials()[2].user_attrs["origin"] == f"{study.uuid}/1"
    assert take_in(tmp_path / "b.zip", there, name, other)[1] == []


@pytest.mark.parametrize("known", [("uuid",), ("uuid", "identity", "distributions")])
def test_a_study_that_was_only_about_to_be_made_becomes_the_one_it_was_to_be(
    known: tuple[str, ...], homes: tuple[Home, Home], tmp_path: Path
) -> None:
    here, there = homes
    tracker, name = MemoryTracker(), f"s{uuid.uuid4().hex}"
    study = begin(here, name)
    study.add(over(0), 0)
    export(study, tracker, here.store, tmp_path / "a.zip")
    begun = optuna.create_study(storage=there.store, study_name=name, direction="maximize")
    for attribute in known:
        begun.set_user_attr(attribute, study.attributes[attribute])
    taken, added = take_in(tmp_path / "a.zip", there, name, MemoryTracker())
    assert (taken.uuid, added) == (study.uuid, [0])


@pytest.mark.parametrize("trials", [0, 1])
def test_a_study_that_is_anothers_is_left_alone(trials: int, homes: tuple[Home, Home], tmp_path: Path) -> None:
    here, there = homes
    name = f"s{uuid.uuid4().hex}"
    export(begin(here, name), MemoryTracker(), here.store, tmp_path / "a.zip")
    theirs = optuna.create_study(storage=there.store, study_name=name, direction="maximize")
    for _ in range(trials):
        theirs.tell(theirs.ask(), 0.5)
    with pytest.raises(UsageError, match="was not begun by this program"):
        take_in(tmp_path / "a.zip", there, name, MemoryTracker())
    assert theirs.user_attrs == {}


@given(
    study=st.from_regex(r"[a-z0-9][a-z0-9._-]{0,10}", fullmatch=True),
    number=st.integers(0, 99),
)
def test_what_was_said_of_trials_is_said_of_them_by_their_new_name(study: str, number: int) -> None:
    known = {study: [f"{study}/{number} wins", 0.5, f"x{study}/{number}", f"{study}-2/{number}"], "said of": study}
    said = renamed(known, study, "другая")
    assert said == {
        "другая": [f"другая/{number} wins", 0.5, f"x{study}/{number}", f"{study}-2/{number}"],
        "said of": "другая",
    }
    assert renamed(known, study, study) == known
