"""`confirm`: the best configurations of a study on all images but the test ones, with several seeds, judged once each.

A search ends with the luckiest of many trials. Here they start again from nothing; seeds are not spent any more on what
has clearly lost, and what is said of the winner has both in it that could be luck: its seeds, and the test images.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from models import data
from models.data import Images, fashion_mnist
from models.data.leakage import leakage
from models.family import Resources
from search import baselines, disk, engines, execution, judgements, locks, opening, quiet, results, signals, storage
from search.confirm import finalists
from search.confirm.finalists import Finalist
from search.confirm.outcome import Confirmed
from search.confirm.standings import Lead, Scored, Standings
from search.errors import SearchError, UsageError
from search.estimate import least_megabytes
from search.execution import Plan
from search.jobs import Job, Trained
from search.progress import say
from search.recording import identity_of_extra
from search.results import Result, Summary
from search.retraining import Retraining, Task, Unfit
from search.seam import Seam
from search.settings import Place, Settings
from search.signals import Stop, Stopped
from search.study import CONFIRMATION, CONFIRMED, Study
from tracking import DESCRIPTION_TAG, Status

# Tells the seeds of finalists from those of trials.
SEEDS = 0xC0F1
# Seconds for which the tracker may take what is left of an earlier call, whose networks then need no second training.
PATIENCE = 60.0
Rights = NDArray[np.bool_]


def confirm(name: str, place: Place, flags: Mapping[str, Any], *, top: int, seeds: int) -> Confirmed:
    """Train the finalists of a study, and return how they stand. What was trained before is not trained again.

    Raises `UsageError`, `SearchError`, and `Stopped` where a signal asked to stop.
    """
    console = Console(stderr=True)
    quiet.libraries()
    with storage.reading(place.storage) as store:
        summary, trials = results.everything(storage.load(store, name))
    settings, images = opening.decide(name, place, {"data": None, "weights": None, **flags})
    planned = execution.plan(settings, images.shape, execution.machine())
    disk.require(settings.home, least_megabytes(settings, planned))
    opening.require_writable(settings.home)
    with signals.heeded() as stop, locks.alone(settings.home, name):
        try:
            return _confirm(console, summary, trials, settings, images, planned, stop, top=top, seeds=seeds)
        except Stopped:
            say(console, "stopped: what was trained stays, and the same command goes on")
            raise


def _confirm(
    console: Console,
    summary: Summary,
    trials: Sequence[Result],
    settings: Settings,
    images: Images,
    planned: Plan,
    stop: Stop,
    *,
    top: int,
    seeds: int,
) -> Confirmed:
    chosen = finalists.of(summary, trials, top)
    logs = settings.home / "logs"
    engine = engines.start(settings.engine, planned.workers, planned.threads, logs, planned.devices)
    with closing(engine):
        study = _opened(settings, images)
        say(console, leakage(images).text)
        final = images.all_to_train()
        shared = data.share(final, settings.home / "cache")
        say(
            console,
            f"confirming study {settings.study}: {len(chosen)} finalists, up to {seeds} seed(s) each, on "
            f"{len(final.train):,} images of {final.name}; {len(final.test):,} test images judge each network once",
        )
        with opening.joined(console, study) as seam:
            settled = opening.settled(console, planned, engine, settings, images, shared)
            rounds = _Rounds(console, study, seam, Retraining(engine, seam, final, console, stop), shared, settled)
            return rounds.run(chosen, seeds)


def _opened(settings: Settings, images: Images) -> Study:
    with storage.told(settings.storage):
        study = Study(storage.load(storage.connect(settings.storage), settings.study), settings)
    if study.identity["data"] != images.digest:
        raise UsageError(
            f"study {settings.study} was searched on other images (digest {study.identity['data'][:12]}, now "
            f"{images.digest[:12]}); put those back, or begin another study"
        )
    return study


class _Rounds:
    """Trains all who are left with one seed, then with the next."""

    def __init__(
        self, console: Console, study: Study, seam: Seam, retraining: Retraining, shared: Path, planned: Plan
    ) -> None:
        self._console, self._study, self._seam, self._retraining = console, study, seam, retraining
        self._shared, self._plan = shared, planned
        self._settings = study.settings
        self._rights: dict[str, list[Rights]] = {}
        self._given_up: dict[str, str] = {}

    def run(self, chosen: Sequence[Finalist], seeds: int) -> Confirmed:
        """Return how the finalists stand after the last seed. Raises `SearchError` where none could be trained."""
        if not self._seam.settle(PATIENCE):
            raise SearchError("the tracker does not take what an earlier call has left; see why, and try again")
        for number in range(seeds):
            left = [one for one in chosen if one.name not in self._given_up]
            self._train(left, number)
            if number + 1 < seeds:
                self._give_up(self._standings().lost())
        standings = self._standings()
        winner = next(one for one in chosen if one.name == standings.first.name)
        # Its run has a name once it is delivered.
        self._seam.settle(PATIENCE)
        run = self._seam.found(self._key(winner, 0))
        row = baselines.best(self._settings.family) if self._settings.data == fashion_mnist.NAME else None
        confirmed = Confirmed(
            self._settings.study,
            self._settings.caveat,
            {one.name: one for one in chosen},
            standings,
            self._given_up,
            run.id if run else "",
            row,
        )
        self._study.note(CONFIRMED, confirmed.data())
        return confirmed

    def _train(self, left: Sequence[Finalist], seed: int) -> None:
        """Train those that were not trained with this seed before, and take in what their networks are right about."""
        known = {one.name: self._known(one, seed) for one in left}
        tasks = {one.name: self._task(one, seed, number) for number, one in enumerate(left) if known[one.name] is None}
        outcomes = self._retraining.run(list(tasks.values()))
        for one in left:
            outcome = outcomes[tasks[one.name].job.key] if one.name in tasks else None
            if isinstance(outcome, Unfit):
                self._given_up[one.name] = f"failed with seed {seed}: {outcome.reason}"
                self._rights.pop(one.name, None)
                continue
            right = outcome.test.labels == outcome.test.predictions if isinstance(outcome, Trained) else known[one.name]
            assert right is not None, "what is not known was trained"
            self._rights.setdefault(one.name, []).append(right)

    def _give_up(self, lost: Mapping[str, Lead]) -> None:
        for name, lead in lost.items():
            if name not in self._given_up:
                self._given_up[name] = f"after {len(self._rights[name])} seeds: {lead.sentence}"
                say(self._console, f"{name} is given up {self._given_up[name]}")

    def _standings(self) -> Standings:
        if not self._rights:
            raise SearchError(f"no finalist could be trained: {'; '.join(self._given_up.values())}")
        return Standings([Scored(name, np.stack(rights)) for name, rights in self._rights.items()])

    def _known(self, one: Finalist, seed: int) -> Rights | None:
        """Return what the network of an earlier call was right about; None where there is none."""
        record = self._seam.found(self._key(one, seed))
        if record is None or record.status != Status.FINISHED or not record.id:
            return None
        with judgements.opened(self._settings.tracking_uri) as tracker:
            return judgements.of_run(tracker, record.id, one.name).right

    def _key(self, one: Finalist, seed: int) -> str:
        return self._study.extra_key(CONFIRMATION, one.place, seed)

    def _task(self, one: Finalist, seed: int, number: int) -> Task:
        settings, key = self._settings, self._key(one, seed)
        place = one.place.replace("/", "-")
        folder = settings.checkpoints / f"{CONFIRMATION}-{place}-{seed}"
        job = Job(
            number=number,
            key=key,
            family=settings.family,
            parameters=one.parameters,
            images=self._shared,
            resources=Resources(settings.home / "cache", settings.weights),
            epochs=one.epochs,
            patience=None,
            seed=int(np.random.SeedSequence((settings.seed, SEEDS, seed)).generate_state(1)[0]),
            folder=folder,
            precision=self._plan.precision,
            until=one.until,
            kept="last",
            temperature=one.temperature,
        )
        tags = identity_of_extra(CONFIRMATION, settings.study, key, settings.family)
        tags |= {"search.finalist": one.name, "search.seed": str(seed), **self._plan.tags()}
        if settings.caveat:
            tags["search.caveat"] = settings.caveat
        if one.place.isdecimal():
            trial = self._study.address(int(one.place))
            tags[DESCRIPTION_TAG] = f"[The trial that this confirms, in the Optuna dashboard]({trial})"
        name = f"{settings.study}-{CONFIRMATION}-{place}-seed-{seed}"
        # The first seed's is the one to use: the best of several would be the luckiest.
        return Task(job, name, f"{one.name}, seed {seed}", tags, model=seed == 0)
