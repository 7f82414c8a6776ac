"""The report in a real browser, opened from disk and without a network."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from models import metrics
from models.data import Images
from search.analysis import predictions
from search.cli import call
from search.problem.settings import Place
from search.store import results, storage
from tests.search import homes

pytestmark = pytest.mark.slow

# What a person may name a folder of images, and a page must show as it is.
LONG = "x" * 300
ODD = ("<img src=x onerror=alert(1)>", "</script><b>b", "Рубашка", "a&amp;b", "{{ 7 * 7 }}")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, bars: Images) -> Path:
    home = tmp_path_factory.mktemp("page")
    named = replace(bars, class_names=(*ODD, LONG, *bars.class_names[len(ODD) + 1 :]))
    homes.search(home, named, "mlp", ("complete",) * 5 + ("pruned", "failed"))
    homes.search(home, named, "other", ("complete",) * 3)
    return home


@pytest.fixture(scope="module")
def file(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("out") / "отчёт.html"
    assert call(["report", "--home", str(home), "--out", str(file)]) == 0
    return file


@pytest.fixture
def report(page: Page, file: Path) -> Iterator[Page]:
    """The report as it is opened; it may ask for nothing but itself, and have nothing to complain of."""
    asked, said = [], []
    page.context.set_offline(True)
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    page.goto(file.as_uri())
    expect(page.locator("#matrix-difference .heatmaplayer")).to_have_count(1)
    yield page
    assert [url for url in asked if not url.startswith("data:")] == [file.as_uri()]
    assert said == []


def column(table: Locator, number: int) -> list[str]:
    return table.locator(f"tbody td:nth-child({number})").all_inner_texts()


def test_the_difference_of_any_two_trials_is_counted_right(report: Page, home: Path) -> None:
    place = Place.at(home, None, None)
    report.get_by_label("First").select_option("mlp/1")
    report.get_by_label("Second").select_option("other/2")
    with storage.reading(place.storage) as store, predictions.opened(place) as tracker:
        one, other = (predictions.judged(tracker, results.one(store, name)) for name in ("mlp/1", "other/2"))
    counts = [metrics.confusion_counts(judged.labels, judged.predictions, 10) for judged in (one, other)]
    expect(report.locator("#caption-difference")).to_have_text("other/2 minus mlp/1")
    for name, wanted in zip(("first", "second", "difference"), (*counts, counts[1] - counts[0]), strict=True):
        matrix = report.locator(f"#matrix-{name}")
        assert matrix.evaluate("place => place.data[0].customdata") == wanted.tolist()
        shown = [text.replace("−", "-") for text in matrix.locator(".heatmap-label").all_text_contents()]
        assert sorted(map(int, shown)) == sorted(wanted.flatten().tolist())
    recalls = metrics.per_class(counts[1])["recall"]
    assert column(report.locator("#by-class"), 7) == [f"{recall:.4f}" for recall in recalls]
    shown = [
        cell.get_attribute("title") or cell.inner_text() for cell in report.locator("#by-class td:first-child").all()
    ]
    assert shown == list(one.class_names)


def test_the_sentence_is_the_tools_own_where_the_best_are_compared(report: Page) -> None:
    expect(report.get_by_role("status")).to_contain_text("McNemar")
    report.get_by_label("First").select_option("mlp/0")
    report.get_by_label("Second").select_option("mlp/1")
    expect(report.get_by_role("status")).to_contain_text("python -m search compare mlp/0 mlp/1")


def test_tables_are_sorted_by_whichever_column_is_asked_for(report: Page) -> None:
    trials = report.locator("#study-mlp table[data-sortable]").last
    head = trials.get_by_role("button", name="val_accuracy")
    head.click()
    values = column(trials, 5)
    assert len(values) == 7
    # What has no value stays below.
    numbers = [float(value) for value in values if value != "-"]
    assert numbers == sorted(numbers, reverse=True)
    assert values == [*map("{:.4f}".format, numbers), *["-"] * (7 - len(numbers))]
    # By keyboard, and the other way round.
    head.press("Enter")
    assert [float(value) for value in column(trials, 5) if value != "-"] == numbers[::-1]
    expect(trials.locator("th[aria-sort]")).to_have_attribute("aria-sort", "ascending")


def test_charts_are_there_once_they_are_in_sight_and_all_of_them_on_paper(report: Page) -> None:
    charts = report.locator("[data-chart]")
    # Of the whole, and of each study.
    assert charts.count() == 2 + 6 + 4
    charts.last.scroll_into_view_if_needed()
    expect(charts.last.locator(".main-svg").first).to_be_visible()
    report.evaluate("dispatchEvent(new Event('beforeprint'))")
    for place in range(charts.count()):
        expect(charts.nth(place).locator(".main-svg").first).to_be_attached()


def test_it_is_read_by_day_and_by_night(report: Page) -> None:
    def ink() -> list[int]:
        return [int(part) for part in re.findall(r"\d+", report.evaluate("getComputedStyle(document.body).color"))]

    def drawn() -> str:
        return report.locator("#matrix-first .xtick text").first.evaluate("text => getComputedStyle(text).fill")

    report.emulate_media(color_scheme="light")
    assert sum(ink()) < 200
    by_day = drawn()
    report.emulate_media(color_scheme="dark")
    assert sum(ink()) > 600
    assert drawn() != by_day


def test_narrow_windows_do_not_scroll_sideways(report: Page) -> None:
    for width in (400, 900, 1400):
        report.set_viewport_size({"width": width, "height": 800})
        assert report.evaluate("document.documentElement.scrollWidth") <= width


BOX = "({ left, right, top, bottom }) => ({ left, right, top, bottom })"
LEGENDS = f"""charts => charts.filter(chart => chart.querySelector('.legend')).map(chart =>
    [chart.querySelector('.legend'), chart.querySelector('.nsewdrag'), chart.querySelector('.main-svg')]
        .map(part => ({BOX})(part.getBoundingClientRect())))"""
# What reaches beyond a window, and stands in nothing that could be scrolled to it.
LOST = """width => [...document.querySelectorAll('main *, header *')]
    .filter(one => one.getBoundingClientRect().right > width + 1 && !one.closest('.wide, .broad, .js-plotly-plot'))
    .map(one => one.outerHTML)"""


def drawn(report: Page) -> Locator:
    charts = report.locator("[data-chart]")
    for place in range(charts.count()):
        charts.nth(place).scroll_into_view_if_needed()
        expect(charts.nth(place).locator(".main-svg").first).to_be_visible()
    return charts


def test_on_a_phone_nothing_is_cut_without_a_way_to_it_and_no_legend_is_over_its_chart(report: Page) -> None:
    report.set_viewport_size({"width": 390, "height": 844})
    charts = drawn(report)
    assert report.evaluate("document.documentElement.scrollWidth") <= 390
    assert report.evaluate(LOST, 390) == []
    for box in report.locator(".wide, .broad").all():
        assert box.evaluate("box => getComputedStyle(box).overflowX") == "auto"
    legends = charts.evaluate_all(LEGENDS)
    assert len(legends) >= 4
    for legend, plot, _ in legends:
        assert legend["bottom"] <= plot["top"] + 1
    tops = report.locator(".tiles li").evaluate_all("tiles => tiles.map(tile => tile.getBoundingClientRect().top)")
    assert len(set(tops)) <= (len(tops) + 2) // 3


def test_on_paper_charts_are_as_wide_as_it_is_and_legends_within_them(report: Page) -> None:
    charts = drawn(report)
    report.emulate_media(media="print")
    report.evaluate("dispatchEvent(new Event('beforeprint'))")
    # 180 mm, of the 210 of A4.
    for legend, _, chart in charts.evaluate_all(LEGENDS):
        assert chart["right"] <= 681
        assert chart["left"] <= legend["left"]
        assert legend["right"] <= chart["right"]
    assert report.evaluate(LOST, 681) == []
    report.evaluate("dispatchEvent(new Event('afterprint'))")
    assert report.locator("html.paper").count() == 0


def test_odd_names_are_shown_as_they_are(report: Page) -> None:
    ticks = report.locator("#matrix-first .ytick text").all_text_contents()
    assert [text for text in ticks if "Рубашка" in text], ticks
    assert [text for text in ticks if text.startswith("<img src=")], ticks
    assert report.locator("#compare img").count() == 0
    assert np.all([report.get_by_text(name, exact=True).count() >= 1 for name in ODD if len(name) < 40])
