"""The lower bounds that `make oldest` installs."""

import tomllib
from pathlib import Path

import pytest

from tests import oldest


def test_everything_that_is_needed_has_a_lower_bound() -> None:
    project = tomllib.loads(oldest.PROJECT.read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    found = dict(oldest.bounds(extras))
    assert len(found) >= len(project["dependencies"])
    assert found["ray"] == next(one for one in extras["bench"] if one.startswith("ray")).partition(">=")[2]
    assert found["mlflow"] == "3.17"


@pytest.mark.parametrize("needed", ["numpy", "numpy<3", "numpy==2.2"])
def test_what_has_none_is_named(needed: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text(f'[project]\ndependencies = ["{needed}"]\n')
    monkeypatch.setattr(oldest, "PROJECT", file)
    with pytest.raises(ValueError, match=needed):
        list(oldest.bounds(()))
