"""By which names a trial's figures stand in its run, and what it takes to record one."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from models.family import Evaluation
from search.recording import artifacts
from search.workers.messages import ModelFile, Trained
from tracking.rules import finite


def test_no_class_opens_a_section_of_its_own_before_the_curves() -> None:
    """MLflow makes one of what stands before a slash, and shows it first; what is told apart stays so."""
    figures = {"accuracy": 0.5, "f1.T-shirt/top": 0.25, "f1.T-shirt_top": 0.75}
    judged = Evaluation(figures, *(np.zeros(1, np.int64) for _ in range(2)), np.ones(1))
    trained = Trained(0, None, judged, judged, ModelFile(Path("model.keras"), 10, (28, 28, 1), (10,)))
    named = finite(artifacts.measured(trained, {"seconds": [1.0]}))
    assert [name for name in named if "/" in name] == []
    assert (named["test_f1.T-shirt_top"], named["test_f1.T-shirt_top_2"]) == (0.25, 0.75)
    assert named["best_val_accuracy"] == 0.5


@pytest.mark.slow
def test_a_trial_of_a_thousand_classes_and_of_large_images_is_recorded_in_little_memory(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.search.many", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr
    megabytes, metrics = map(float, done.stdout.split())
    assert megabytes < 300
    assert metrics < 50, "those of single classes stand in tables"
