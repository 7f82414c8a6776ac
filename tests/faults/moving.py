"""Every command on a home that was copied, and on one that was moved: `python -m tests.faults.moving [FOLDER]`.

A home of all five families, with champions, is made in FOLDER, or taken where one is there. What commands say is
compared with what they said where the home was made, and a watch on the old place shows what is touched there. Takes
some 20 minutes, half of it to make the home; needs `inotifywait` (on Debian: apt-get install inotify-tools).
"""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from models import names
from tests.faults.searches import PATIENCE, ROOT
from tests.support import heed_signals, make_split

SMALL = ["--epochs", "2", "--weights", "none", "--baselines", "none", "--pruner", "none"]
HERE = ["--workers", "1", "--engine", "inline"]
# Not what a command found, but when and how fast.
PASSING = re.compile(
    r'"(seconds|[a-z_]*seconds|took|began|ended|registered|megabytes|file)": [^,\n}]*|in \d+\.\d s|<time .*?</time>'
)
ASKED = """
import contextlib, io, json, sys
from search.cli import call
answers = []
for words in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        answers.append([call(words), ""])
    answers[-1][1] = printed.getvalue()
print(json.dumps(answers))
"""
LOADED = """
import sys, mlflow
mlflow.set_tracking_uri(sys.argv[1])
for address in sys.argv[2:]:
    print(type(mlflow.keras.load_model(address)).__name__)
"""


@dataclass
class Home:
    """A home, the images beside it, and what commands on it have said."""

    folder: Path
    images: Path
    failed: list[str] = field(default_factory=list)
    said: dict[str, str] = field(default_factory=dict)

    @property
    def database(self) -> str:
        """Return the address of MLflow's database."""
        return f"sqlite:///{self.folder / 'mlflow.db'}"

    def command(self, *words: object, codes: Sequence[int] = (0,)) -> str:
        """Run a command on this home, and return what it prints."""
        return self.commands([words], codes)[0]

    def commands(self, asked: Sequence[Sequence[object]], codes: Sequence[int] = (0,)) -> list[str]:
        """Run commands one after the other in one process, and return what each prints."""
        lines = [[*map(str, words), "--home", str(self.folder)] for words in asked]
        done = subprocess.run(
            [sys.executable, "-c", ASKED, json.dumps(lines)],
            cwd=self.images.parent,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        answers = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else [[1, ""]] * len(lines)
        for words, (code, printed) in zip(lines, answers, strict=True):
            self.check(f"{' '.join(words)}: exit {code}\n{printed[-500:]}{done.stderr[-3000:]}", code in codes)
            self.said[" ".join(words[:2])] = self.lasting(printed)
        return [printed for _, printed in answers]

    def lasting(self, text: str) -> str:
        """Return what was found of a text, without where and when."""
        return PASSING.sub("", text.replace(str(self.folder), "HOME"))

    def check(self, what: str, holds: object) -> None:
        """Note what does not hold."""
        if not holds:
            self.failed.append(what)


def environment() -> dict[str, str]:
    """Return this process's, without what names another store."""
    known = {name: text for name, text in os.environ.items() if not name.startswith(("MLFLOW_", "OPTUNA_", "SEARCH_"))}
    return known | {"PYTHONPATH": str(ROOT), "MLFLOW_DISABLE_TELEMETRY": "true"}


def make(home: Home) -> None:
    """Search with every family, and confirm what was found."""
    splits = {"train": make_split(400, 28, 28, 1, 10, seed=1), "test": make_split(120, 28, 28, 1, 10, seed=3)}
    arrays = {f"{kind}_{name}": value for name, split in splits.items() for kind, value in _arrays(split)}
    np.savez(home.images, **arrays)
    for family in names():
        few = ["--images", "100", "--trials", "2"] if family == "resnet50" else ["--trials", "3"]
        home.command("run", "--study", family, "--data", home.images, *few, *SMALL, *HERE)
    for family in names():
        home.command("confirm", family, "--top", "1", "--seeds", "1", *HERE)


def _arrays(split: Any) -> list[tuple[str, Any]]:
    return [("x", split.images), ("y", split.labels)]


def look(home: Home, picture: Path, out: Path) -> None:
    """Ask everything that changes nothing."""
    out.mkdir(parents=True)
    tables: list[list[object]] = [["list"], ["models"], ["compare"], ["best", "mlp"], ["data", "--data", home.images]]
    tables += [["show", family] for family in names()]
    tables += [["predict", family, picture] for family in names() if family != "siamese"]
    tables += [["nearest", "siamese", picture, "--out", out / "nearest.png"]]
    tables += [["export", "mlp", "--out", out / "mlp.zip"]]
    home.commands([*([*words, "--format", "json"] for words in tables), ["report", "--out", out / "report.html"]])
    home.command("compare", "mlp/0", "mlp/1", "--format", "json")
    page = (out / "report.html").read_text() if (out / "report.html").exists() else ""
    home.check("the report has pictures", "data:image/png" in page)
    home.said["the report"] = home.lasting(page)


def change(home: Home, picture: Path, out: Path) -> None:
    """Do everything that changes something."""
    run = next(iter(json.loads(home.command("models", "--format", "json"))))["run"]
    serve(home, picture)
    show(home, run)
    trained = [
        ["run", "--study", "mlp", "--trials", "4", *HERE],
        ["retrain", "mlp/0", "--epochs", "3", "--engine", "inline"],
        ["reproduce", "mlp/1", "--engine", "inline"],
        ["confirm", "mlp", "--top", "1", "--seeds", "2", *HERE],
        ["import", out / "mlp.zip", "--study", "mlp-again"],
        ["keep", "mlp", "--top", "1", "--format", "json"],
    ]
    home.commands(trained)
    home.command("promote", "bars-mlp/1", codes=(0, 1))


def mend(home: Home) -> None:
    """Let the doctor mend it, and MLflow alone find what is registered."""
    home.check("doctor says that it was moved", "was moved or copied from" in home.command("doctor", codes=(1,)))
    home.command("doctor", "--fix")
    home.check("doctor finds nothing afterwards", "nothing is wrong" in home.command("doctor"))
    versions = json.loads(home.command("models", "--format", "json"))
    addresses = [version["address"] for version in versions] + [f"models:/{one['name']}@champion" for one in versions]
    done = subprocess.run(
        [sys.executable, "-c", LOADED, home.database, *addresses],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    home.check(f"MLflow loads {addresses}: {done.stderr[-1500:]}", done.returncode == 0)


@contextmanager
def begun(home: Home, *words: str) -> Iterator[str]:
    """Begin what answers over HTTP; lend what it has said until it answered."""
    with tempfile.TemporaryFile("w+") as told:
        process = subprocess.Popen(
            [sys.executable, "-m", "search", *words, "--home", str(home.folder)],
            env=environment(),
            stdout=told,
            stderr=told,
            text=True,
        )
        deadline, said = time.monotonic() + PATIENCE, ""
        while "Ctrl-C" not in said and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.5)
            told.seek(0)
            said = told.read()
        yield said
        process.send_signal(signal.SIGINT)
        home.check(f"{words[0]} ends in order: {said[-1500:]}", process.wait(PATIENCE) == 0)


def serve(home: Home, picture: Path) -> None:
    """Ask the scoring server about a picture."""
    image = np.asarray(Image.open(picture)).tolist()
    with begun(home, "serve", "mlp", "--port", "5911") as said:
        address = re.search(r"http://127\.0\.0\.1:\d+/invocations", said)
        if address:
            body = json.dumps({"inputs": [image]}).encode()
            request = urllib.request.Request(address[0], body, {"Content-Type": "application/json"})
            home.said["serve"] = urllib.request.urlopen(request, timeout=60).read().decode()


def show(home: Home, run: str) -> None:
    """Ask MLflow's interface for the files of a run and of its model, and the dashboard for its page."""
    with begun(home, "ui", "--mlflow-port", "5912", "--dashboard-port", "5913") as said:
        runs, dashboard = re.findall(r"http://127\.0\.0\.1:\d+(?:/dashboard)?", said)[:2] or ("", "")
        listed = json.loads(_get(f"{runs}/ajax-api/2.0/mlflow/artifacts/list?run_id={run}"))
        files = sorted(entry["path"] for entry in listed.get("files", []))
        home.said["files of a run in MLflow's interface"] = str(files)
        home.check("MLflow's interface shows the files of a run", files)
        got = _get(f"{runs}/get-artifact?run_uuid={run}&path=confusion/test.json")
        home.said["a file in MLflow's interface"] = hashlib.sha256(got).hexdigest()
        home.check("the dashboard answers", b"<html" in _get(dashboard))


def _get(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=60) as answer:
        content: bytes = answer.read()
        return content


@contextmanager
def watched(folder: Path, events: str) -> Iterator[Callable[[], list[str]]]:
    """Lend what tells how a folder was touched so far; nothing where it is not there."""
    if not folder.exists():
        yield lambda: [str(folder)] if folder.exists() else []
        return
    with tempfile.NamedTemporaryFile("r") as log:
        words = ["inotifywait", "--monitor", "--recursive", "--event", events, "--outfile", log.name, str(folder)]
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert process.stderr
        while "established" not in process.stderr.readline():
            pass
        yield lambda: Path(log.name).read_text().splitlines()
        process.terminate()
        process.wait()


def digests(folder: Path) -> dict[str, str]:
    """Return what is in a folder."""
    there = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in there}


def compared(first: Home, second: Home) -> list[str]:
    """Return what both have said otherwise."""
    both = first.said.keys() & second.said.keys() - {"export mlp", "report --out", "models --format"}
    return [name for name in sorted(both) if first.said[name] != second.said[name]]


def tried(old: Home, new: Home, picture: Path, out: Path) -> list[str]:
    """Ask and change everything in a new place, and return what went wrong."""
    before = digests(old.folder)
    with watched(old.folder, "open,access,modify,create,delete,move,attrib") as touched:
        look(new, picture, out)
        wrong = [f"said otherwise: {name}" for name in compared(old, new)]
        print(
            f"looked: {len(new.said)} answers, {len(wrong)} otherwise, {len(touched())} times touched in the old place"
        )
        change(new, picture, out)
        mend(new)
        seen = touched()
    wrong += [f"{len(seen)} times touched in the old place: {seen[:5]}"] if seen else []
    wrong += ["the old place has changed"] if digests(old.folder) != before else []
    print(f"changed and mended: {len(new.said)} answers, {len(seen)} times touched in the old place")
    return wrong + new.failed


def main() -> int:
    """Try both, and say what went wrong."""
    heed_signals()
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()).absolute()
    old = Home(folder / "mlruns", folder / "bars.npz")
    if not old.folder.exists():
        make(old)
    picture = folder / "picture.png"
    Image.fromarray(np.load(old.images)["x_test"][0, :, :, 0]).save(picture)
    places = Path(tempfile.mkdtemp(dir=folder))
    look(old, picture, places / "old")
    wrong = [f"in its own place: {what}" for what in old.failed]
    copy = Home(places / "copy", old.images)
    shutil.copytree(old.folder, copy.folder, symlinks=True)
    wrong += [f"copied: {what}" for what in tried(old, copy, picture, places / "of-copy")]
    moved, spare = Home(places / "moved", old.images), shutil.copytree(old.folder, places / "spare", symlinks=True)
    old.folder.rename(moved.folder)
    wrong += [f"moved: {what}" for what in tried(old, moved, picture, places / "of-moved")]
    if not old.folder.exists():
        spare.rename(old.folder)
    print("\n".join(wrong) or "every command works on a home that was copied, and on one that was moved")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
