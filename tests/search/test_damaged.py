"""Artifacts that are missing, cut short or of nothing but zeros: named, left out, and the rest is told all the same."""

import json
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from models.data import Images
from search import Study
from search.analysis.predictions import Unreadable
from search.cli import call
from search.problem.settings import Place
from search.report import gathering
from search.system import next_commands
from tests.search import homes
from tests.search.breaks import Home

Damage = Callable[[Path, bytes], object]
DAMAGES: dict[str, Damage] = {
    "missing": lambda file, _: file.unlink(),
    "empty": lambda file, _: file.write_bytes(b""),
    "cut in half": lambda file, content: file.write_bytes(content[: len(content) // 2]),
    # As a cut between two lines leaves it.
    "cut at a line": lambda file, content: file.write_bytes(content[: content.rindex(b"\n", 0, -9) + 1]),
    "zeros": lambda file, content: file.write_bytes(bytes(len(content))),
    "another's": lambda file, _: file.write_bytes(b'{"class_names": ["a"], "counts": [[1]]}\n0,9,0.5\n'),
}
TEXTS = [("predictions/test.csv", how) for how in DAMAGES] + [
    ("confusion/test.json", how) for how in DAMAGES if how != "cut at a line"
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, bars: Images) -> Path:
    """Two studies, the best of the first of which is `mlp/1`."""
    home = tmp_path_factory.mktemp("damaged")
    homes.search(home, bars, "mlp", ("complete", "complete"))
    homes.search(home, bars, "other", ("complete",))
    return home


@contextmanager
def damaged(home: Path, name: str, how: str) -> Iterator[None]:
    file = Home(home).artifact(1, name)
    content = file.read_bytes()
    DAMAGES[how](file, content)
    try:
        yield
    finally:
        file.write_bytes(content)


def doctor_in(said: str) -> list[str]:
    """Return the words of the doctor's command that a message names."""
    found = re.search(r"`([^`]* doctor [^`]*)`", said)
    assert found, said
    return shlex.split(found[1].removeprefix(next_commands.program()))


@pytest.mark.parametrize(("name", "how"), TEXTS)
def test_what_a_network_said_is_left_out_where_it_is_damaged_and_the_doctor_who_is_named_finds_it(
    home: Path, capfd: pytest.CaptureFixture[str], name: str, how: str
) -> None:
    with damaged(home, name, how):
        with next_commands.typed(["--home", str(home)]):
            found = gathering.gather(Place.at(home, None, None), ())
        (said,) = found.problems
        assert said.startswith("what mlp/1 said of the test images is missing or damaged: ")
        assert {trial for section in found.sections for trial in section.judged} == {"mlp/0", "other/0"}
        assert call(doctor_in(said)) == 1
        assert re.search(r"missing or damaged in its run: (predictions|confusion)", capfd.readouterr().out)


@pytest.mark.parametrize(("name", "how"), TEXTS)
def test_trials_are_compared_as_far_as_what_they_said_is_there(
    home: Path, capfd: pytest.CaptureFixture[str], name: str, how: str
) -> None:
    with damaged(home, name, how):
        words = ["mlp/0", "mlp/1", "other/0", "--home", str(home), "--format", "json"]
        assert call(["compare", *words]) == 1
        said = capfd.readouterr()
        told = json.loads(said.out)
        assert [trial["number"] for trial in told["trials"]] == [0, 1, 0]
        assert [(pairing["first"], pairing["second"]) for pairing in told["pairings"]] == [("mlp/0", "other/0")]
        assert said.err.count("is missing or damaged") == 1
        doctor_in(said.err)
        # The first one, against which all others would be held.
        assert call(["compare", "mlp/1", "mlp/0", "--home", str(home)]) == 1
        assert "test_accuracy" in capfd.readouterr().out
        assert call(["compare", "--home", str(home)]) == 0


@pytest.mark.parametrize("how", ["missing", "cut in half", "zeros"])
@pytest.mark.parametrize("name", ["curves.png", "predictions/mistakes.png"])
def test_a_damaged_picture_is_named_and_not_shown(
    home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, how: str
) -> None:
    out = tmp_path / "report.html"
    assert call(["report", "mlp", "--home", str(home), "--out", str(out)]) == 0
    shown = out.read_text().count("<img class=")
    capfd.readouterr()
    with damaged(home, name, how):
        assert call(["report", "mlp", "--home", str(home), "--out", str(out)]) == 0
        said = capfd.readouterr().err
        assert f"{name} of mlp/1 is missing or damaged" in said
        assert out.read_text().count("<img class=") == shown - 1
        assert call(doctor_in(said)) == 1
        assert name in capfd.readouterr().out


@pytest.mark.parametrize("how", ["missing", "cut in half", "zeros"])
def test_in_a_notebook_a_trial_is_shown_without_and_what_is_asked_for_is_refused_in_words(home: Path, how: str) -> None:
    one, other = Study("mlp", home=home)[1], Study("mlp", home=home)[0]
    with damaged(home, "confusion/test.png", how):
        assert "<img" not in one._repr_html_()
    assert "<img" in one._repr_html_()
    with damaged(home, "predictions/test.csv", how):
        for asked in (lambda: one.confusion, lambda: other.against(one)):
            with pytest.raises(Unreadable, match="what mlp/1 said of the test images is missing or damaged"):
                asked()
