"""What others have set for the libraries used here changes nothing of a search."""

from pathlib import Path

from search import quiet
from tests.faults.hostile import SETTINGS, Setting, differing, results, search, together

# Each of these would hide another, as one that ends the import of what reads the next.
ALONE = ("keras.json: channels first", "keras.json: float64", "keras.json: nonsense", "KERAS_HOME", "MATPLOTLIBRC")


def test_settings_of_others_change_no_number_no_network_and_no_picture(tmp_path: Path) -> None:
    quiet.libraries()
    usual = results(search(tmp_path / "usual", Setting()))
    hostile = results(search(tmp_path / "hostile", together(*(name for name in SETTINGS if name not in ALONE))))
    assert sum(name.partition(" of ")[0].endswith(".png") for name in usual) == 6
    assert differing(usual, hostile) == []
    assert not (tmp_path / "usual" / "home" / ".keras").exists(), "nobody asked for a file in their home"
