"""`run` where an earlier call was broken off near its end, or something is in its way."""

from collections.abc import Callable
from pathlib import Path

import pytest

import tracking
from search.cli import call
from search.problem.settings import Place
from search.store import storage
from search.store.attributes import UUID
from tracking.relay import Relay
from tracking.spool import Spool

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tensorflow")]
USUAL = ("--trials", "1", "--epochs", "1", "--baselines", "none", "--engine", "inline")


def run(home: Path, data: Path) -> int:
    return call(["run", "--study", "mlp", "--home", str(home), "--data", str(data), *USUAL])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, bars_file: Path) -> Path:
    """A home whose study has all the trials that were asked for."""
    home = tmp_path_factory.mktemp("searched")
    assert run(home, bars_file) == 0
    return home


def uuid(home: Path) -> str:
    with storage.reading(Place.at(home, None, None).storage) as store:
        return str(storage.load(store, "mlp").user_attrs[UUID])


def broken_off_in_its_journal(home: Path, key: str) -> None:
    tracker = tracking.connect(Place.at(home, None, None).tracking_uri, home / "artifacts")
    relay = Relay(Spool(home / "spool"), tracker)
    relay.run("mlp", key, "mlp", {}).log_text("study.html", "<p>half")
    relay.close()


def broken_off_before_its_journal(home: Path, key: str) -> None:
    Spool(home / "spool").place(key).mkdir(parents=True)


@pytest.mark.parametrize("broken_off", [broken_off_in_its_journal, broken_off_before_its_journal])
def test_a_call_that_has_nothing_to_do_ends_the_run_that_shows_the_study(
    home: Path, bars_file: Path, capfd: pytest.CaptureFixture[str], broken_off: Callable[[Path, str], None]
) -> None:
    broken_off(home, f"{uuid(home)}/study")
    assert call(["doctor", "--home", str(home)]) == 1
    assert run(home, bars_file) == 0
    assert "nothing to do" in capfd.readouterr().err
    assert call(["doctor", "--home", str(home)]) == 0, capfd.readouterr().out


def test_logs_that_cannot_be_written_are_named_before_anything_is_trained(
    tmp_path: Path, bars_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "logs").write_text("a file")
    assert run(tmp_path, bars_file) == 1
    said = capfd.readouterr().err
    assert f"{tmp_path / 'logs'} cannot be written" in said
    assert "Traceback" not in said
