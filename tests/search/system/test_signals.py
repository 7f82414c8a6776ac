"""What Ctrl-C and its kin do to a search."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from rich.console import Console

from models.family import Goal
from search.output.progress import STOPPING, Board
from search.system.signals import Stopped, heeded

ASKING = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]


@pytest.mark.parametrize(("number", "code"), ASKING)
def test_a_signal_stops_at_once_and_has_its_exit_code(number: signal.Signals, code: int) -> None:
    def wait() -> None:
        with heeded():
            os.kill(os.getpid(), number)
            time.sleep(10)

    with pytest.raises(Stopped) as stopped:
        wait()
    assert stopped.value.exit_code == code


def test_a_signal_waits_for_the_end_of_what_must_not_be_torn() -> None:
    done = []

    def write() -> None:
        with heeded() as stop:
            with stop.held():
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(0.01)
                done.append("whole")
            done.append("never")

    with pytest.raises(Stopped):
        write()
    assert done == ["whole"]


def test_what_a_process_does_with_signals_is_as_before_afterwards() -> None:
    before = [signal.getsignal(number) for number, _ in ASKING]
    with heeded():
        pass
    assert [signal.getsignal(number) for number, _ in ASKING] == before


def test_a_signal_that_was_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with heeded():
            os.kill(os.getpid(), signal.SIGHUP)
            time.sleep(0.01)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_outside_of_the_main_thread_nothing_is_heeded() -> None:
    seen = []

    def search() -> None:
        with heeded() as stop, stop.held():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=search)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]


def test_the_second_signal_ends_a_process_that_waits_for_a_database(tmp_path: Path) -> None:
    waiting = """
import sqlite3, sys
from search.system.signals import heeded
holder = sqlite3.connect(sys.argv[1], isolation_level=None)
holder.execute("BEGIN EXCLUSIVE")
with heeded() as stop, stop.held():
    print("waits", flush=True)
    sqlite3.connect(sys.argv[1], timeout=60).execute("CREATE TABLE t (x)")
"""
    with subprocess.Popen(
        [sys.executable, "-c", waiting, str(tmp_path / "d.db")], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waits\n"
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert process.poll() is None, "the first signal waits for what is held"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=5) == 130


def test_that_a_search_is_stopping_is_said_before_what_must_not_be_torn_is_done() -> None:
    said = threading.Event()

    def write() -> None:
        with heeded() as stop:
            stop.announce = said.set
            with stop.held():
                os.kill(os.getpid(), signal.SIGINT)
                assert said.wait(20), "it is told while the stores are still written to"

    with pytest.raises(Stopped):
        write()


def test_the_view_ends_where_it_is_said() -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=200)
    with Board(screen, "mlp", Goal("val_accuracy", "maximize"), 3, expected=60.0) as board:
        board.started(0, "relu", epochs=3)
        board.stopping()
        shown = len(screen.file.getvalue())
        time.sleep(0.6)
        assert len(screen.file.getvalue()) == shown, "nothing is drawn any more"
    assert STOPPING in screen.file.getvalue()
