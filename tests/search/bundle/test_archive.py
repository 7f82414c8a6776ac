"""A bundle as a file: it says all that was put into it, or that it does not."""

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from search.bundle import archive, source
from search.bundle.archive import MANIFEST, Writer
from search.cli import call
from search.system.errors import UsageError
from tracking import KEY_TAG

UUID = "5" * 32
RUN = {
    "id": "r",
    "name": "mlp-0000",
    "status": "FINISHED",
    "tags": {KEY_TAG: f"{UUID}/0"},
    "parameters": {"класс": "Сапоги"},
    "metrics": {"loss": [[1, 0.1 + 0.2, 1_700_000_000_001]]},
    "artifacts": ["отчёт.csv", "a.png"],
    "datasets": [{"name": "n", "digest": "d", "source": "s", "profile": {}}],
    "began": 1,
    "ended": None,
    "model": None,
}
STUDY = {
    "directions": ["MAXIMIZE"],
    "attributes": {
        "identity": {"data": "d", "space": "s", "goal": "val_accuracy"},
        "settings": {"family": "mlp", "trials": 1},
        "uuid": UUID,
    },
    "system": {},
    "dashboard": 1,
}
TRIAL = {
    "number": 0,
    "state": "FAIL",
    "values": None,
    "began": "2026-01-01T00:00:00+00:00",
    "ended": "2026-01-01T00:00:01+00:00",
    "parameters": {},
    "reports": [[1, 0.5]],
    "attributes": {},
    "system": {},
}
FILES: Mapping[str, bytes] = {"отчёт.csv": "Сапоги,1\n".encode() * 40, "a.png": bytes(range(256))}


def written(run: Mapping[str, Any] = RUN, study: Any = STUDY, trials: Any = (TRIAL,)) -> bytes:
    """Return a small bundle."""
    stream = io.BytesIO()
    writer = Writer(stream)
    writer.put_json("study.json", study)
    writer.put_json("trials.json", list(trials))
    writer.put_json("runs/0/run.json", run)
    for name, content in FILES.items():
        writer.put(f"runs/0/artifacts/{name}", content)
    writer.close("mlp", UUID)
    return stream.getvalue()


WHOLE = written()
often = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


def believed(file: Path) -> dict[str, Any]:
    """Return all that is taken from a file. Raises `UsageError`."""
    with archive.opened(file) as opened:
        opened.verify(lambda size: None)
        found = source.understood(opened)
        return {name: opened.read(name) for name in opened.members} | {"study": found.name, "uuid": found.uuid}


def put(file: Path, content: bytes) -> Path:
    file.write_bytes(content)
    return file


def rewritten(change: Callable[[dict[str, bytes]], object]) -> bytes:
    """Return the bundle with its members changed by somebody who makes a zip file of them again."""
    with zipfile.ZipFile(io.BytesIO(WHOLE)) as before:
        members = {name: before.read(name) for name in before.namelist()}
    change(members)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as after:
        for name, content in members.items():
            after.writestr(name, content)
    return stream.getvalue()


def test_what_was_put_in_comes_out(tmp_path: Path) -> None:
    found = believed(put(tmp_path / "связка.zip", WHOLE))
    assert found["runs/0/artifacts/отчёт.csv"] == FILES["отчёт.csv"]
    assert found["runs/0/artifacts/a.png"] == FILES["a.png"]
    assert (found["study"], found["uuid"]) == ("mlp", UUID)


def test_it_is_a_zip_file_that_any_program_opens() -> None:
    with zipfile.ZipFile(io.BytesIO(WHOLE)) as opened:
        assert opened.testzip() is None
        assert json.loads(opened.read(MANIFEST))["members"].keys() == {*opened.namelist()} - {MANIFEST}


@often
@given(place=st.integers(0, len(WHOLE) - 1), bit=st.integers(0, 7))
def test_a_flipped_bit_is_refused_or_changes_nothing_that_is_believed(place: int, bit: int, tmp_path: Path) -> None:
    flipped = bytearray(WHOLE)
    flipped[place] ^= 1 << bit
    try:
        found = believed(put(tmp_path / "a.zip", bytes(flipped)))
    except UsageError as error:
        assert "\n" not in str(error)
    else:
        assert found == believed(put(tmp_path / "whole.zip", WHOLE))


def test_each_member_is_looked_at(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(WHOLE)) as opened:
        entries = opened.infolist()
    for entry in entries:
        flipped = bytearray(WHOLE)
        # Behind the header, which has the name in it and, for a size that is not known beforehand, 20 bytes more.
        flipped[entry.header_offset + 30 + len(entry.filename.encode()) + 20 + entry.compress_size // 2] ^= 1
        with pytest.raises(UsageError, match="damaged"):
            believed(put(tmp_path / "a.zip", bytes(flipped)))


@often
@given(length=st.integers(0, len(WHOLE) - 1))
@example(length=0)
def test_what_is_cut_short_is_refused(length: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no bundle of a study, or damaged"):
        believed(put(tmp_path / "a.zip", WHOLE[:length]))


def test_a_bundle_of_another_version_is_refused_with_both(tmp_path: Path) -> None:
    def renumber(members: dict[str, bytes]) -> None:
        members[MANIFEST] = json.dumps({**json.loads(members[MANIFEST]), "version": 2}).encode()

    with pytest.raises(UsageError, match="its format is 2, and this one reads 1; install the version that wrote it"):
        believed(put(tmp_path / "a.zip", rewritten(renumber)))


@pytest.mark.parametrize(
    "change",
    [
        lambda members: members.update({"../../evil": b""}),
        lambda members: members.update({"/etc/evil": b""}),
        lambda members: members.pop("runs/0/artifacts/a.png"),
        lambda members: members.update({"runs/0/artifacts/a.png": bytes(256)}),
        lambda members: members.update({"runs/0/artifacts/a.png": b""}),
        lambda members: members.update({MANIFEST: b"[]"}),
        lambda members: members.update({MANIFEST: b"{"}),
        lambda members: members.update({MANIFEST: members[MANIFEST].replace(b'"members"', b'"others"')}),
        lambda members: members.pop(MANIFEST),
    ],
)
def test_what_somebody_has_changed_is_refused(change: Callable[[dict[str, bytes]], object], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="damaged"):
        believed(put(tmp_path / "a.zip", rewritten(change)))


@pytest.mark.parametrize(
    "content",
    [
        written({**RUN, "artifacts": ["../../evil"]}),
        written({**RUN, "artifacts": ["none.csv"]}),
        written({**RUN, "model": {"input": {}}}),
        written({**RUN, "tags": {KEY_TAG: f"{UUID}/../1"}}),
        written({**RUN, "status": "DONE"}),
        written({"id": "r"}),
        written(trials=[{**TRIAL, "number": 1}]),
        written(trials=[{**TRIAL, "state": "DONE"}]),
        written(trials=[{**TRIAL, "parameters": {"x": {"value": 1, "distribution": {"name": "os.system"}}}}]),
        written(trials=[3]),
        written(study={**STUDY, "attributes": {}}),
        written(study={**STUDY, "directions": ["SIDEWAYS"]}),
        written(study=[]),
    ],
)
def test_what_nobody_has_exported_is_refused_before_anything_is_written(
    content: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = put(tmp_path / "a.zip", content)
    assert call(["import", str(file), "--home", str(tmp_path / "home")]) == 2
    said = capfd.readouterr().err
    assert "is damaged: " in said
    assert len(said.splitlines()) == 1
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("content", [b"", b"to buy: milk, bread", rewritten(dict.clear), WHOLE[:-9]])
def test_a_file_of_another_kind_is_refused_in_one_line(
    content: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = put(tmp_path / "a.zip", content)
    assert call(["import", str(file), "--home", str(tmp_path / "home")]) == 2
    assert capfd.readouterr().err.startswith(f"error: {file} is no bundle of a study, or damaged: ")
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_is_not_there_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert call(["import", str(tmp_path / "нет.zip"), "--home", str(tmp_path / "home")]) == 2
    assert "нет.zip: No such file or directory; give a file that" in capfd.readouterr().err


def test_a_large_file_is_taken_in_portions(tmp_path: Path) -> None:
    stream, content = io.BytesIO(), bytes(range(256)) * 10_000
    writer = Writer(stream)
    writer.copy("runs/0/model.keras", put(tmp_path / "model.keras", content))
    writer.close("mlp", UUID)
    passed: list[int] = []
    with archive.opened(put(tmp_path / "a.zip", stream.getvalue())) as opened:
        opened.verify(passed.append)
        opened.copy("runs/0/model.keras", tmp_path / "again.keras")
        assert opened.size == len(content)
    assert (sum(passed), len(passed)) == (len(content), 3)
    assert (tmp_path / "again.keras").read_bytes() == content
