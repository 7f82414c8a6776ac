import json

import pytest

from benchmarks.table import Table, median_ratio, ratios

TABLE = Table("Speed", ("what", "ratio", "count"), (("ours", 0.51234, 3), ("theirs", None, 12)), ("a note",))


def test_ours_is_compared_with_the_mean_of_the_raw_ones_around_it() -> None:
    assert ratios([3.0, 8.0], [1.0, 2.0, 6.0]) == [2.0, 2.0]


def test_the_median_round_counts_and_not_the_one_that_was_disturbed() -> None:
    assert median_ratio([2.0, 90.0, 2.2], [1.0, 1.0, 1.0, 1.0]) == 2.2


def test_a_round_without_a_raw_measurement_on_both_sides_is_refused() -> None:
    with pytest.raises(ValueError, match="lie between 2 of raw, not 1"):
        ratios([1.0], [1.0])


def test_people_get_a_markdown_table_with_its_notes() -> None:
    lines = TABLE.markdown().splitlines()
    assert lines[:5] == ["**Speed**", "", "| what | ratio | count |", "| --- | --- | --- |", "| ours | 0.5123 | 3 |"]
    assert lines[5] == "| theirs |  | 12 |"
    assert "* a note" in lines


def test_programs_get_the_same_unrounded() -> None:
    told = json.loads(TABLE.json())
    assert told["rows"][0] == {"what": "ours", "ratio": 0.51234, "count": 3}
    assert told["notes"] == ["a note"]
    assert "keras" in told["versions"]
