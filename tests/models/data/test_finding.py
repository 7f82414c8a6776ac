import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from models.data import DataError, downloads, fashion_mnist, load

LABELS = "train-labels-idx1-ubyte.gz"

Put = Callable[[Path], Path]


def break_labels(folder: Path) -> Path:
    (folder / LABELS).write_bytes(b"<html>")
    return folder


def test_the_places_are_looked_at_in_order(put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = []
    for place in ("debian", "keras/datasets/fashion-mnist", "cache/fashion-mnist", "chosen"):
        put(tmp_path / place)
        if place == "chosen":
            monkeypatch.setenv("SEARCH_DATA_DIR", str(tmp_path / place))
        sources.append(load(cache=tmp_path / "cache").source)
    assert ["Debian" in sources[0], "Keras" in sources[1], "before" in sources[2], "chosen" in sources[3]] == [True] * 4


def test_nothing_is_written_where_the_files_are_found(put: Put, tmp_path: Path) -> None:
    put(tmp_path / "debian")
    load(cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_a_broken_file_is_named_in_the_log_and_the_next_place_is_tried(
    put: Put, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = break_labels(put(tmp_path / "keras/datasets/fashion-mnist")) / LABELS
    put(tmp_path / "debian")
    assert "Debian" in load(cache=tmp_path).source
    assert [str(broken) in record.message for record in caplog.records] == [True]


def test_a_broken_file_in_the_folder_somebody_chose_ends_the_search(
    put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "debian")
    monkeypatch.setenv("SEARCH_DATA_DIR", str(break_labels(put(tmp_path / "chosen"))))
    with pytest.raises(DataError, match=rf"{LABELS}.*expected.*found.*chosen by SEARCH_DATA_DIR"):
        load(cache=tmp_path)


@pytest.mark.parametrize("chosen", ["absent", "empty", "file", "incomplete"])
def test_a_chosen_folder_without_the_files_ends_the_search(
    put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    (put(tmp_path / "incomplete") / LABELS).unlink()
    put(tmp_path / "debian")
    monkeypatch.setenv("SEARCH_DATA_DIR", str(tmp_path / chosen))
    with pytest.raises(DataError, match=r"SEARCH_DATA_DIR.*unset it"):
        load(cache=tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_passed_over(put: Put, tmp_path: Path) -> None:
    put(tmp_path / "debian")
    put(tmp_path / "keras/datasets/fashion-mnist").chmod(0)
    assert "Debian" in load(cache=tmp_path).source


def test_a_folder_that_cannot_be_read_is_passed_over(
    put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("KERAS_HOME", "x" * 5000)  # no system takes such a name, not even root's
    put(tmp_path / "debian")
    assert "Debian" in load(cache=tmp_path).source
    assert "Keras's cache" in caplog.text


def test_a_broken_download_heals(
    put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    break_labels(put(tmp_path / "fashion-mnist"))
    monkeypatch.setattr(downloads, "WAYS", {"stub": lambda place: put(place / "fetched")})
    assert "stub" in load(cache=tmp_path).source
    assert "downloaded before" in load(cache=tmp_path).source
    assert [record.levelname for record in caplog.records].count("WARNING") == 1


def test_the_cache_may_be_given_relative_to_the_working_folder(
    put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absolute(place: Path) -> Path:
        assert place.is_absolute()
        return put(place / "fetched")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(downloads, "WAYS", {"stub": absolute})
    assert str(tmp_path / "cache") in load(cache=Path("cache")).source


def test_a_wrong_download_is_not_kept(put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ways = {"bad": lambda place: break_labels(put(place / "x")), "good": lambda place: put(place / "x")}
    monkeypatch.setattr(downloads, "WAYS", {"bad": ways["bad"]})
    with pytest.raises(DataError, match=f"bad: .*{LABELS}"):
        load(cache=tmp_path)
    assert not (tmp_path / "fashion-mnist").exists()
    monkeypatch.setattr(downloads, "WAYS", ways)
    assert "good" in load(cache=tmp_path).source
    assert [entry.name for entry in tmp_path.iterdir() if "unfinished" in entry.name] == []


def test_when_nothing_works_every_way_and_what_to_do_are_listed(
    small: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unplugged(place: Path) -> Path:
        raise downloads.Unobtainable("no network")

    monkeypatch.setattr(downloads, "WAYS", dict.fromkeys(("Keras", "apt-get"), unplugged))
    with pytest.raises(DataError) as caught:
        load(cache=tmp_path / "cache")
    message = str(caught.value)
    ways = ["SEARCH_DATA_DIR: not set", "before: ", "Keras's cache: ", "Debian's", "Keras: no net", "apt-get: no net"]
    places = [message.index(way) for way in ways]
    assert places == sorted(places)
    assert message.index("apt install dataset-fashion-mnist") > places[-1]


def test_a_cache_that_cannot_be_written_is_named(small: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"download into .*file/cache"):
        load(cache=tmp_path / "file" / "cache")


SLOW_LOADER = """
import json, shutil, sys, time
from pathlib import Path
from models.data import downloads, fashion_mnist, finding, load

cache, fetched, digests, seconds = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]), float(sys.argv[4])

def slow(place):
    with (cache / "calls").open("a") as calls:
        print("called", file=calls)
    shutil.copytree(fetched, place / "fetched")
    time.sleep(seconds)
    return place / "fetched"

fashion_mnist.DIGESTS = digests
finding.DEBIAN = cache / "nowhere"
downloads.WAYS = {"slow": slow}
print(load(cache=cache).digest)
"""


@pytest.fixture
def start(put: Put, tmp_path: Path) -> Callable[[float], subprocess.Popen[str]]:
    """Start a process that needs so many seconds to download into tmp_path/cache."""
    put(tmp_path / "fetched")

    def run(seconds: float) -> subprocess.Popen[str]:
        digests = json.dumps(fashion_mnist.DIGESTS)
        words = [str(tmp_path / "cache"), str(tmp_path / "fetched"), digests, str(seconds)]
        environment = {**os.environ, "SEARCH_DATA_DIR": "", "KERAS_HOME": str(tmp_path / "keras")}
        return subprocess.Popen(
            [sys.executable, "-c", SLOW_LOADER, *words],
            cwd=Path(__file__).parents[3],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )

    return run


def test_of_several_processes_one_downloads_and_the_others_wait(
    start: Callable[[float], subprocess.Popen[str]], tmp_path: Path
) -> None:
    racing = [start(0.5) for _ in range(3)]
    digests = {process.communicate(timeout=60)[0] for process in racing}
    assert [process.returncode for process in racing] == [0, 0, 0]
    assert len(digests) == 1
    assert (tmp_path / "cache" / "calls").read_text().split() == ["called"]


def test_a_process_killed_while_downloading_leaves_nothing_in_the_way(
    start: Callable[[float], subprocess.Popen[str]], tmp_path: Path
) -> None:
    with start(600) as killed:
        while not list((tmp_path / "cache").glob(".unfinished-*/fetched")):
            assert killed.poll() is None
            time.sleep(0.01)
        killed.kill()
    with start(0) as next_one:
        assert next_one.wait(timeout=60) == 0
    assert not list((tmp_path / "cache").glob(".unfinished-*"))
