"""Tables that leave this program come back from a reader as they were, whatever a person calls a class."""

import io
import json
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from search.output import tables
from search.output.tables import Cell, Count, Points, Sheet
from search.recording import artifacts

ODD = (
    'the "best"',
    "a, b",
    "two\nlines",
    "a\rb",
    "pipe | here",
    "back\\|slash\\",
    "<b>bold</b>",
    "&amp;",
    "=cmd()",
    "007",
    "NA",
    "nan",
    "true",
    "👗 *dress*",
    " _spaces_ ",
    "`code` ~~$x$~~",
    "[a](http://b)",
    "x" * 300,
)
# Of names that a file or a folder can have: no half of a pair of surrogates, and not the one character that ends them.
names = st.lists(st.sampled_from(ODD) | st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))


class _Cells(HTMLParser):
    """Gathers the text of every cell of a table."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: set[str] = set()
        self.within = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag in ("td", "th"):
            self.found.append("")
            self.within = True

    def handle_endtag(self, tag: str) -> None:
        self.within = self.within and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self.within:
            self.found[-1] += data


def read(text: str) -> pd.DataFrame:
    # What may be a class is no sign of something missing, nor a number.
    return pd.read_csv(io.StringIO(text, newline=""), keep_default_na=False, dtype={"class": str})


@given(names)
def test_classes_of_any_name_are_read_again_from_the_report_by_class(names: list[str]) -> None:
    classes = list(dict.fromkeys(names)) or ["one"]
    counts = np.diag(np.arange(1, len(classes) + 1))
    found = read(artifacts.class_report(counts, classes))
    assert found["class"].tolist() == classes
    assert found["support"].tolist() == counts.diagonal().tolist()
    assert found["recall"].tolist() == [1.0] * len(classes)


@given(names)
def test_a_sheet_of_any_names_is_read_again_from_csv(names: list[str]) -> None:
    lines = [tables.csv_line(["class", "images"]), *(tables.csv_line([name, 3]) for name in names)]
    assert read("".join(lines))["class"].tolist() == names


# HTML has no control characters; \n and \r are among the odd ones.
@given(st.lists(st.sampled_from(ODD) | st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1)))
def test_markdown_shows_names_as_they_are_and_keeps_its_rows(names: list[str]) -> None:
    row = f"| {' | '.join(map(tables.literal, names))} |"
    head = "| a " * len(names) + "|\n" + "|---" * len(names) + "|\n"
    shown = _Cells(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(head + row))
    if names:
        assert shown.found[len(names) :] == names
        assert shown.tags == {"table", "thead", "tbody", "tr", "th", "td"}


def test_a_table_for_a_text_is_never_cut(capfd: pytest.CaptureFixture[str]) -> None:
    tables.sheets([Sheet("", ("x" * 300,) * 5, [("y" * 300,) * 5])], [], "markdown")
    assert "y" * 300 in capfd.readouterr().out


@pytest.mark.parametrize(
    ("value", "people", "programs"),
    [
        (Points(0.8 - 0.886), "-8.60", -8.6),
        (Points(-0.0), "+0.00", 0.0),
        (Points(-0.00001), "+0.00", -0.001),
        (Count(426), "426", 426),
        (Count(0), "0", 0),
        (Count(1_499), "1 k", 1_499),
        (Count(999_600), "1.00 M", 999_600),
        (Count(2_040_000), "2.04 M", 2_040_000),
        (0.1 + 0.2, "0.3000", 0.1 + 0.2),
    ],
)
def test_figures_are_written_as_a_careful_person_would(value: Cell, people: str, programs: Cell) -> None:
    assert tables.cell(value) == people
    assert tables.exact(value) == programs


def test_json_has_no_number_that_is_none(capfd: pytest.CaptureFixture[str]) -> None:
    tables.as_json({"value": float("nan"), "values": [1.0, (float("inf"), "NaN")]})
    told = json.loads(capfd.readouterr().out, parse_constant=pytest.fail)
    assert told == {"value": None, "values": [1.0, [None, "NaN"]]}
