"""One storage and several homes: a study is written by one process, wherever that is."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from optuna.study import StudyDirection

from search.cli import call
from search.problem.settings import Place
from search.store import claims, owned, storage
from search.store.attributes import HEARD, HELD_BY
from search.store.claims import LEASE, Claim, Hold
from search.system.errors import SearchError, UsageError
from tests.faults.searches import wait_until
from tests.search.store.test_study import Open, Settle

HOLDER = """
import sys, time
from pathlib import Path
from search.store import claims
with claims.alone(Path(sys.argv[1]), sys.argv[2], "mlp"):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def address(settle: Settle, open_study: Open, bars_file: Path) -> str:
    """A storage with a study in it."""
    settings = settle(data=str(bars_file))
    open_study(settings)
    return settings.storage


@contextmanager
def held_elsewhere(home: Path, address: str) -> Iterator["subprocess.Popen[str]"]:
    """Let another process have the study, from a home of its own."""
    command = [sys.executable, "-c", HOLDER, str(home), address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def attributes(address: str) -> dict[str, object]:
    with storage.reading(address) as store:
        return storage.load(store, "mlp").user_attrs


def claim_of_another_machine(address: str, silent: float) -> None:
    with storage.reading(address) as store:
        number = store.get_study_id_from_name("mlp")
        theirs = replace(Claim.own(Path("/home/anna/mlruns")), host="hermes", machine="another")
        assert owned.exchange(store.engine, number, HELD_BY, None, asdict(theirs))
        store.set_study_user_attr(number, HEARD, time.time() - silent)


def test_a_study_is_searched_from_one_home_at_a_time_and_by_the_next_when_that_has_ended(
    address: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    homes = tmp_path / "one", tmp_path / "other"
    here = ["--home", str(homes[1]), "--storage", address]
    with held_elsewhere(homes[0], address) as process:
        before = attributes(address)
        for words in (["run", "--study", "mlp"], ["export", "mlp"]):
            assert call([*words, *here]) == 2
            said = capfd.readouterr().err
            assert f"study mlp is being searched by process {process.pid} on " in said
            assert f"for {homes[0]}; wait for it, stop it, or name another --study" in said
        assert claims.kept(attributes(address)) == claims.kept(before)
        process.send_signal(signal.SIGKILL)
        # Not waited for: it has ended, and is there as long as nobody asks how.
        assert wait_until(lambda: claims._started(process.pid) == "")
        with claims.alone(homes[1], address, "mlp"):
            assert attributes(address)[HELD_BY]["home"] == str(homes[1])
    assert not {HELD_BY, HEARD} & attributes(address).keys()


def test_who_is_on_another_machine_is_waited_for_as_long_as_it_may_only_sleep(address: str, tmp_path: Path) -> None:
    claim_of_another_machine(address, silent=LEASE / 2)
    refused = pytest.raises(UsageError, match=r"on hermes .*for /home/anna/mlruns; wait for it.*heard of \d+ s ago")
    with refused, claims.alone(tmp_path, address, "mlp"):
        pass
    with storage.reading(address) as store:
        number = store.get_study_id_from_name("mlp")
        store.set_study_user_attr(number, HEARD, time.time() - 2 * LEASE)
    with claims.alone(tmp_path, address, "mlp"):
        pass


def test_who_was_taken_over_while_it_slept_writes_nothing_any_more(address: str, tmp_path: Path) -> None:
    store = storage.connect(address)
    study = storage.load(store, "mlp")
    asleep, awake = Hold(address, "mlp", tmp_path / "laptop"), Claim.own(tmp_path / "server")
    asleep.guard(store)
    study.set_user_attr("asked_for", 3)
    mine = attributes(address)[HELD_BY]
    with storage.reading(address) as other:
        assert owned.exchange(other.engine, study._study_id, HELD_BY, mine, asdict(awake))
    before = attributes(address)
    with pytest.raises(SearchError, match="was taken over by another process"), storage.told(address):
        study.ask()
    asleep.release()
    assert attributes(address) == before
    assert study.trials == []


def test_of_two_that_claim_a_study_at_once_one_gets_it(address: str, tmp_path: Path) -> None:
    with storage.reading(address) as store:
        number = store.get_study_id_from_name("mlp")
        claimed = [owned.exchange(store.engine, number, HELD_BY, None, {"token": token}) for token in "abc"]
        taken = [owned.exchange(store.engine, number, HELD_BY, {"token": "a"}, {"token": token}) for token in "de"]
    assert (claimed, taken) == ([True, False, False], [True, False])


def test_a_new_study_is_claimed_as_soon_as_there_is_one(tmp_path: Path) -> None:
    address = Place.at(tmp_path, None, None).storage
    with claims.alone(tmp_path, address, "mlp") as hold:
        store = storage.connect(address)
        storage.begun(store, "mlp", [StudyDirection.MAXIMIZE])
        hold.guard(store)
        assert attributes(address)[HELD_BY]["home"] == str(tmp_path)
    assert HELD_BY not in attributes(address)
