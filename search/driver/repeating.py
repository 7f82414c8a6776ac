"""A session in which what is known is trained once more: finalists, and trials again."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models import data
from models.data import Images
from models.family import Resources
from search.driver.driver import Driver
from search.driver.tasks import Task, Tasks, Unfit, board
from search.output.progress import say
from search.recording.trial_runs import TrialRuns
from search.store.attributes import CAVEAT_TAG, identity_of_extra
from search.store.study import Study
from search.workers.engines import Engine
from search.workers.messages import Job, Trained
from tracking import DESCRIPTION_TAG

if TYPE_CHECKING:
    from search.driver.session import Session


@dataclass(frozen=True, eq=False)
class Repeating:
    """The study with its workers and runs. `images` are those to train on, as the file `shared`."""

    session: "Session"
    study: Study
    engine: Engine
    trial_runs: TrialRuns
    images: Images
    shared: Path

    def key(self, kind: str, *parts: object) -> str:
        """Return what a run of this kind is known by."""
        return self.study.extra_key(kind, *parts)

    def task(
        self,
        job: Job,
        label: str,
        tags: Mapping[str, str],
        *,
        model: bool,
        validated: bool = False,
        usual: float = 0.0,
    ) -> Task:
        """Return the task for a job: its run is named after its folder, and tagged with the study and the plan."""
        kind = job.folder.name.partition("-")[0]
        settings = self.study.settings
        named = identity_of_extra(kind, settings.study, job.key, job.family) | dict(tags) | self.session.plan.tags()
        if settings.caveat:
            named[CAVEAT_TAG] = settings.caveat
        name = f"{settings.study}-{job.folder.name}"
        return Task(job, name, label, named, model=model, validated=validated, usual=usual)

    def of_trial(self, number: int) -> dict[str, str]:
        """Return the tag that leads from a run to the trial that it trains again."""
        return {DESCRIPTION_TAG: f"[The trial, in the Optuna dashboard]({self.study.address(number)})"}

    def folder(self, kind: str, *parts: object) -> Path:
        """Return where a training keeps how far it is. A name with a dash is no trial's."""
        return self.study.settings.checkpoints / "-".join((kind, *map(str, parts))).replace("/", "-")

    @property
    def resources(self) -> Resources:
        """What families may use beside the images."""
        return Resources(self.study.settings.home / "cache", self.study.settings.weights)

    def train(self, tasks: Sequence[Task]) -> Mapping[str, Trained | Unfit]:
        """Train them all, and return what came of each by its key. Raises `SearchError` where none can be trained.

        However this ends, what was begun goes on from its last epoch when it is asked for again.
        """
        session = self.session
        with board(session.console) as shown:
            trained = Tasks(tasks, self.trial_runs, self.images, session.console, shown)
            Driver(trained, self.engine, session.settings.home / "checkpoints", session.stop).run()
        return trained.ended


@contextmanager
def repeating(session: "Session", images: Images, *, before: str, **changes: Any) -> Iterator[Repeating]:
    """Lend what it takes to train on these images, as planned but for the changes; `before` is said first."""
    with session.workers(**changes) as engine:
        study = session.go_on()
        say(session.console, before)
        shared = data.share(images, session.settings.home / "cache")
        with session.joined(study) as trial_runs:
            session.settle(engine, shared)
            yield Repeating(session, study, engine, trial_runs, images, shared)
