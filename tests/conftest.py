"""What tests of several rooms need."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from playwright.sync_api import Page, sync_playwright

from models.data.images import Images
from models.family import Resources
from tests.support import THREADS, heed_signals, make_images, make_split

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
# MLflow asks for somebody who has logged in, and takes the answer that there is nobody.
EXPECTED = "/ajax-api/2.0/mlflow/users/current"

heed_signals()
# How long an example takes is up to whatever else the machine does.
settings.register_profile("project", deadline=None)
settings.load_profile("project")


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup() -> None:
    _hide_the_test()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call() -> None:
    _hide_the_test()


def _hide_the_test() -> None:
    """Let MLflow do what it does for users, here and in processes that a test starts.

    Where it is told of a test, it listens to each session with its database, by way of a register of SQLAlchemy's that
    no two threads may change at once; the relay is one.
    """
    os.environ["PYTEST_CURRENT_TEST"] = ""


@pytest.fixture(autouse=True)
def no_store_of_another_test() -> None:
    """MLflow puts the store that a test names into the environment, where the next test's commands would find it."""
    for name in ("MLFLOW_TRACKING_URI", "OPTUNA_STORAGE"):
        os.environ.pop(name, None)


@pytest.fixture(scope="session")
def bars() -> Images:
    """Grey images of 28x28 in ten classes."""
    return make_images()


@pytest.fixture(scope="session")
def bars_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a file that `--data` takes."""
    file = tmp_path_factory.mktemp("data") / "bars.npz"
    train, test = make_split(400, 28, 28, 1, 10, seed=1), make_split(120, 28, 28, 1, 10, seed=3)
    np.savez(file, x_train=train.images, y_train=train.labels, x_test=test.images, y_test=test.labels)
    return file


@pytest.fixture(scope="session")
def resources(tmp_path_factory: pytest.TempPathFactory) -> Resources:
    """A cache that all tests share, and random weights."""
    return Resources(tmp_path_factory.mktemp("cache"), "none")


@pytest.fixture(scope="session")
def tensorflow() -> None:
    """TensorFlow, imported and set up as workers do it."""
    from models import runtime

    runtime.configure(THREADS)


@pytest.fixture
def page() -> Iterator[Page]:
    """A page in a browser of its own, in which nothing may go wrong."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("no Chromium is installed; on Debian: apt-get install chromium")
    wrong: list[str] = []
    with (
        sync_playwright() as playwright,
        # As root, which CI is, it has no sandbox; it sees nothing but this machine.
        playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"]) as opened,
    ):
        context = opened.new_context(viewport={"width": 1400, "height": 1000})
        context.on("weberror", lambda error: wrong.append(str(error.error)))
        context.on("response", lambda answer: answer.status < 400 or wrong.append(answer.url))
        yield context.new_page()
    assert [what for what in wrong if not what.endswith(EXPECTED)] == []
