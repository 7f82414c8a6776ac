"""`run`: from what a person typed to a search that goes on, and what it says before and after."""

from collections.abc import Mapping
from typing import Any, Literal

from optuna.trial import TrialState
from rich.console import Console

import models
from models import data
from models.data import Images
from models.data.leakage import leakage
from models.data.remarks import remarks
from search.driver import opening, session
from search.driver.driver import Driver
from search.driver.session import Session
from search.driver.trials import Trials
from search.output import foreseen, printing
from search.output.foreseen import Foreseen
from search.output.progress import duration, say, view
from search.output.tables import as_json
from search.problem import space
from search.problem.learnt import Learnt
from search.problem.planned import goals, planned_baselines, planned_starts
from search.problem.settings import Place, Settings
from search.recording.trial_runs import TrialRuns
from search.store import likeness, results, storage
from search.store.study import Study
from search.system import addresses, disk
from search.system.wording import counted
from search.workers import execution
from search.workers.engines import Engine
from search.workers.estimate import Estimate, estimate
from search.workers.execution import Plan
from tracking.removal import remove
from tracking.spool import Spool

Format = Literal["text", "json"]


def plan(study: str, place: Place, flags: Mapping[str, Any], output: Format) -> int:
    """Print the space, the baselines and what it would take. Trains and writes nothing."""
    addresses.require_two(place.storage, place.tracking_uri)
    with storage.if_there(place.storage) as store:
        settings, images = opening.decide(study, place, flags, store)
        finished = results.finished(store, study) if store else 0
        learnt = likeness.learnt(store, settings)
    foreseen.printed(_foresee(settings, images, finished, learnt), output)
    return 0


def _foresee(settings: Settings, images: Images, finished: int, learnt: Learnt) -> Foreseen:
    """Return what is left to do of a study, of which so many trials are over."""
    family = models.family(settings.family)
    fixed = space.parse(family, settings.fix)
    planned = execution.plan(settings, images.shape, execution.machine())
    return Foreseen(
        settings,
        space=space.of(family.suggest, fixed),
        fixed=fixed,
        baselines=planned_baselines(settings),
        starts=planned_starts(settings, learnt),
        learnt=learnt,
        execution=planned,
        estimated=estimate(settings, planned, images, settings.left(finished)),
        images=data.summary(images),
        remarks=remarks(images, leakage(images)),
        goals=goals(settings),
    )


def run(study: str, place: Place, flags: Mapping[str, Any], output: Format) -> int:
    """Search, and say what came of it: 0, or 1 where no trial is complete, or the tracker has not got everything.

    Raises `Stopped` where a signal asked to stop.
    """
    with session.opened(study, place, flags, stays="finished", new=True) as opened:
        nothing_left = opened.settings.left(results.finished(opened.store, study)) == 0
        searched = _go_without(opened) if nothing_left else _search(opened)
        _sweep(searched)
        return _conclude(opened, searched, output)


def _go_without(opened: Session) -> Study:
    """Do what is left to do where all trials asked for are over."""
    study, settings = opened.begin(), opened.settings
    say(
        opened.console,
        f"nothing to do: study {settings.study} has {counted(study.standing().finished, 'finished trial')}, "
        f"and {settings.trials} were asked for; ask for more with --trials N",
    )
    spool = Spool(settings.spool)
    broken_off = [*spool.keys(study.uuid), *spool.leftovers(study.uuid)]
    if broken_off or settings.keep:
        with opened.joined(study) as trial_runs:
            if broken_off:
                say(opened.console, "delivering what the tracker has missed")
                # The run that shows the study comes last: it may be what was broken off.
                trial_runs.portray(_page(opened))
            trial_runs.clear()
    return study


def _search(opened: Session) -> Study:
    """Bring the study to the number of trials asked for."""
    settings, images = opened.settings, opened.images
    with opened.workers() as engine:
        study = opened.begin()
        with storage.told(settings.storage):
            new = study.enqueue_first()
            finished = study.standing().finished
        expected = estimate(settings, opened.plan, images, settings.left(finished))
        _say_what_comes(opened.console, settings, images, new, finished, expected, opened.plan)
        if study.learnt.studies:
            say(opened.console, f"like {study.learnt.words}: it begins with their best, and draws near them")
        with opened.joined(study) as trial_runs:
            try:
                _train(opened, study, trial_runs, engine, expected)
            finally:
                # What is left to deliver needs the cores.
                engine.close()
            trial_runs.portray(_page(opened))
            trial_runs.clear()
    return study


def _train(opened: Session, study: Study, trial_runs: TrialRuns, engine: Engine, expected: Estimate) -> None:
    settings, images = opened.settings, opened.images
    shared = data.share(images, settings.home / "cache")
    opened.settle(engine, shared)
    shown = view(opened.console)(
        opened.console,
        settings.study,
        study.goal,
        settings.trials,
        expected.seconds,
        settings.timeout,
        settings.epochs,
    )
    with shown as progress:
        trials = Trials(study, trial_runs, progress, images, shared, opened.plan)
        Driver(trials, engine, settings.home / "checkpoints", opened.stop).run()
        if progress.outlook:
            progress.note(progress.outlook)


def _sweep(study: Study) -> None:
    """Remove the checkpoints of trials that are over: a driver may have been killed before it could."""
    open_ones = {trial.number for trial in study.trials([TrialState.RUNNING])}
    for folder in study.settings.checkpoints.glob("[0-9]*"):
        if folder.name.isdecimal() and int(folder.name) not in open_ones:
            remove(folder, study.settings.home / "checkpoints")


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


def _page(opened: Session) -> str:
    """Return what the study's own run shows."""
    # Plotly takes half a second to import, and nobody needs it before.
    from search.report import writing

    with storage.told(opened.settings.storage):
        return writing.of_study(opened.store, opened.settings.study)


def _conclude(opened: Session, study: Study, output: Format) -> int:
    settings = opened.settings
    with storage.told(settings.storage):
        summary = results.summary(storage.load(opened.store, settings.study))
    waiting = Spool(settings.spool).keys(study.uuid)
    if output == "json":
        as_json(printing.conclusion_data(summary, settings))
    else:
        printing.conclusion(summary, settings)
    return 0 if summary.best and not waiting else 1
