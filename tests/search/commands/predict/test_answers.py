import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.names import escaped
from search.commands.predict import answers
from search.commands.predict.answers import Answer, Format

NAMES = ("Trouser", "Ankle boot", 'a,"b"', "дублёнка из овчины", "\x1b[31mred")


def written(told: list[Answer], output: Format, width: int = 80, names: tuple[str, ...] = NAMES) -> str:
    stream = io.StringIO()
    answers.write(iter(told), stream, output, names, width)
    return stream.getvalue().encode().decode()


# Of files, too, whose names are no UTF-8.
called = st.text(st.characters(codec=None) | st.just("\udcff"), min_size=1, max_size=40)
told = st.lists(
    st.tuples(called, st.lists(st.tuples(st.sampled_from(NAMES), st.floats(0, 1, width=32)), min_size=3, max_size=3))
)


@given(told)
def test_a_spreadsheet_has_every_name_and_six_digits(told: list[Answer]) -> None:
    rows = list(csv.reader(io.StringIO(written(told, "csv"), newline="")))
    assert rows[0] == list(answers.COLUMNS)
    assert [row[0] for row in rows[1:]] == [escaped(name) for name, _ in told]
    assert [row[1::2] for row in rows[1:]] == [[label for label, _ in top] for _, top in told]
    assert [list(map(float, row[2::2])) for row in rows[1:]] == [
        pytest.approx([share for _, share in top], rel=1e-5, abs=1e-30) for _, top in told
    ]


@given(told)
def test_programs_get_a_list_of_objects(told: list[Answer]) -> None:
    read = json.loads(written(told, "json"))
    assert [one["image"] for one in read] == [escaped(name) for name, _ in told]
    assert [one["class"] for one in read] == [top[0][0] for _, top in told]
    assert [len(one["top"]) for one in read] == [3] * len(told)


@given(told, st.integers(60, 200))
def test_lines_for_people_fit_and_cannot_move_the_cursor(told: list[Answer], width: int) -> None:
    lines = written(told, "text", width).removesuffix("\n").split("\n")
    assert len(lines) == len(told) + 1
    assert max(map(len, lines)) <= width
    assert all(line.isprintable() for line in lines)


def test_of_a_long_name_the_end_is_seen() -> None:
    told = [("photographs/of/a/very/long/summer/0017.png", [("Trouser", 0.9), ("Ankle boot", 0.08), ("Trouser", 0.02)])]
    assert "ng/summer/0017.png" in written(told, "text", names=(*NAMES[:2], "Bag"))


def test_of_two_classes_there_is_no_third() -> None:
    told: list[Answer] = [("a.png", [("x", 0.75), ("y", 0.25)])]
    assert written(told, "csv").splitlines()[1] == "a.png,x,0.75,y,0.25,,"
    assert "third" not in written(told, "text", names=("x", "y"))


@pytest.mark.parametrize("output", ["text", "csv", "json"])
def test_each_begins_so_that_it_may_be_written_over(output: Format) -> None:
    told = [("a.png", [("Trouser", 0.9), ("Ankle boot", 0.08), ("Trouser", 0.02)])]
    assert written(told, output).encode().startswith(answers.MARKS)
    assert written([], output).encode().startswith(answers.MARKS)


def test_names_have_as_much_room_as_they_take_and_classes_the_rest() -> None:
    names = ("Yellow banana, ripe", "Red apple", "Green pear, unripe")
    told: list[Answer] = [(f"{number}.png", [(name, 0.3) for name in names]) for number in range(3)]
    head, first, *_ = written(told, "text", width=100, names=names).split("\n")
    assert first == "0.png  Yellow banana, ripe 0.3000  Red apple           0.3000  Green pear, unripe  0.3000"
    assert head.index("class") == first.index("Yellow")
