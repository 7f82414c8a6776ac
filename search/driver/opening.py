"""What every call that trains begins with: settings that are decided, a home that can be written, and stores joined."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

import models
import tracking
from models import data
from models.data import Images
from models.watch import Watch
from search.output.progress import say
from search.problem import space
from search.problem.planned import grid_points
from search.problem.resolving import resolve
from search.problem.settings import Place, Settings
from search.recording.trial_runs import TrialRuns
from search.store import storage
from search.store.study import Study
from search.system import addresses, disk, failpoints, next_commands
from search.system.errors import SearchError, UsageError
from search.system.wording import counted
from search.workers import execution
from search.workers.engines import Engine
from search.workers.execution import Plan
from tracking import STUDY_TAG, Tracker, TrackingError, databases
from tracking.relay import TASK, Relay
from tracking.spool import Spool

# For so long the tracker may take what is left when a search is stopped, and when it ends while the tracker is away.
SECONDS_TO_STOP = 2.0
SECONDS_TO_RECOVER = 10.0


def decide(study: str, place: Place, flags: Mapping[str, Any]) -> tuple[Settings, Images]:
    """Settle everything that can be wrong before anything is written."""
    addresses.require_two(place.storage, place.tracking_uri)
    before = stored(place.storage, study)
    files = {name: _absolute(flags[name]) for name in ("data", "weights")}
    settings = resolve(study, place, {**flags, **files}, before)
    fixed = space.parse(models.family(settings.family), settings.fix)
    if settings.sampler == "grid":
        grid_points(settings, fixed)
    if settings.weights not in ("imagenet", "none") and not Path(settings.weights).is_file():
        raise UsageError(f"--weights {settings.weights}: no such file; give one, or imagenet, or none")
    return settings, images_of(place, study, settings.data, settings.images)


def images_of(place: Place, study: str, source: str, count: int | None) -> Images:
    """Return images as the study takes them: one that goes on, as it was begun. Raises `DataError`."""
    digest = None
    if storage.exists(place.storage):
        with storage.reading(place.storage) as store:
            digest = storage.begun_on(store, study)
    return data.load(source, cache=place.home / "cache", images=count, digest=digest)


def _absolute(path: str | None) -> str | None:
    """Return a file's or folder's place from wherever the study is continued; other words as they are."""
    return str(Path(path).absolute()) if path and Path(path).exists() else path


def stored(address: str, study: str) -> dict[str, Any]:
    """Return the settings with which a study was begun; nothing where there is none."""
    if not storage.exists(address):
        return {}
    with storage.reading(address) as store:
        return storage.remembered(store, study)


def require_writable(home: Path) -> None:
    """Make the home folder, and try whether a file can be written into it. Raises `UsageError`."""
    try:
        # Nobody else reads what is in it: images, models and logs. A folder that is there was shared on purpose.
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        raise UsageError(f"--home {home}: cannot be written ({error.strerror}); name another folder") from error


def require_tracker(settings: Settings) -> None:
    """Raise before a study is made of which nothing could be kept: it would stay, and be empty.

    `TrackingError` where the tracker cannot take its runs, `UsageError` where it has others of this name.
    """
    if not stored(settings.storage, settings.study):
        with closing(tracking.connect(settings.tracking_uri, settings.place.artifacts)) as tracker:
            require_ours(tracker, settings.study, None)


def require_ours(tracker: Tracker, name: str, uuid: str | None) -> None:
    """Raise `UsageError` where the experiment of this name is not that of the study with this uuid; None: a new one."""
    tags = tracker.experiment_tags(name)
    if tags is not None and tags.get(STUDY_TAG) != uuid:
        raise UsageError(
            f"the tracker's experiment {name} is somebody else's, or a deleted study's; name another study, such as "
            f"{next_commands.another(name)}, or give that experiment another name in MLflow"
        )


def settled(console: Console, planned: Plan, engine: Engine, settings: Settings, images: Images, shared: Path) -> Plan:
    """Return the plan with everything decided: what only a probe can tell is probed now."""
    if not planned.probe:
        return planned
    settled = execution.probed(planned, engine, settings, images.shape, shared, execution.machine())
    say(console, settled.text)
    return settled


@contextmanager
def joined(console: Console, study: Study) -> Iterator[TrialRuns]:
    """Lend what joins the study and its runs: at first what was left undone is done, at last all is delivered."""
    settings = study.settings
    tracker = tracking.connect(settings.tracking_uri, settings.place.artifacts)
    tracker.prepare(settings.study, study.experiment)
    watch = Watch()
    relay = Relay(
        Spool(settings.spool), tracker, passed=lambda entry: failpoints.point(f"after_{entry}"), clock=watch.seconds
    )
    trial_runs = TrialRuns(study, relay)
    try:
        with storage.told(settings.storage):
            for adopted in trial_runs.catch_up():
                say(console, f"trial {adopted.number} had ended ({adopted.outcome.state.name}) and was only not told")
            yield trial_runs
            with watch:
                _deliver_the_rest(console, relay, settings)
            trial_runs.link()
            _say_what_went(console, trial_runs, settings)
    except TrackingError as error:
        raise SearchError(disk.refusal(error, settings.home) or f"{error}{storage.GOES_ON}") from error
    finally:
        relay.settle(SECONDS_TO_STOP)
        relay.close()


def deliver(console: Console, study: Study) -> bool:
    """Deliver what an earlier call had to leave in the spool; return whether the tracker has all of it now."""
    waiting = len(Spool(study.settings.spool).keys(study.uuid))
    if not waiting:
        return True
    if not databases.can_be_written(study.settings.home):
        say(console, f"{waiting} run(s) wait in {study.settings.spool}, which cannot be written")
        return False
    with joined(console, study) as trial_runs:
        say(console, "delivering what the tracker has missed")
    return trial_runs.settle(0)


def _deliver_the_rest(console: Console, relay: Relay, settings: Settings) -> None:
    """Deliver all that is left, or what the tracker takes: it is given up when it has taken nothing for a while."""
    relay.listen()
    while left := relay.settle(1.0):
        silent = relay.idle_seconds
        if relay.problem and silent > SECONDS_TO_RECOVER:
            name = settings.study
            by = (
                f"`{next_commands.command('run', '--study', name)}`, "
                f"or by `{next_commands.command('doctor', name, '--fix')}`"
            )
            say(
                console,
                f"{relay.problem}\n{counted(len(set(left) - {TASK}), 'run')} to be delivered yet, "
                f"from {settings.spool}, by the next {by}",
            )
            return


def _say_what_went(console: Console, trial_runs: TrialRuns, settings: Settings) -> None:
    count = len(trial_runs.removed)
    if count:
        freed = sum(removed.freed for removed in trial_runs.removed) / 1e6
        went = "1 model was" if count == 1 else f"{count} models were"
        say(console, f"--keep {settings.keep}: {went} removed, {freed:,.1f} MB came free")
