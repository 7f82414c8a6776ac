"""Both user interfaces on the stores of a real search, in a real browser."""

import http.client
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from search.cli import call
from search.ui.serving import listen

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
FORGED = (
    "evil.com",
    "evil.com:{port}",
    "localhost.evil.com:{port}",
    "127.0.0.1.evil.com:{port}",
    "10.evil.com:{port}",
    "192.168.evil.com",
    "172.16.evil.com:{port}",
    "mlflow:{port}",
    "[::1]:{port}",
    "0.0.0.0:{port}",
)


@dataclass(frozen=True)
class Interfaces:
    """Where the two are served, and the links that a person is given."""

    mlflow: str
    dashboard: str
    experiments: str
    runs: str


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, bars_file: Path, tensorflow: None) -> Path:
    home = tmp_path_factory.mktemp("shown")
    words = ["--study", "mlp", "--trials", "2", "--epochs", "2", "--engine", "inline", "--baselines", "none"]
    assert call(["run", *words, "--data", str(bars_file), "--home", str(home)]) == 0
    return home


@pytest.fixture(scope="module")
def interfaces(home: Path) -> Iterator[Interfaces]:
    """Both, on ports that are not the ones that links in the stores name."""
    with closing(listen(0)) as one, closing(listen(0)) as other:
        ports = [str(free.getsockname()[1]) for free in (one, other)]
    words = ["ui", "--home", str(home), "--mlflow-port", ports[0], "--dashboard-port", ports[1]]
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    # As some have it in their CI: what libraries warn of ends nothing.
    environment["PYTHONWARNINGS"] = "error"
    with subprocess.Popen(
        [sys.executable, "-m", "search", *words], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr
        said = []
        for line in process.stderr:
            said.append(line)
            if "Ctrl-C" in line:
                break
        found = [word for line in said for word in line.split() if word.startswith("http")]
        assert len(found) == 3, "".join(said)
        experiments, runs, dashboard = found
        yield Interfaces(experiments.partition("/#")[0], dashboard.removesuffix("/dashboard"), experiments, runs)
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(60) == 0, rest
        assert "Traceback" not in rest


def test_from_a_trial_to_its_run_and_back_is_a_click_each(page: Page, interfaces: Interfaces) -> None:
    page.goto(f"{interfaces.dashboard}/dashboard/studies/1/trials?numbers=1")
    expect(page.get_by_role("heading", name="Trial 1")).to_be_visible(timeout=60_000)
    picture = page.get_by_role("img", name="confusion/test.png").first
    expect(picture).to_be_visible(timeout=60_000)
    assert picture.evaluate("image => image.complete && image.naturalWidth") > 300
    page.get_by_role("link", name="This trial's run in MLflow").click()
    back = page.get_by_role("link", name="This trial in the Optuna dashboard")
    expect(back).to_be_visible(timeout=60_000)
    expect(page.get_by_role("heading", name="mlp-0001")).to_be_visible()
    assert page.url.startswith(interfaces.mlflow)
    with page.context.expect_page() as opened:
        back.click()
    expect(opened.value.get_by_role("heading", name="Trial 1")).to_be_visible(timeout=60_000)
    assert opened.value.url.startswith(f"{interfaces.dashboard}/dashboard/studies/1/trials?numbers=1")


def test_the_study_says_which_trial_is_best(page: Page, interfaces: Interfaces) -> None:
    page.goto(f"{interfaces.dashboard}/dashboard/studies/1/note")
    expect(page.get_by_text("Best:")).to_be_visible(timeout=60_000)
    expect(page.get_by_role("link", name="Its run in MLflow")).to_be_visible()


def test_the_runs_of_a_study_are_seen_with_what_counts_and_the_best_first(page: Page, interfaces: Interfaces) -> None:
    # Its table draws no column that is out of sight.
    page.set_viewport_size({"width": 1800, "height": 900})
    page.goto(interfaces.runs)
    for column in ("best_val_accuracy", "test_accuracy", "search.state"):
        expect(page.locator(f'[role=columnheader][col-id*="{column}"]')).to_be_visible(timeout=60_000)
    values = page.locator('[role=gridcell][col-id*="best_val_accuracy"]')
    expect(values).to_have_count(3)
    # That of the study's own run is none.
    numbers = [float(text) for text in values.all_inner_texts()[:2]]
    assert numbers == sorted(numbers, reverse=True)
    expect(
        page.locator('[role=gridcell][col-id*="search.state"]', has_text=re.compile("COMPLETE|PRUNED"))
    ).to_have_count(2)
    expect(page.get_by_role("link", name="The study in the Optuna dashboard")).to_be_visible()


def test_mlflow_is_opened_for_training_and_not_for_language_models(page: Page, interfaces: Interfaces) -> None:
    page.goto(interfaces.experiments)
    expect(page.get_by_role("link", name="mlp", exact=True)).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Prompts")).to_have_count(0)


def test_the_charts_of_a_study_are_seen_in_its_own_run(page: Page, interfaces: Interfaces) -> None:
    page.goto(f"{interfaces.dashboard}/dashboard/studies/1/note")
    page.get_by_role("link", name="Its charts in MLflow").click()
    expect(page.get_by_role("heading", name="mlp", exact=True)).to_be_visible(timeout=60_000)
    expect(page.get_by_role("link", name="The study in the Optuna dashboard")).to_be_visible()
    page.get_by_role("tab", name="Artifacts").click()
    page.get_by_text("study.html").click()
    charts = page.frame_locator("iframe").locator("[data-chart] .main-svg")
    expect(charts.first).to_be_visible(timeout=60_000)


@pytest.mark.parametrize("of", ["mlflow", "dashboard"])
def test_forged_names_are_refused_by_both(of: str, interfaces: Interfaces) -> None:
    assert asked(getattr(interfaces, of), "127.0.0.1:{port}") == 200
    assert asked(getattr(interfaces, of), "localhost:{port}") == 200
    # MLflow by itself answers any name here.
    for path in ("/", "/health"):
        assert [asked(getattr(interfaces, of), host, path) for host in FORGED] == [403] * len(FORGED)


def test_a_page_from_elsewhere_can_neither_delete_a_study_nor_a_run(interfaces: Interfaces) -> None:
    for address, path, method in (
        (interfaces.dashboard, "/api/studies/1", "DELETE"),
        (interfaces.mlflow, "/ajax-api/2.0/mlflow/runs/delete", "POST"),
    ):
        assert asked(address, "127.0.0.1:{port}", path, method, origin="http://evil.com") == 403


def test_there_is_nothing_to_look_at_before_the_first_search(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert call(["ui", "--home", str(tmp_path / "none")]) == 2
    assert "nothing has been searched here yet" in capfd.readouterr().err
    assert not (tmp_path / "none").exists()


def asked(address: str, host: str, path: str = "/", method: str = "GET", **headers: str) -> int:
    """Return the status of an answer; where it leads is not followed."""
    port = urlsplit(address).port
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.putrequest(method, path, skip_host=True)
        for name, value in {"host": host.format(port=port), **headers}.items():
            connection.putheader(name, value)
        connection.endheaders()
        status = connection.getresponse().status
    return 200 if status in (301, 302) else status
