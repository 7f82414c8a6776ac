"""Each store is opened once in a command, and handed on."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import tracking
from search.cli import call
from search.store.rows import RowStorage
from tracking.engines.mlflow import MlflowTracker

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tensorflow")]

OPTUNA, BOTH, ALL = ({"optuna": 1}, {"optuna": 1, "mlflow": 1}, {"optuna": 1, "mlflow": 1, "registry": 1})
USUAL = ("--epochs", "1", "--baselines", "none", "--pruner", "none", "--engine", "inline")
# One after the other, in the same home: what each command opens, of both stores and of the registered models.
COMMANDS: tuple[tuple[str, dict[str, int]], ...] = (
    ("run mlp --trials 1 --data DATA", BOTH),
    ("run mlp --trials 1", OPTUNA),
    ("run mlp --trials 2", BOTH),
    ("run mlp --dry-run", OPTUNA),
    ("list", OPTUNA),
    ("show mlp", OPTUNA),
    ("show mlp/0", OPTUNA),
    ("best mlp", OPTUNA),
    ("compare", OPTUNA),
    ("compare mlp/0 mlp/1", BOTH),
    ("report --out FOLDER/report.html", BOTH),
    ("retrain mlp/0 --seed 3 --engine inline", BOTH),
    ("reproduce mlp/0 --engine inline", BOTH),
    ("confirm mlp --top 1 --seeds 1 --engine inline", ALL),
    ("confirm mlp --top 1 --seeds 1 --engine inline", ALL),
    ("models", {"registry": 1}),
    ("predict mlp/0 DATA", BOTH),
    ("predict bars-mlp DATA", ALL),
    ("run siamese --trials 1 --data DATA", BOTH),
    ("nearest siamese/0 FOLDER/picture.png --out FOLDER/sheet.png", BOTH),
    ("promote bars-mlp/1", {"mlflow": 1, "registry": 1}),
    ("doctor", BOTH),
    ("doctor --fix", BOTH),
    ("keep mlp --top 1 --dry-run", BOTH),
    ("keep mlp --top 1", BOTH),
    ("export mlp --out FOLDER/mlp.zip", BOTH),
    ("import FOLDER/mlp.zip", BOTH),
    ("import FOLDER/mlp.zip --study other", BOTH),
    ("rename mlp shirts", ALL),
    ("delete other --yes", ALL),
    ("delete shirts --yes --registered", ALL),
)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    count: Counter[str] = Counter()

    def counted(store: type, name: str) -> None:
        usual: Any = store.__init__  # type: ignore[misc]  # of that class alone

        def init(self: object, *given: object, **named: object) -> None:
            count[name] += 1
            usual(self, *given, **named)

        monkeypatch.setattr(store, "__init__", init)

    counted(RowStorage, "optuna")
    counted(MlflowTracker, "mlflow")
    open_registry = tracking.open_registry

    def open_counted(uri: str, artifacts: Path | None = None) -> tracking.Registry | None:
        count["registry"] += 1
        return open_registry(uri, artifacts)

    monkeypatch.setattr(tracking, "open_registry", open_counted)
    return count


def test_a_command_opens_each_store_once(
    opened: Counter[str], bars_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with np.load(bars_file, allow_pickle=False) as arrays:
        Image.fromarray(arrays["x_test"][0, ..., 0]).save(tmp_path / "picture.png")
    known = {"DATA": str(bars_file), "FOLDER": str(tmp_path)}
    others = {}
    for said, expected in COMMANDS:
        words = said
        for name, meant in known.items():
            words = words.replace(name, meant)
        usual = USUAL if words.startswith("run") else ()
        opened.clear()
        assert call([*words.split(), *usual, "--home", str(tmp_path / "home")]) == 0, words
        if opened != expected:
            others[said] = dict(opened)
    assert others == {}
