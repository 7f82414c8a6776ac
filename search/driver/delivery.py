"""What joins a study and its runs: at first what was left undone is done, at last all is delivered."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console

from models.watch import Watch
from search.output.progress import say
from search.problem.settings import Settings
from search.recording.trial_runs import TrialRuns
from search.store import storage
from search.system import disk, failpoints, next_commands
from search.system.errors import SearchError
from search.system.wording import counted
from tracking import Tracker, TrackingError
from tracking.relay import TASK, Relay
from tracking.spool import Spool

if TYPE_CHECKING:
    from search.driver.opened import Stores
    from search.store.study import Study

# For so long the tracker may take what is left when a search is stopped, and when it ends while the tracker is away.
SECONDS_TO_STOP = 2.0
SECONDS_TO_RECOVER = 10.0


@contextmanager
def joined(console: Console, study: "Study", tracker: Tracker) -> Iterator[TrialRuns]:
    """Lend what joins the study and its runs, which the tracker keeps. Raises `SearchError`."""
    settings = study.settings
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


def deliver(console: Console, study: "Study", stores: "Stores | None") -> bool:
    """Deliver what an earlier call had to leave in the spool; return whether the tracker has all of it now.

    Without stores to write, nothing is delivered.
    """
    waiting = len(Spool(study.settings.spool).keys(study.uuid))
    if not waiting:
        return True
    if stores is None:
        say(console, f"{waiting} run(s) wait in {study.settings.spool}, which cannot be written")
        return False
    with joined(console, study, stores.tracker) as trial_runs:
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
