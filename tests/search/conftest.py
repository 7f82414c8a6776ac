"""A search in miniature: real stores, real training, small images."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from models.data import Images, share
from search.driver.driver import Driver
from search.driver.trials import Trials
from search.output.progress import view
from search.problem.resolving import resolve
from search.problem.settings import Place, Settings
from search.recording.trial_runs import TrialRuns
from search.store import storage
from search.store.study import Study
from search.workers import engines
from search.workers.engines import Engine
from tests.support import PLAN, THREADS
from tracking.engines.memory import MemoryTracker
from tracking.relay import Relay
from tracking.spool import Spool

Searched = tuple[Study, MemoryTracker]


@pytest.fixture
def settle(tmp_path: Path) -> Callable[..., Settings]:
    """Return settings of a small search in a folder of the test's own."""

    def settle(study: str = "mlp", **flags: Any) -> Settings:
        usual = {"trials": 3, "epochs": 2, "engine": "inline", "baselines": "none", "weights": "none"}
        return resolve(study, Place.at(tmp_path, None, None), usual | flags, {})

    return settle


@pytest.fixture
def open_study(bars: Images) -> Callable[[Settings], Study]:
    """Open or continue a study in Optuna's SQLite storage."""

    def open_study(settings: Settings, digest: str | None = None) -> Study:
        study = Study.open(storage.connect(settings.storage), settings, digest or bars.digest)
        study.enqueue_first()
        return study

    return open_study


@pytest.fixture
def search(bars: Images, open_study: Callable[[Settings], Study], tensorflow: None) -> Callable[..., Searched]:
    """Run a search to its end, in this process, into a tracker in memory."""

    def search(
        settings: Settings, tracker: MemoryTracker | None = None, engine: Engine | None = None
    ) -> tuple[Study, MemoryTracker]:
        study = open_study(settings)
        tracker = tracker or MemoryTracker()
        engine = engine or engines.start("inline", 1, THREADS, settings.home / "logs")
        shared = share(bars, settings.home / "cache")
        console = Console(file=(settings.home / "console.txt").open("a"), width=200)
        relay = Relay(Spool(settings.spool), tracker)
        trial_runs = TrialRuns(study, relay)
        try:
            trial_runs.catch_up()
            with view(console)(
                console, settings.study, study.goal, settings.trials, 60.0, settings.timeout
            ) as progress:
                trials = Trials(study, trial_runs, progress, bars, shared, PLAN)
                Driver(trials, engine, settings.home / "checkpoints").run()
        finally:
            engine.close()
            relay.settle(60 if not relay.problem else 1)
            trial_runs.link()
            relay.close()
            console.file.close()
        return study, tracker

    return search
