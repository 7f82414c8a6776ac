"""`run`: from what a person typed to a search that goes on, and what it says before and after."""

from collections.abc import Mapping
from contextlib import closing
from typing import Any, Literal

from optuna.trial import TrialState
from rich.console import Console

import models
from models import data
from models.data import Images
from models.data.leakage import leakage
from models.data.remarks import remarks
from search.driver import opening
from search.driver.driver import Driver
from search.output import printing
from search.output.progress import duration, say, view
from search.output.tables import as_json
from search.problem import space
from search.problem.planned import goals, planned_baselines, planned_start
from search.problem.settings import Place, Settings
from search.store import claims, results, storage
from search.store.study import Study
from search.system import disk, library_output, signals
from search.system.signals import Stop, Stopped
from search.system.wording import counted
from search.workers import engines, execution
from search.workers.estimate import Estimate, estimate, least_megabytes
from search.workers.execution import Plan
from tracking.removal import remove
from tracking.spool import Spool

Format = Literal["text", "json"]


def plan(study: str, place: Place, flags: Mapping[str, Any], output: Format) -> int:
    """Print the space, the baselines and what it would take. Trains and writes nothing."""
    settings, images = opening.decide(study, place, flags)
    family = models.family(settings.family)
    fixed = space.parse(family, settings.fix)
    planned = execution.plan(settings, images.shape, execution.machine())
    printing.plan(
        settings,
        space=space.of(family, fixed),
        fixed=fixed,
        baselines=planned_baselines(settings),
        start=planned_start(settings),
        execution=planned,
        estimated=estimate(settings, planned, images, settings.left(_finished(settings))),
        images=data.summary(images),
        remarks=remarks(images, leakage(images)),
        goals=goals(settings),
        output=output,
    )
    return 0


def run(study: str, place: Place, flags: Mapping[str, Any], output: Format) -> int:
    """Search, and say what came of it: 0, or 1 where no trial is complete, or the tracker has not got everything."""
    return _conclude(search(study, place, flags), output)


def search(study: str, place: Place, flags: Mapping[str, Any]) -> Settings:
    """Search, and return the settings under which that was done. Raises `Stopped` where a signal asked to stop."""
    console = Console(stderr=True)
    library_output.libraries()
    settings, images = opening.decide(study, place, flags)
    planned = execution.plan(settings, images.shape, execution.machine())
    disk.require(settings.home, least_megabytes(settings, planned))
    opening.require_writable(settings.home)
    opening.require_tracker(settings)
    with signals.heeded() as stop, claims.alone(settings.home, settings.storage, study) as hold:
        try:
            _go_on(console, settings, images, planned, stop, hold)
        except Stopped:
            say(console, "stopped: what was finished stays, and the same command goes on")
            raise
    return settings


def _go_on(console: Console, settings: Settings, images: Images, planned: Plan, stop: Stop, hold: claims.Hold) -> None:
    """Bring the study to the number of trials asked for, and deliver what an earlier call had to leave."""
    if settings.left(_finished(settings)) != 0:
        study = _search(console, settings, images, planned, stop, hold)
    else:
        study = _opened(settings, images, hold)
        say(
            console,
            f"nothing to do: study {settings.study} has {counted(study.standing().finished, 'finished trial')}, "
            f"and {settings.trials} were asked for; ask for more with --trials N",
        )
        opening.deliver(console, study)
        if settings.keep:
            with opening.joined(console, study) as trial_runs:
                trial_runs.clear()
    _sweep(study)


def _opened(settings: Settings, images: Images, hold: claims.Hold) -> Study:
    with storage.told(settings.storage):
        store = storage.connect(settings.storage)
        return Study.open(store, settings, images.digest, lambda: hold.guard(store))


def _sweep(study: Study) -> None:
    """Remove the checkpoints of trials that are over: a driver may have been killed before it could."""
    open_ones = {trial.number for trial in study.trials([TrialState.RUNNING])}
    for folder in study.settings.checkpoints.glob("[0-9]*"):
        if folder.name.isdecimal() and int(folder.name) not in open_ones:
            remove(folder, study.settings.home / "checkpoints")


def _finished(settings: Settings) -> int:
    if not opening.stored(settings.storage, settings.study):
        return 0
    with storage.reading(settings.storage) as store:
        return results.summary(storage.load(store, settings.study)).standing.finished


def _say_what_comes(
    console: Console,
    settings: Settings,
    images: Images,
    new: list[str],
    finished: int,
    expected: Estimate,
    planned: Plan,
) -> None:
    begun = f", {finished} of them finished before" if finished else ""
    limit = f", no new trial after {duration(settings.timeout)}" if settings.timeout else ""
    baselines = f"; first {len(new)} of the reports' configurations" if new else ""
    say(
        console,
        f"study {settings.study}: {settings.asked}{begun}, up to {counted(settings.epochs, 'epoch')} each, "
        f"on {len(images.train):,} images of {images.name} ({len(images.validation):,} validate){baselines}\n"
        f"roughly {duration(expected.seconds)}{limit}; first epoch in about {duration(expected.first_epoch_seconds)}; "
        f"up to {expected.megabytes:,.0f} MB in {settings.home}\n{planned.text}",
    )
    for remark in remarks(images, leakage(images)):
        say(console, remark)
    free = disk.megabytes_free(settings.home)
    if free < expected.megabytes:
        say(console, f"only {free:,.0f} MB are free there: the search will stop when they are used up, and go on later")


def _search(
    console: Console, settings: Settings, images: Images, planned: Plan, stop: Stop, hold: claims.Hold
) -> Study:
    """Start the workers first: they import TensorFlow while the stores are opened."""
    logs = settings.home / "logs"
    engine = engines.start(settings.engine, planned.workers, planned.threads, logs, planned.devices)
    with closing(engine):
        study = _opened(settings, images, hold)
        with storage.told(settings.storage):
            new = study.enqueue_first()
            finished = study.standing().finished
        expected = estimate(settings, planned, images, settings.left(finished))
        _say_what_comes(console, settings, images, new, finished, expected, planned)
        shared = data.share(images, settings.home / "cache")
        with opening.joined(console, study) as trial_runs:
            try:
                settled = opening.settled(console, planned, engine, settings, images, shared)
                with view(console)(
                    console,
                    settings.study,
                    study.goal,
                    settings.trials,
                    expected.seconds,
                    settings.timeout,
                    settings.epochs,
                ) as progress:
                    Driver(study, engine, trial_runs, progress, images, shared, settled, stop).run()
            finally:
                # What is left to deliver needs the cores.
                engine.close()
            trial_runs.portray(_page(settings))
            trial_runs.clear()
    return study


def _page(settings: Settings) -> str:
    """Return what the study's own run shows."""
    # Plotly takes half a second to import, and nobody needs it before.
    from search.report import writing

    with storage.reading(settings.storage) as store:
        return writing.of_study(store, settings.study)


def _conclude(settings: Settings, output: Format) -> int:
    with storage.reading(settings.storage) as store:
        summary = results.summary(storage.load(store, settings.study))
        waiting = Spool(settings.spool).keys(f"{storage.uuid_of(store, settings.study)}/")
    if output == "json":
        as_json(printing.conclusion_data(summary, settings))
    else:
        printing.conclusion(summary, settings)
    return 0 if summary.best and not waiting else 1
