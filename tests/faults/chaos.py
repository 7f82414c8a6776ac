"""Everything that can be killed is killed, and everything that can be away is: `make chaos` prints what came of it.

Each scenario returns figures: what was measured, what came out, what must come out, and whether it did.
"""

import argparse
import json
import logging
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.faults.killing import TRIALS, departures, kill_until_done
from tests.faults.proxy import Mode, Proxy
from tests.faults.searches import LIGHT, PATIENCE, ROOT, STUDY, Search, fork_servers, kill, wait_until
from tests.faults.stores import rows, violations
from tests.support import heed_signals

CLONING = LIGHT.with_name("cloning.py")


@dataclass(frozen=True)
class Figure:
    """A line of the table."""

    measure: str
    got: str
    must: str
    well: bool


def kills(folder: Path, seed: int, count: int, script: Path = LIGHT) -> list[Figure]:
    """Kill workers and drivers at random times until so many are dead; each search comes to its end all the same."""
    done = kill_until_done(folder, seed, count, script)
    asked_for = TRIALS * len(done)
    lost = asked_for - sum(len(_configurations(killing.search.home)) for killing in done)
    wrong = [text for killing in done for text in violations(killing.search.home, STUDY, TRIALS)]
    left_running = sum("its run RUNNING" in text for text in wrong)
    without = sum(text.endswith(" runs") for text in wrong)
    examined = [text for killing in done for text in doctor(killing.search)]
    departed = [text for killing in done for text in departures(killing.search)]
    again = [epochs for killing in done for epochs in killing.epochs_again()]
    replaced = [seconds for killing in done for seconds in killing.replaced]
    workers, drivers = sum(killing.workers for killing in done), sum(killing.drivers for killing in done)
    what = f"{workers} workers and {drivers} drivers killed in {len(done)} searches"
    return [
        Figure(f"{what}: trials lost", f"{lost} of {asked_for}", "0", not lost and not any(k.exit_code for k in done)),
        Figure("runs left RUNNING / trials without exactly one run", f"{left_running} / {without}", "0 / 0", not wrong),
        Figure("all that SQL finds wrong", _listed(wrong), "0", not wrong),
        Figure("all that doctor finds wrong", _listed(examined), "0", not examined),
        Figure("trials whose values are not an uninterrupted one's", _listed(departed), "0", not departed),
        Figure(f"epochs begun again when {len(again)} went on, at most", f"{max(again)}", "<= 1", max(again) <= 1),
        Figure(
            f"seconds until a killed worker is replaced, p95 of {len(replaced)}",
            f"{_p95(replaced):.2f}",
            "<= 2",
            _p95(replaced) <= 2,
        ),
    ]


def _listed(wrong: Sequence[str]) -> str:
    return "\n".join([str(len(wrong)), *wrong[:5]])


def _configurations(home: Path) -> set[str]:
    """Return the configurations of trials that are over in the way that their mood foresees."""
    drawn = rows(
        home / "optuna.db",
        "SELECT number, state, group_concat(param_name || '=' || param_value) FROM trials JOIN "
        "(SELECT * FROM trial_params ORDER BY param_name) USING (trial_id) GROUP BY trial_id",
    )
    reasons = dict(
        rows(
            home / "optuna.db",
            "SELECT number, value_json FROM trials JOIN trial_user_attributes USING (trial_id) WHERE key = 'reason'",
        )
    )
    return {
        parameters
        for number, state, parameters in drawn
        if state == "COMPLETE" or any(word in reasons.get(number, "") for word in ("diverged", "infeasible"))
    }


def doctor(search: Search, *words: str) -> list[str]:
    """Return what `doctor` finds wrong, in its own words, or why it cannot tell."""
    told = subprocess.run(
        [sys.executable, str(search.script), "doctor", STUDY, "--home", str(search.home), "--format", "json", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        findings = json.loads(told.stdout)
    except ValueError:
        return [told.stderr[-500:] or f"exit code {told.returncode}"]
    return ["{id} {study}/{trial}: {text}".format(**finding) for finding in findings]


def signals(folder: Path, seed: int, count: int) -> list[Figure]:
    """Ask searches to stop at random times, then let them come to their end."""
    dice = random.Random(seed)
    search = Search(folder / "home", ["--trials", str(2 * count), "--epochs", "6"], seconds=0.2)
    seconds, clean = [], 0
    for number in range(count):
        asking, code = ((signal.SIGTERM, 143), (signal.SIGINT, 130))[number % 2]
        with search.start() as driver:
            wait_until(lambda: driver.poll() is not None or fork_servers(driver.pid))
            time.sleep(dice.uniform(0.5, 3.0))
            began = time.monotonic()
            kill(driver.pid, asking)
            got = driver.wait(timeout=PATIENCE)
        seconds.append(time.monotonic() - began)
        clean += got == code and _running(search.home) == 0
    search.finish()
    wrong = violations(search.home, STUDY, 2 * count)
    return [
        Figure(f"SIGTERM and Ctrl-C: clean ends of {count}", str(clean), str(count), clean == count),
        Figure("seconds from the signal to the end, p95", f"{_p95(seconds):.2f}", "<= 5", _p95(seconds) <= 5),
        Figure("all that SQL finds wrong after the last", str(len(wrong)), "0", not wrong),
    ]


def _running(home: Path) -> int:
    """Return how many runs say that they are RUNNING; a search that has just begun may have no store yet."""
    if not (home / "mlflow.db").exists():
        return 0
    ((count,),) = rows(home / "mlflow.db", "SELECT count(*) FROM runs WHERE status = 'RUNNING'")
    return int(count)


def away(folder: Path, seed: int, seconds: Sequence[float], epochs: int = 40) -> list[Figure]:
    """Take the MLflow server away for some time, or for whole trials, and see what is missing and who has waited."""
    figures = []
    for pause in seconds:
        place = folder / f"away-{pause}"
        # A server of its own: on another's, a study of the same name is somebody else's.
        with server(place) as port:
            figures += _away(place / "search", Proxy(port, seed=seed), pause, epochs)
    return figures


def _away(folder: Path, proxy: Proxy, pause: float, epochs: int) -> list[Figure]:
    study = ["--trials", "4", "--epochs", str(epochs), "--tracking-uri", proxy.address]
    search = Search(folder / "home", study, seconds=0.25)
    whole = pause == float("inf")
    with search.start() as driver:
        wait_until(lambda: search.log.exists() and len(search.epochs_begun()) > 5)
        for mode in ("refuse", "silent") if pause else ():
            proxy.become(mode)
            if not wait_until(lambda: driver.poll() is not None, PATIENCE if whole else pause / 2) and not whole:
                continue
        if not whole:
            proxy.become("forward")
        driver.wait(timeout=PATIENCE)
    proxy.become("forward")
    again = search.finish()
    waits = search.waits()
    points, doubled = _points(folder.parent / "server" / "mlflow.db", search.home)
    name = "a whole search" if whole else f"{pause:.0f} s"
    return [
        Figure(f"MLflow away for {name}: points lost, doubled", f"{points}, {doubled}", "0, 0", points == doubled == 0),
        Figure("  seconds a training waits after an epoch: p95", f"{_p95(waits):.3f}", "<= 0.1", _p95(waits) <= 0.1),
        Figure("  ... and at most", f"{max(waits):.3f}", "", True),
        Figure(
            "  runs in the spool at the end",
            str(len(_spooled(search.home))),
            "0",
            not _spooled(search.home) and again == 0,
        ),
    ]


def _points(database: Path, home: Path) -> tuple[int, int]:
    """Return how many reported values a server does not have, and how many runs there are too many."""
    reported = rows(
        home / "optuna.db",
        "SELECT number, step, intermediate_value FROM trials JOIN trial_intermediate_values USING (trial_id)",
    )
    ((uuid,),) = rows(home / "optuna.db", "SELECT value_json FROM study_user_attributes WHERE key = 'uuid'")
    logged = rows(
        database,
        "SELECT value, step, metrics.value FROM metrics JOIN (SELECT run_uuid, value AS key_tag FROM tags WHERE "
        "key = 'search.key') USING (run_uuid) WHERE key = 'val_accuracy'".replace("SELECT value,", "SELECT key_tag,"),
    )
    expected = {(f"{json.loads(uuid)}/{number}", step, value) for number, step, value in reported}
    keys = rows(database, "SELECT value FROM tags WHERE key = 'search.key' AND value LIKE ?", f"{json.loads(uuid)}%")
    return len(expected - set(logged)), len(keys) - len(set(keys))


def _spooled(home: Path) -> list[Path]:
    return list((home / "spool").iterdir())


def lost_replies(folder: Path, seed: int, trials: int) -> list[Figure]:
    """Let a share of the answers of the MLflow server get lost after it has done what it was asked."""
    with server(folder) as port:
        proxy = Proxy(port, seed=seed, share=0.2)
        arguments = ["--trials", str(trials), "--epochs", "2", "--tracking-uri", proxy.address]
        search = Search(folder / "lost" / "home", arguments, seconds=0.5)
        with search.start() as driver:
            wait_until(lambda: search.log.exists() and search.epochs_begun())
            proxy.mode = "lose"
            driver.wait(timeout=2 * PATIENCE)
        # A search that is done leaves what its tracker has not taken to the next one: let some lose answers, too.
        for mode in ("lose", "lose", "lose", "forward"):
            proxy.mode = mode
            search.finish()
        left = len(_spooled(search.home))
        points, doubled = _points(folder / "server" / "mlflow.db", search.home)
        models = rows(
            folder / "server" / "mlflow.db",
            "SELECT source_run_id FROM logged_models GROUP BY source_run_id HAVING count(*) > 1",
        )
    created = proxy.lost.count("runs/create")
    return [
        Figure(
            f"{len(proxy.lost)} answers lost, {created} to a new run of {trials}: runs doubled",
            str(doubled),
            "0",
            doubled == 0 and created > 0,
        ),
        Figure(
            "  models doubled, points lost, runs left in the spool",
            f"{len(models)}, {points}, {left}",
            "0, 0, 0",
            not (models or points or left),
        ),
    ]


def locked(folder: Path, seed: int, seconds: float) -> list[Figure]:
    """Hold each database for some time while a search goes on."""
    figures = []
    for name in ("optuna.db", "mlflow.db"):
        search = Search(folder / name / "home", ["--trials", "4", "--epochs", "6"], seconds=0.2)
        with search.start() as driver:
            wait_until(lambda search=search: search.log.exists() and len(search.epochs_begun()) > 3)
            with closing(sqlite3.connect(search.home / name, timeout=60, isolation_level=None)) as holder:
                holder.execute("BEGIN EXCLUSIVE")
                time.sleep(seconds)
                holder.execute("ROLLBACK")
            driver.wait(timeout=PATIENCE)
        # What was held for longer than a search waits at its end is delivered by the next one.
        code = search.finish()
        wrong = violations(search.home, STUDY, 4)
        figures.append(
            Figure(
                f"{name} locked for {seconds:.0f} s: exit code, wrong in SQL",
                f"{code}, {len(wrong)}",
                "0, 0",
                code == 0 and not wrong,
            )
        )
    return figures


def failed_writes(folder: Path, seed: int, every: int) -> list[Figure]:
    """Let every write of a small search fail, one at a time, or one in so many; the same command goes on each time."""
    done = subprocess.run(
        [sys.executable, str(LIGHT.with_name("failing.py")), str(folder), str(every), str(1 + seed % every)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    *wrong, last = done.stdout.splitlines() or [f"exit code {done.returncode}: {done.stderr[-500:]}"]
    return [Figure(last.partition(";")[0], _listed(wrong), "0", done.returncode == 0)]


def flipped_bits(folder: Path, seed: int, count: int) -> list[Figure]:
    """Flip single bits of the images that a search is about to train on, wherever they lie."""
    from tests.faults.flipping import noticed

    return [
        Figure(f"bits flipped {where}: caught before epoch 1", str(caught), str(count), caught == count)
        for where, caught in noticed(folder, seed, count)
    ]


def resumed(folder: Path, seed: int, times: int) -> list[Figure]:
    """Kill trainings of the real families, and compare what comes of them with uninterrupted ones."""
    from tests.faults.resuming import identical

    return [
        Figure(f"{name}: resumed = uninterrupted to the last bit, {died} killed", f"{same}", f"{times}", same == times)
        for name, same, died in identical(folder, seed, times)
    ]


@contextmanager
def server(folder: Path) -> Iterator[int]:
    """Run MLflow's own server, and return its port."""
    home = folder / "server"
    home.mkdir(parents=True, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["server", "--backend-store-uri", f"sqlite:///{home}/mlflow.db", "--workers", "1", "--port", str(port)]
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *words, "--artifacts-destination", str(home / "artifacts")],
            env={"PATH": "", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"},
            stdout=log,
            stderr=log,
        )
    try:
        assert wait_until(lambda: _answers(port), seconds=60), (home / "log").read_text()
        yield port
    finally:
        process.terminate()
        process.wait(timeout=30)


def _answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
    except OSError:
        return False
    return True


def _p95(values: Sequence[float]) -> float:
    return float(np.quantile(values, 0.95)) if len(values) else 0.0


def main() -> int:
    """Run the scenarios, print their table, and return 1 where something fell short."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--only", help="one of the scenarios")
    asked = parser.parse_args()
    heed_signals()
    # Of what is damaged on purpose nobody has to be told.
    logging.disable(logging.WARNING)
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    scenarios: dict[str, Callable[[Path], list[Figure]]] = {
        "kills": lambda place: kills(place, asked.seed, asked.kills),
        "signals": lambda place: signals(place, asked.seed, max(asked.kills // 4, 4)),
        "away": lambda place: away(place, asked.seed, (0, 20, 60, float("inf"))),
        "lost_replies": lambda place: lost_replies(place, asked.seed, max(asked.kills // 2, 10)),
        "locked": lambda place: locked(place, asked.seed, 30),
        "failed_writes": lambda place: failed_writes(place, asked.seed, max(200 // asked.kills, 1)),
        "resumed": lambda place: resumed(place, asked.seed, max(asked.kills // 20, 1)),
        "flipped_bits": lambda place: flipped_bits(place, asked.seed, asked.kills),
    }
    figures = []
    for name in [asked.only] if asked.only else scenarios:
        began = time.monotonic()
        print(f"{name}, seed {asked.seed} ...", flush=True)
        found = scenarios[name](folder / name)
        show(found)
        print(f"  ({time.monotonic() - began:.0f} s)", flush=True)
        figures += found
    well = all(figure.well for figure in figures)
    if well:
        shutil.rmtree(folder)
    else:
        print(f"what was left to look at: {folder}")
    return 0 if well else 1


def show(figures: Sequence[Figure]) -> None:
    """Print figures as a table."""
    for figure in figures:
        first, *rest = figure.got.splitlines() or [""]
        print(f"  {'ok  ' if figure.well else 'FAIL'} {figure.measure:<62} {first:>12}   {figure.must}")
        for line in rest:
            print(f"       {line}")


__all__ = ["Figure", "Mode"]

if __name__ == "__main__":
    sys.exit(main())
