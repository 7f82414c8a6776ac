"""Each store is opened once in a command that trains, and handed on."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from search.cli import call
from search.store.rows import RowStorage
from tracking.engines.mlflow import MlflowTracker

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tensorflow")]


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
    return count


def test_what_trains_opens_each_store_once(opened: Counter[str], bars_file: Path, tmp_path: Path) -> None:
    home = ["--home", str(tmp_path / "home")]
    run = ["run", "--study", "mlp", "--engine", "inline", *home]
    usual = ["--data", str(bars_file), "--epochs", "1", "--baselines", "none", "--pruner", "none"]
    for words, expected in (
        ([*run, *usual, "--trials", "1"], {"optuna": 1, "mlflow": 1}),
        ([*run, "--trials", "1"], {"optuna": 1}),
        ([*run, "--trials", "2"], {"optuna": 1, "mlflow": 1}),
        ([*run, "--dry-run"], {"optuna": 1}),
    ):
        opened.clear()
        assert call(words) == 0
        assert dict(opened) == expected, words
