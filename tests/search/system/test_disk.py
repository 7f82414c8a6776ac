"""The home folder and the disk under it: who may read it, and a real disk of a megabyte that is full or read-only."""

import errno
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import optuna
import pytest
from optuna.study import StudyDirection

import tracking
from models.data.files import locked
from search.store import storage
from search.system import disk
from search.system.errors import SearchError, UsageError
from tracking import TrackingError

Write = Callable[[Path], object]
LIMITED = """
import resource, sys
from pathlib import Path
from search.system import disk
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    Path(sys.argv[1], "a").write_bytes(bytes(5000))
except OSError as error:
    print(disk.refusal(error, Path(sys.argv[1])))
"""


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of one megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    if sys.platform != "linux" or not shutil.which("mount"):
        pytest.skip("a small disk can be made on Linux only")
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip(f"a small disk cannot be made here: {made.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> None:
    with suppress(OSError), (folder / "filler").open("wb", buffering=0) as stream:
        while True:
            stream.write(bytes(4096))


def hdf5(folder: Path) -> None:
    with h5py.File(folder / "a.h5", "w") as file:
        file["weights"] = np.zeros(1_000_000)


@pytest.mark.parametrize(
    "write",
    [
        lambda folder: (folder / "a").write_bytes(bytes(2_000_000)),
        lambda folder: np.savez(folder / "a.npz", weights=np.zeros(1_000_000)),
        lambda folder: np.save(folder / "a.npy", np.zeros(1_000_000)),
        hdf5,
    ],
)
def test_whatever_writes_a_full_disk_is_called_full(write: Write, small: Path) -> None:
    with pytest.raises((OSError, RuntimeError)) as refused:
        write(small)
    said = disk.refusal(refused.value, small)
    assert said is not None
    assert said.startswith(f"no space left in {small}: ")
    assert said.endswith(" MB free; free some, and the same command goes on")


def test_a_disk_that_became_read_only_is_called_that(small: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    with pytest.raises(OSError) as refused:
        (small / "a").touch()
    assert (disk.refusal(refused.value, small) or "").startswith(f"the disk cannot be written to in {small}")


def test_a_file_that_may_not_grow_is_told_from_a_full_disk(tmp_path: Path) -> None:
    said = subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, check=True)
    assert said.stdout.startswith(f"a file may not grow so large in {tmp_path}: ")
    assert "; raise `ulimit -f`, and the same command goes on" in said.stdout


@pytest.mark.parametrize("error", [PermissionError(errno.EACCES, "Permission denied"), ValueError("no weights")])
def test_other_errors_are_not_blamed_on_the_disk(error: Exception, tmp_path: Path) -> None:
    assert disk.refusal(error, tmp_path) is None


def test_too_little_room_is_refused_with_what_is_free_and_what_it_takes(small: Path) -> None:
    disk.require(small / "still" / "to come", 0.5)
    with pytest.raises(UsageError, match=r"--home .*: 1 MB are free there.* at least 50 MB; free some, or name"):
        disk.require(small / "still" / "to come", 50)
    assert list(small.iterdir()) == []


def test_a_new_home_is_its_owners_alone_and_one_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    disk.require_writable(tmp_path / "new" / "home")
    assert stat.S_IMODE((tmp_path / "new" / "home").stat().st_mode) == 0o700
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o770)
    disk.require_writable(tmp_path / "shared")
    assert stat.S_IMODE((tmp_path / "shared").stat().st_mode) == 0o770


def test_a_home_that_a_download_makes_is_its_owners_alone(tmp_path: Path) -> None:
    with locked(tmp_path / "home" / "cache"):
        pass
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700


def test_a_full_disk_under_optuna_is_named_and_nothing_acknowledged_is_lost(small: Path) -> None:
    url = f"sqlite:///{small}/optuna.db"
    study = storage.begun(storage.connect(url), "mlp", [StudyDirection.MINIMIZE])
    study.tell(study.ask(), 0.5)
    fill(small)
    full = pytest.raises(SearchError, match=r"optuna.db: database or disk is full \(0 MB free\); free some space; what")
    with full, storage.told(url):
        for _ in range(100):
            study.tell(study.ask(), 0.25)
    (small / "filler").unlink()
    acknowledged = len(study.trials)
    assert optuna.load_study(storage=storage.connect(url), study_name="mlp").trials[0].value == 0.5
    study.tell(study.ask(), 0.75)
    assert len(study.trials) == acknowledged + 1


def test_a_disk_that_became_read_only_under_optuna_is_named(small: Path) -> None:
    url = f"sqlite:///{small}/optuna.db"
    study = storage.begun(storage.connect(url), "mlp", [StudyDirection.MINIMIZE])
    study._storage._backend.engine.dispose()
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    with pytest.raises(SearchError, match=r"optuna.db: .*can be written to; what was finished"), storage.told(url):
        study.ask()


def test_a_full_disk_at_the_first_start_leaves_no_half_made_store(small: Path) -> None:
    fill(small)
    with pytest.raises(UsageError, match=r"--storage .*optuna.db: .* is full \(0 MB free\); free some space"):
        storage.connect(f"sqlite:///{small}/optuna.db")
    with pytest.raises(TrackingError, match=r"mlflow.db cannot be created: .* is full; free some space, and run again"):
        tracking.connect(f"sqlite:///{small}/mlflow.db", small)
    (small / "filler").unlink()
    storage.connect(f"sqlite:///{small}/optuna.db")
