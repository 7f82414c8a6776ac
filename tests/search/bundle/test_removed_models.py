"""A model that was removed on purpose stays so when its study moves, whatever number its trial has then."""

import json
from pathlib import Path

import pytest

from models.data import Images
from search.cli import call
from tests.search import homes

pytestmark = pytest.mark.slow

ENDINGS = ["complete"] * 4


@pytest.mark.parametrize("merged", [False, True])
def test_what_keep_has_removed_is_told_elsewhere_and_missed_by_nobody(
    bars: Images, tmp_path: Path, capfd: pytest.CaptureFixture[str], merged: bool
) -> None:
    here, there, bundle = tmp_path / "here", tmp_path / "there", tmp_path / "mlp.zip"
    here.mkdir()
    there.mkdir()
    homes.search(here, bars, endings=ENDINGS)
    assert call(["keep", "mlp", "--top", "1", "--home", str(here)]) == 0
    if merged:
        homes.search(there, bars, endings=ENDINGS[:3])
    assert call(["export", "mlp", "-o", str(bundle), "--home", str(here)]) == 0
    assert call(["import", str(bundle), "--home", str(there)]) == 0
    assert call(["doctor", "mlp", "--home", str(there)]) == 0
    shown = {}
    for home in (here, there):
        capfd.readouterr()
        assert call(["show", "mlp", "--home", str(home), "--format", "json"]) == 0
        results = json.loads(capfd.readouterr().out)["results"]
        shown[home] = [(bool(result["removed"]), result["value"]) for result in results]
    assert [one for one in shown[here] if one[0]]
    assert shown[there][-len(shown[here]) :] == shown[here]
