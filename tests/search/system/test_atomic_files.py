"""Files that a person names: whole or not there, and nothing else is lost."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from search.system import atomic_files
from search.system.errors import UsageError
from search.system.signals import Stopped

ROOT = Path(__file__).parents[3]


def test_a_file_is_there_when_it_is_whole_and_may_be_read_as_others(tmp_path: Path) -> None:
    out, other = tmp_path / "таблица.csv", tmp_path / "other"
    other.touch()
    with atomic_files.placed(out) as fresh:
        fresh.write_text("all of it")
        assert not out.exists()
    assert out.read_text() == "all of it"
    assert stat.S_IMODE(out.stat().st_mode) == stat.S_IMODE(other.stat().st_mode)
    assert sorted(tmp_path.iterdir()) == sorted([out, other])


@pytest.mark.parametrize("reason", [ValueError("no"), Stopped(2), KeyboardInterrupt()])
def test_whatever_goes_wrong_an_earlier_file_stays_and_nothing_else_is_left(
    tmp_path: Path, reason: BaseException
) -> None:
    out = tmp_path / "table.csv"
    out.write_text("earlier")

    def fail(half: Path) -> None:
        half.write_text("half")
        raise reason

    with pytest.raises(type(reason)), atomic_files.placed(out) as fresh:
        fail(fresh)
    assert out.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [out]


def test_a_killed_process_leaves_the_earlier_file(tmp_path: Path) -> None:
    out = tmp_path / "table.csv"
    out.write_text("earlier")
    code = (
        "import sys; from pathlib import Path; from search.system import atomic_files as whole\n"
        "with whole.placed(Path(sys.argv[1])) as fresh:\n"
        "    fresh.write_text('half'); print('half', flush=True); sys.stdin.read()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code, str(out)], cwd=ROOT, **pipes) as process:
        assert process.stdout
        assert process.stdout.readline() == b"half\n"
        process.kill()
    assert out.read_text() == "earlier"


def test_what_the_disk_refuses_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match="--out /dev/full/x: Not a directory"),
        atomic_files.placed(Path("/dev/full/x")),
    ):
        pass
    with pytest.raises(UsageError, match="No space left on device; make room"), atomic_files.placed(tmp_path / "x"):
        Path("/dev/full").write_text("more than there is")


def test_only_what_may_be_written_over_is_no_hindrance(tmp_path: Path) -> None:
    def ours(head: bytes) -> bool:
        return head.startswith(b"ours")

    out = tmp_path / "x"
    atomic_files.require_ours(out, ours, "table")
    out.write_text("ours, and more")
    atomic_files.require_ours(out, ours, "table")
    out.write_text("a thesis")
    with pytest.raises(UsageError, match="is there and is no table; name another file"):
        atomic_files.require_ours(out, ours, "table")
    with pytest.raises(UsageError, match="Is a directory"):
        atomic_files.require_ours(tmp_path, ours, "table")
    with pytest.raises(UsageError, match="there is no folder"):
        atomic_files.require_ours(tmp_path / "none" / "x", ours, "table")
