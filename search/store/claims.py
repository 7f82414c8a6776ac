"""Who holds a study, as its storage tells everybody: one storage may serve many homes, on many machines.

A lock (`search/system/locks.py`) keeps others out of a home; a claim stands in the storage, with the study.
"""

import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

from optuna.exceptions import OptunaError
from optuna.storages import RDBStorage
from sqlalchemy.exc import SQLAlchemyError

from search.store import owned, storage
from search.store.attributes import HEARD, HELD_BY
from search.store.rows import RowStorage
from search.system import locks
from search.system.errors import SearchError, UsageError

# Seconds after which a holder says again that it is there, and after which nobody waits for one on another machine.
BEAT: Final = 30.0
LEASE: Final = 900.0


@dataclass(frozen=True)
class Claim:
    """A process that holds a study: `machine` tells where its number means it, `started` that it is still the same."""

    host: str
    pid: int
    home: str
    since: str
    machine: str
    started: str
    token: str = field(default_factory=lambda: uuid.uuid4().hex)

    @classmethod
    def own(cls, home: Path) -> Self:
        """Return that of this process."""
        now = f"{datetime.now():%Y-%m-%d %H:%M:%S}"
        return cls(socket.gethostname(), os.getpid(), str(home), now, _machine(), _started(os.getpid()))

    @property
    def words(self) -> str:
        """Who that is."""
        return f"process {self.pid} on {self.host} since {self.since}, for {self.home}"

    def is_gone(self, heard: float) -> bool:
        """Whether its process has ended: seen here, or likely after so long a silence on another machine."""
        if self.machine == _machine():
            return _started(self.pid) != self.started
        return time.time() - heard > LEASE


class Hold:
    """The claim of this process to a study, as soon as there is one in the storage."""

    def __init__(self, address: str, study: str, home: Path) -> None:
        self._address, self._study, self._claim = address, study, Claim.own(home)
        self._store: RDBStorage | None = None
        self._id = -1
        self._over = threading.Event()

    def take(self, store: RDBStorage) -> None:
        """Claim the study, unless that is done or there is none. Raises `UsageError` where somebody has it."""
        if self._store or self._study not in storage.names(store):
            return
        with storage.told(self._address, outcome=""):
            self._id = store.get_study_id_from_name(self._study)
            self._claim_in(store)
        self._store = store
        threading.Thread(target=self._beat, args=(store,), name="claim", daemon=True).start()

    def guard(self, store: RDBStorage) -> None:
        """Claim the study; let nothing be written to an open storage any more once somebody else has taken it over."""
        self.take(store)
        assert isinstance(store, RowStorage), "that is what `storage` opens"
        lost = f"study {self._study} was taken over by another process while this one could not be heard"
        store.guard.require(self._id, HELD_BY, asdict(self._claim), f"{lost}{storage.GOES_ON}")

    def release(self) -> None:
        """Give the study back. A storage that is away or busy finds out later that this process has ended."""
        self._over.set()
        if self._store is None:
            return
        with suppress(SQLAlchemyError, SearchError):
            storage.require_there(self._address)
            if isinstance(self._store, RowStorage):
                self._store.guard.lift(self._id, HELD_BY)
            owned.forget(self._store.engine, self._id, HELD_BY, asdict(self._claim), HEARD)
        self._store.engine.dispose()

    def _claim_in(self, store: RDBStorage) -> None:
        attributes = store.get_study_user_attrs(self._id)
        if others := _holder(attributes):
            raise UsageError(f"study {self._study} is being searched by {others}")
        store.set_study_user_attr(self._id, HEARD, time.time())
        if not owned.exchange(store.engine, self._id, HELD_BY, attributes.get(HELD_BY), asdict(self._claim)):
            # Somebody else was quicker, and is named when one looks again.
            self._claim_in(store)

    def _beat(self, store: RDBStorage) -> None:
        while not self._over.wait(BEAT):
            # Whoever writes next is told what is wrong; here is nobody who could be.
            with suppress(OptunaError, SQLAlchemyError, SearchError, KeyError):
                store.set_study_user_attr(self._id, HEARD, time.time())


@contextmanager
def alone(home: Path, address: str, study: str, store: RDBStorage | None = None) -> Iterator[Hold]:
    """Keep every other process from writing a study, from this home or any other. Raises `UsageError`.

    `store` is the storage at the address, where it is open already.
    """
    with locks.alone(home, study), ExitStack() as lent:
        if store is None and storage.exists(address):
            store = storage.connect(address)
            lent.callback(store.engine.dispose)
        hold = Hold(address, study, home)
        try:
            if store:
                hold.take(store)
            yield hold
        finally:
            hold.release()


def require_undisturbed(home: Path, store: RDBStorage, study: str) -> None:
    """Raise `UsageError` where a study is being written that is read in a home which nobody can be kept from."""
    if searching := searcher(home, store, study):
        raise UsageError(f"study {study} is being searched by {searching}; wait for it, or stop it")


def holder(home: Path, study: str, attributes: Mapping[str, Any]) -> str:
    """Say which process writes a study now, by its lock in this home and its own attributes; empty where none does."""
    claim = _claim(attributes)
    return locks.holder(home, study) or (claim.words if claim else "")


def searcher(home: Path, store: RDBStorage, study: str) -> str:
    """Say the same of a study of an open storage, and of this home."""
    return holder(home, study, storage.load(store, study).user_attrs)


def kept(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a study remembers without who holds it, which is nobody's elsewhere."""
    return {name: value for name, value in attributes.items() if name not in (HELD_BY, HEARD)}


def _claim(attributes: Mapping[str, Any]) -> Claim | None:
    """Return the claim of a process that is there, as far as one can tell."""
    try:
        claim = Claim(**attributes[HELD_BY])
        return None if claim.is_gone(float(attributes.get(HEARD, 0.0))) else claim
    # There is none, or none that anybody could have made.
    except (KeyError, TypeError, ValueError):
        return None


def _holder(attributes: Mapping[str, Any]) -> str:
    """Say who holds a study, and what to do; empty where nobody does."""
    claim = _claim(attributes)
    if claim is None:
        return ""
    words = f"{claim.words}; wait for it, stop it, or name another --study"
    if claim.machine == _machine():
        return words
    silent = max(time.time() - float(attributes.get(HEARD, 0.0)), 0.0)
    return f"{words}; it was heard of {silent:.0f} s ago, and is not waited for after {LEASE:.0f} s of silence"


def _machine() -> str:
    """Return what tells the numbers of this machine's processes from all others, until it is started anew."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        # A container has numbers of its own.
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return socket.gethostname()


def _started(pid: int) -> str:
    """Return when a process was started, as the system counts: its number may be another's later. Empty: it is gone."""
    try:
        # The name, in parentheses, may hold spaces.
        state, *others = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        # One that has ended, and that nobody has asked about yet, still has its number.
        return "" if state in "ZX" else others[18]
    except OSError:
        return "" if Path("/proc/self").exists() or not _answers(pid) else "unknown"


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
