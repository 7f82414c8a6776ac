"""No message advises anything unless a test follows it."""

import re
from pathlib import Path

import pytest

from tests.advice.known import KNOWN
from tests.advice.messages import ROOMS, ROOT, messages

TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("room", ROOMS)
def test_every_message_that_advises_something_is_followed_by_a_test(room: str) -> None:
    unknown = [
        f"{file}: {text}"
        for file, text in messages(room)
        if not any(file == known and part in text for known, part, _ in KNOWN)
    ]
    assert unknown == [], "write a test that does what they say, and a row in known.py"


def test_no_row_outlives_its_message() -> None:
    there = [message for room in ROOMS for message in messages(room)]
    assert [row for row in KNOWN if not any(row[0] == file and row[1] in text for file, text in there)] == []


def test_the_tests_that_are_named_are_there() -> None:
    for name in {test for *_, test in KNOWN if not test.startswith("(")}:
        file, _, function = name.rpartition("::")
        there = TESTS.rglob(file) if file else (TESTS / "advice").glob("test_*.py")
        assert any(re.search(rf"^def {function}\(", one.read_text(), re.M) for one in there), name


def test_a_message_that_nobody_follows_is_found(tmp_path: Path) -> None:
    """What the walk through the source sees: backticks, flags, lines for Python, made commands, and no help."""
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "file.py").write_text(
        '"""Says `nothing`."""\n'
        'say(f"see `{advice.command(\'show\', name)}`")\nsay("give --fix with it")\nsay("store numpy.rint(x)")\n'
        'Option("--home", help="or `that`")\nsay("fine")\n'
    )
    found = [text for _, text in messages("room", tmp_path)]
    assert found == ["see `python -m search show {}`", "give --fix with it", "store numpy.rint(x)"]
    assert tmp_path != ROOT
