"""`confirm`: the best configurations of a study on all images but the test ones, with several seeds, judged once each.

A search ends with the luckiest of many trials. Here they start again from nothing; seeds are not spent any more on what
has clearly lost, and what is said of the winner has both in it that could be luck: its seeds, and the test images.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data.leakage import leakage
from search.analysis import predictions
from search.analysis.ranking import SEEDS_TO_COMPARE, Lead, Scored, Standings
from search.commands.confirm import finalists
from search.commands.confirm.finalists import Finalist
from search.commands.confirm.outcome import Confirmed
from search.driver import session
from search.driver.repeating import Repeating, repeating
from search.driver.tasks import Task, Unfit
from search.output.progress import say
from search.problem import baselines
from search.problem.settings import Place
from search.registry import promotion
from search.store.attributes import CONFIRMATION, CONFIRMED, FINALIST_TAG, SEED_TAG
from search.system.errors import SearchError
from search.system.wording import counted
from search.workers.messages import Job
from tracking import Status

# Tells the seeds of finalists from those of trials.
SEEDS = 0xC0F1
# Seconds for which the tracker may take what is left of an earlier call, whose networks then need no second training.
PATIENCE = 60.0
Rights = NDArray[np.bool_]


def confirm(name: str, place: Place, flags: Mapping[str, Any], *, top: int, seeds: int) -> Confirmed:
    """Train the finalists of a study, and return how they stand. What was trained before is not trained again.

    Raises `UsageError`, `SearchError`, and `Stopped` where a signal asked to stop.
    """
    with session.opened(name, place, flags, stays="trained") as study:
        chosen, images = finalists.of(*study.known(), top), study.images
        what = (
            f"{leakage(images).text}\nconfirming study {name}: {counted(len(chosen), 'finalist')}, "
            f"up to {counted(seeds, 'seed')} each, on "
            f"{len(images.train) + len(images.validation):,} images of {images.name}; {len(images.test):,} test images "
            "judge each network once"
        )
        with repeating(study, images.all_to_train(), before=what) as opened:
            return _Rounds(opened).run(chosen, seeds)


class _Rounds:
    """Trains all who are left with the seeds of a round, then with those of the next."""

    def __init__(self, opened: Repeating) -> None:
        self._opened, self._study, self._trial_runs = opened, opened.study, opened.trial_runs
        self._settings = opened.study.settings
        self._rights: dict[str, list[Rights]] = {}
        self._given_up: dict[str, str] = {}

    def run(self, chosen: Sequence[Finalist], seeds: int) -> Confirmed:
        """Return how the finalists stand after the last seed. Raises `SearchError` where none could be trained."""
        if not self._trial_runs.settle(PATIENCE):
            raise SearchError("the tracker does not take what an earlier call has left; see why, and try again")
        self._train_in_rounds(chosen, seeds)
        confirmed = self._conclude(chosen)
        self._study.note(CONFIRMED, confirmed.data())
        return confirmed

    def _train_in_rounds(self, chosen: Sequence[Finalist], seeds: int) -> None:
        """Train with seed after seed, and give up in between what has clearly lost."""
        done = 0
        while done < seeds:
            left = [one for one in chosen if one.name not in self._given_up]
            # Side by side, as far as nobody can be given up in between: not before there are seeds to compare, and
            # not where there is nobody else.
            until = min(seeds, max(SEEDS_TO_COMPARE, done + 1)) if len(left) > 1 else seeds
            self._train(left, range(done, until))
            done = until
            if done < seeds:
                self._give_up(self._standings().lost())

    def _conclude(self, chosen: Sequence[Finalist]) -> Confirmed:
        """Return how they stand, the winner's model registered."""
        standings = self._standings()
        winner = next(one for one in chosen if one.name == standings.first.name)
        runs = self._find_runs(winner, standings.first.seeds)
        row = baselines.best(self._settings.family)
        return Confirmed(
            self._settings.study,
            self._settings.caveat,
            {one.name: one for one in chosen},
            standings,
            self._given_up,
            runs,
            row if row and row.is_comparable(self._settings.lasting(), winner.epochs) else None,
            self._opened.session.images.digest,
            self._register(winner, standings, runs),
        )

    def _find_runs(self, winner: Finalist, seeds: int) -> tuple[str, ...]:
        # A run has a name once it is delivered.
        self._trial_runs.settle(PATIENCE)
        found = (self._trial_runs.found(self._key(winner, seed)) for seed in range(seeds))
        return tuple(run.id for run in found if run and run.id)

    def _register(self, winner: Finalist, standings: Standings, runs: tuple[str, ...]) -> promotion.Standing | None:
        """Register the winner's model; None where the tracker has not taken all that was trained."""
        first, settings = standings.first, self._settings
        if len(runs) < first.seeds:
            return None
        named = promotion.Winner(
            settings.study,
            winner.name,
            settings.family,
            self._opened.session.images.name,
            self._opened.session.images.digest,
            runs,
            first.mean,
            standings.margin(first),
        )
        return promotion.enter(named, settings.place, self._opened.session.runs)

    def _train(self, left: Sequence[Finalist], seeds: Iterable[int]) -> None:
        """Train what was not trained before, and take in what the networks are right about."""
        due = {self._key(one, seed): (one, seed) for seed in seeds for one in left}
        known = {key: self._known(key, one) for key, (one, _) in due.items()}
        untrained = [due[key] for key, right in known.items() if right is None]
        outcomes = self._opened.train([self._task(one, seed, number) for number, (one, seed) in enumerate(untrained)])
        for key, (one, seed) in due.items():
            if one.name in self._given_up:
                continue
            outcome = outcomes.get(key)
            if isinstance(outcome, Unfit):
                self._given_up[one.name] = f"failed with seed {seed}: {outcome.reason}"
                self._rights.pop(one.name, None)
                continue
            right = outcome.test.labels == outcome.test.predictions if outcome else known[key]
            assert right is not None, "what is not known was trained"
            self._rights.setdefault(one.name, []).append(right)

    def _give_up(self, lost: Mapping[str, Lead]) -> None:
        for name, lead in lost.items():
            if name not in self._given_up:
                self._given_up[name] = f"after {counted(len(self._rights[name]), 'seed')}: {lead.sentence}"
                say(self._opened.session.console, f"{name} is given up {self._given_up[name]}")

    def _standings(self) -> Standings:
        if not self._rights:
            raise SearchError(f"no finalist could be trained: {'; '.join(self._given_up.values())}")
        return Standings([Scored(name, np.stack(rights)) for name, rights in self._rights.items()])

    def _known(self, key: str, one: Finalist) -> Rights | None:
        """Return what the network of an earlier call was right about; None where there is none."""
        record = self._trial_runs.found(key)
        if record is None or record.status != Status.FINISHED or not record.id:
            return None
        session = self._opened.session
        try:
            return predictions.of_run(session.runs, record.id, one.name, self._settings.study).right
        except predictions.Unreadable as error:
            say(session.console, f"{error}; it is trained again")
            return None

    def _key(self, one: Finalist, seed: int) -> str:
        return self._opened.key(CONFIRMATION, one.place, seed)

    def _task(self, one: Finalist, seed: int, number: int) -> Task:
        tags = {FINALIST_TAG: one.name, SEED_TAG: str(seed)}
        if one.place.isdecimal():
            tags |= self._opened.of_trial(int(one.place))
        # The first seed's is the one to use: the best of several would be the luckiest.
        job, label = self._job(one, seed, number), f"{one.name}, seed {seed}"
        return self._opened.task(job, label, tags, model=seed == 0, usual=one.usual)

    def _job(self, one: Finalist, seed: int, number: int) -> Job:
        settings, opened = self._settings, self._opened
        return Job(
            number=number,
            key=self._key(one, seed),
            family=settings.family,
            parameters=one.parameters,
            images=opened.shared,
            resources=opened.resources,
            epochs=one.epochs,
            patience=None,
            seed=int(np.random.SeedSequence((settings.seed, SEEDS, seed)).generate_state(1)[0]),
            folder=opened.folder(CONFIRMATION, one.place, "seed", seed),
            precision=opened.session.plan.precision,
            until=one.until,
            kept="last",
            temperature=one.temperature,
        )
