"""What is in `examples/`, executed as a reader would."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES = Path(__file__).parent.parent / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


@pytest.mark.real
@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_runs_from_top_to_bottom_and_complains_of_nothing(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    notebook = nbformat.read(file, as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shown = [str(output) for cell in cells for output in cell.outputs]
    assert all(cell.outputs for cell in cells)
    assert [text for text in shown if "Warning" in text] == []
    assert any("data:image/png;base64" in text for text in shown)


def test_there_is_one() -> None:
    assert [file.stem for file in NOTEBOOKS] == ["search"]


def test_to_ask_how_garments_are_drawn_draws_none(tmp_path: Path) -> None:
    command = [sys.executable, EXAMPLES / "garments.py"]
    asked = subprocess.run([*command, "--help"], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert "python examples/garments.py garments" in asked.stdout
    assert list(tmp_path.iterdir()) == []
    subprocess.run([*command, "drawn"], cwd=tmp_path, check=True, capture_output=True)
    assert len(list((tmp_path / "drawn").iterdir())) == 10
