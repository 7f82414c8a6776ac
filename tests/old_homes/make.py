"""Makes homes with other versions of MLflow and Optuna, and keeps them as text: `python -m tests.old_homes.make`.

Each is searched by this project in an environment of its own, with what of it those versions can run. Of pictures and
pages no more is kept than that they were there.
"""

import base64
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import venv
from contextlib import closing
from pathlib import Path

from tests.old_homes import FOLDER, HOMES, KEPT

SEARCH = """
import sys
from pathlib import Path
from tests.faults.searches import Search
words = ("--fix", "mood=well", "--trials", "2", "--epochs", "2", "--engine", "inline")
search = Search(Path(sys.argv[1]) / "home", words, script=Path(sys.argv[2]))
if search.finish():
    raise SystemExit(search.said.read_text())
"""
# MLflow 3.1 takes any SQLAlchemy below 3, and cannot be imported with 2.1.
VERSIONS = {
    "mlflow-3.1.4": ("mlflow==3.1.4", "optuna==5.0.0", "sqlalchemy<2.1"),
    "mlflow-3.17.2": ("mlflow==3.17.2", "optuna==5.0.0"),
}
# What a search without TensorFlow imports.
OTHERS = (
    "optuna-dashboard",
    "matplotlib",
    "numpy",
    "pandas",
    "pillow",
    "plotly",
    "rich",
    "scikit-learn",
    "scipy",
    "typer",
)
# The smallest picture that there is.
DOT = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==")


def make(name: str) -> None:
    """Search with these versions, and keep what comes of it."""
    with tempfile.TemporaryDirectory() as made:
        environment, folder = Path(made) / "venv", Path(made) / "searched"
        venv.create(environment, with_pip=True)
        python = str(environment / "bin" / "python")
        subprocess.run([python, "-m", "pip", "install", "--quiet", *VERSIONS[name], *OTHERS], check=True)
        script = Path(__file__).parent / "searching.py"
        subprocess.run([python, "-c", SEARCH, str(folder), str(script)], check=True, cwd=Path(__file__).parents[2])
        keep(folder, HOMES / name)


def keep(folder: Path, kept: Path) -> None:
    """Write what stands in the databases, and the artifacts."""
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir()
    for name in ("mlflow", "optuna"):
        with closing(sqlite3.connect(folder / "home" / f"{name}.db")) as database:
            statements = "\n".join(database.iterdump())
        (kept / f"{name}.sql").write_text(statements.replace(str(folder), FOLDER) + "\n")
    home = folder / "home"
    for file in sorted(file for name in KEPT for file in (home / name).rglob("*") if file.is_file()):
        copy = kept / file.relative_to(home)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(small(file).replace(str(folder).encode(), FOLDER.encode()))


def small(file: Path) -> bytes:
    return {".png": DOT, ".html": b"<html></html>\n"}.get(file.suffix) or file.read_bytes()


if __name__ == "__main__":
    for chosen in sys.argv[1:] or VERSIONS:
        make(chosen)
