import subprocess
import sys
import time
from pathlib import Path

import pytest

from models.data import downloads
from models.data.downloads import Unobtainable, through_apt, through_keras

APT = """#!/bin/sh
[ -n "$REFUSED" ] && echo "E: Unable to locate package" >&2 && exit 100
for word in "$@"; do
  case "$word" in Dir::State::Lists=*) lists="${word#*=}";; esac
done
if [ "$FRESH" ]; then
  case "$*" in
    *update) touch "$lists/fetched"; exit 0;;
    *) [ -e "$lists/fetched" ] || { echo "E: Unable to locate package" >&2; exit 100; };;
  esac
fi
touch dataset-fashion-mnist_0.0_all.deb
"""
DPKG = """#!/bin/sh
mkdir -p "$3/usr/share/datasets/fashion-mnist"
echo of "$2" > "$3/usr/share/datasets/fashion-mnist/labels"
"""
KERAS = """
import os, pathlib
class datasets:
    class fashion_mnist:
        def load_data():
            place = pathlib.Path(os.environ["KERAS_HOME"], "datasets", "fashion-mnist")
            place.mkdir(parents=True)
            (place / "labels").touch()
            print("Downloading")
            {then}
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "programs"
    folder.mkdir()
    for name, script in (("apt-get", APT), ("dpkg-deb", DPKG)):
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return folder


def stand_in_keras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str) -> None:
    (tmp_path / "keras.py").write_text(KERAS.format(then=then))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def test_apt_downloads_and_unpacks_without_installing(programs: Path, place: Path) -> None:
    assert (through_apt(place) / "labels").read_text().endswith("dataset-fashion-mnist_0.0_all.deb\n")


def test_apt_on_a_machine_without_package_lists_fetches_its_own(
    programs: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRESH", "1")
    assert (through_apt(place) / "labels").exists()
    assert (place / "lists" / "fetched").exists()


def test_the_reason_of_apt_is_passed_on(programs: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFUSED", "1")
    with pytest.raises(Unobtainable, match=r"^E: Unable to locate package$"):
        through_apt(place)


def test_without_apt_there_is_no_download_through_apt(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(place))
    with pytest.raises(Unobtainable, match="no apt-get"):
        through_apt(place)


def test_keras_downloads_into_the_place_it_is_given(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in_keras(tmp_path, monkeypatch, "return")
    folder = through_keras(place)
    assert (folder / "labels").exists()
    assert place in folder.parents
    assert "keras" not in sys.modules or sys.modules["keras"].__file__ != str(tmp_path / "keras.py")


def test_the_reason_of_keras_is_passed_on(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in_keras(tmp_path, monkeypatch, "raise Exception('URL fetch failure')")
    with pytest.raises(Unobtainable, match=r"^Exception: URL fetch failure$"):
        through_keras(place)


def test_a_download_that_stalls_is_given_up_and_ended(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "PATIENCE", 2.0)
    stand_in_keras(tmp_path, monkeypatch, "import time; (place / 'pid').write_text(str(os.getpid())); time.sleep(600)")
    began = time.monotonic()
    with pytest.raises(Unobtainable, match="given up"):
        through_keras(place)
    assert time.monotonic() - began < 30
    pid = next(place.rglob("pid")).read_text()
    assert subprocess.run(["kill", "-0", pid], stderr=subprocess.DEVNULL).returncode != 0


def test_a_slow_download_is_given_its_time(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "PATIENCE", 1.5)
    slow = "for part in 1 2 3 4 5 6 7 8; do echo > part$part; sleep 0.25; done"
    downloads._run(["sh", "-c", slow], place)
    assert len(list(place.glob("part*"))) == 8
