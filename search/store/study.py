"""A study in Optuna's storage: opened or continued, asked for trials, told how they went."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.samplers import BaseSampler, PartialFixedSampler
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

import models
from models.family import Choice, Goal
from search.policies import pruners, samplers
from search.policies.answers import Answer
from search.problem import baselines, objectives, space
from search.problem.learnt import Learnt
from search.problem.planned import goals, planned_baselines, planned_starts
from search.store import dashboard_notes, identity, likeness, links, storage
from search.store.attributes import (
    ASKED_FOR,
    BASELINE,
    DISTRIBUTIONS,
    EPOCHS,
    EXTRAS,
    IDENTITY,
    LEARNT,
    REASON,
    REPEAT_OF,
    RUN_ID,
    SETTINGS,
    START,
    UUID,
    Standing,
    best,
    dismissed,
    late_link,
    of_baseline,
    of_experiment,
    run_of,
    standing,
)
from search.store.rows import Stored
from search.system.errors import UsageError

if TYPE_CHECKING:
    from search.problem.settings import Settings

Point = frozenset[tuple[str, Choice]]


class Study:
    """One study, and the settings under which this call goes on with it."""

    def __init__(self, study: Stored, settings: "Settings") -> None:
        self.settings = settings
        self.goals = goals(settings)
        # The first of them, by which epochs are kept, trials pruned, and one called the best.
        self.goal: Goal = self.goals[0]
        self.fixed = space.parse(models.family(settings.family), settings.fix)
        self._study = study
        # What tells this study from another one of the same name, or of the same number.
        self.uuid = str(study.user_attrs[UUID])
        storage.require_same(study)
        # The trials that have a point, of a grid or any other.
        self._tried: dict[Point, list[int]] = {}
        # The trial in the study's own note.
        self._noted: int | None = None
        self._points: Iterator[Mapping[str, Choice]] | None = None
        self._study.sampler = self._sampler()
        self.pruner = pruners.create(settings, self.goal, self._study)
        for trial in self.trials():
            self._tried.setdefault(_point(trial.params), []).append(trial.number)

    @classmethod
    def open(
        cls, store: RDBStorage, settings: "Settings", digest: str, begun: Callable[[], object] = lambda: None
    ) -> "Study":
        """Create the study, or continue it where it is ours, and its images, space and goal are what they were.

        `begun` is called once there is one, before anything is written to it.
        """
        family, learnt = models.family(settings.family), likeness.learnt(store, settings)
        directions = [StudyDirection[goal.direction.upper()] for goal in goals(settings)]
        study = storage.begun(store, settings.study, directions)
        identity.refuse_halves(study)
        begun()
        now = {"data": digest} | identity.of(settings)
        if IDENTITY in study.user_attrs:
            identity.refuse_changes(study, settings, now)
        else:
            with warnings.catch_warnings():
                # Without it the dashboard calls what is searched for "Objective 0".
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                study.set_metric_names([goal.metric for goal in goals(settings)])
            study.set_user_attr(DISTRIBUTIONS, space.fingerprint(space.of(family.suggest)))
            study.set_user_attr(IDENTITY, now)
        if settings.like:
            study.set_user_attr(LEARNT, learnt.data())
        study.set_user_attr(SETTINGS, settings.lasting())
        # A later call may ask for fewer, when more were done already.
        before = study.user_attrs.get(ASKED_FOR, 0)
        most = None if settings.trials is None or before is None else max(settings.trials, before)
        study.set_user_attr(ASKED_FOR, most)
        return cls(study, settings)

    @property
    def own_address(self) -> str:
        """Where the Optuna dashboard shows the study."""
        place = links.study(self._study.id)
        return links.known(place, self.uuid)

    @property
    def experiment(self) -> Mapping[str, str]:
        """What is said of the study's runs where the tracker keeps them together."""
        values, ascending = objectives.recorded(self.goals), self.goal.direction == "minimize"
        return of_experiment(self.uuid, values, self.own_address, ascending=ascending)

    def address(self, number: int) -> str:
        """Return where the Optuna dashboard shows a trial."""
        place = links.trial(self._study.id, number)
        return links.known(place, self.uuid)

    @property
    def attributes(self) -> Mapping[str, Any]:
        """What the study remembers."""
        return self._study.user_attrs

    @property
    def identity(self) -> Mapping[str, str]:
        """The digests of images and space, and the goals: what stays as it was when the study was begun."""
        return dict(self.attributes[IDENTITY])

    @property
    def learnt(self) -> Learnt:
        """What other studies had come to when this one was begun like them."""
        return Learnt.of(self.attributes.get(LEARNT, {}))

    def note(self, name: str, what: object) -> None:
        """Remember something that JSON can hold."""
        self._study.set_user_attr(name, what)

    def changes(self) -> str:
        """Say what of the space or the goal is not what the study was begun with; empty where all is."""
        try:
            identity.refuse_changes(self._study, self.settings, {**self.identity, **identity.of(self.settings)})
        except UsageError as error:
            return str(error)
        return ""

    @property
    def own_key(self) -> str:
        """What the study's own run is known by, as those of its trials are by theirs."""
        return f"{self.uuid}/study"

    def extra_key(self, kind: str, *parts: object) -> str:
        """Return what a run of the study is known by that is no trial's."""
        return "/".join((self.uuid, kind, *map(str, parts)))

    def is_extra(self, key: str) -> bool:
        """Whether a run with this key belongs to the study, and to no trial."""
        return key == self.own_key or key.startswith(tuple(self.extra_key(kind, "") for kind in EXTRAS))

    def key(self, number: int) -> str:
        """Return what tells a trial from all others there are: names of studies can be used again."""
        return f"{self.uuid}/{number}"

    def trials(self, states: Sequence[TrialState] | None = None) -> list[FrozenTrial]:
        """Return the trials in these states, in the order of their numbers."""
        return self._study.get_trials(deepcopy=False, states=tuple(states) if states else None)

    def standing(self) -> Standing:
        """Count the trials."""
        return standing(self.trials())

    def best(self) -> tuple[float, int] | None:
        """Return the best value of a complete trial, and its number."""
        return best(self.trials(), self.goal)

    def enqueue_first(self) -> list[str]:
        """Put first what a search begins with, each once however often this is called.

        Returns the names of the new baselines. They come first; then what is known to be good.
        """
        wanted = planned_baselines(self.settings)
        marks = [trial.user_attrs for trial in self.trials()]
        there = {(attributes.get(BASELINE), attributes.get(EPOCHS)) for attributes in marks}
        new = [planned for planned in wanted if (planned.row.name, planned.epochs) not in there]
        for planned in new:
            self._study.enqueue_trial(dict(planned.row.parameters), user_attrs=of_baseline(planned))
        begun = {attributes[START] for attributes in marks if START in attributes}
        # Others came into the list when the study was under way already.
        drawn = any(START not in attributes and BASELINE not in attributes for attributes in marks)
        for start in () if begun and drawn else planned_starts(self.settings, self.learnt):
            if start.label not in begun:
                self._study.enqueue_trial({**start.parameters, **self.fixed}, user_attrs={START: start.label})
        return [planned.row.name for planned in new]

    def interrupted(self) -> list[optuna.Trial]:
        """Return the trials that a driver left open: the same trials, with their parameters and reports."""
        # Optuna advises against this constructor for those who want a new trial; it has no other way to an old one.
        return [
            optuna.trial.Trial(self._study, self._study.trial_id(trial.number))
            for trial in self.trials([TrialState.RUNNING])
        ]

    def ask(self) -> optuna.Trial | None:
        """Return the next trial, its hyperparameters drawn; nothing where a grid has come to its end."""
        if self._points is not None and not self.trials([TrialState.WAITING]):
            point = next((point for point in self._points if _point(point) not in self._tried), None)
            if point is None:
                return None
            self._study.enqueue_trial(dict(point))
        return self._study.ask()

    def suggest(self, trial: optuna.Trial) -> dict[str, Choice]:
        """Return the trial's hyperparameters, drawing those that it does not have yet."""
        models.family(self.settings.family).suggest(trial)
        drawn = dict(trial.params)
        self._tried.setdefault(_point(drawn), []).append(trial.number)
        return drawn

    def same(self, trial: optuna.Trial | FrozenTrial) -> list[FrozenTrial]:
        """Return the trials with these hyperparameters and the same budget: those that are over first, oldest first.

        Without those that failed, which may have been the seed's doing, and those that are repeats themselves. None
        for baselines, which stand for themselves, for what has begun to train, and where a person wants repeats.
        """
        told = self._study.storage.get_trial(self._study.trial_id(trial.number))
        if self.settings.repeats or BASELINE in told.user_attrs or told.intermediate_values:
            return []
        others = set(self._tried[_point(told.params)]) - {told.number}
        # Of a study that has grown large, all trials are not to be asked for without need.
        everything = self.trials() if others else []
        found = [everything[number] for number in others if self._can_stand_for(everything[number], told)]
        return sorted(found, key=lambda one: (not one.state.is_finished(), one.number))

    def _can_stand_for(self, one: FrozenTrial, other: FrozenTrial) -> bool:
        counts = one.state in (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
        return counts and REPEAT_OF not in one.user_attrs and self._budget(one) == self._budget(other)

    def _budget(self, trial: FrozenTrial) -> tuple[int, int | None]:
        """Return for how many epochs a trial may train, and for how many without improvement."""
        own, usual = trial.user_attrs, self.settings
        return own.get("epochs", usual.epochs), own.get("patience", usual.patience)

    def seed(self, number: int) -> int:
        """Return the seed of a trial: the same however often it is begun."""
        return int(np.random.SeedSequence((self.settings.seed, number)).generate_state(1)[0])

    def report(self, trial: optuna.Trial, step: int, value: float) -> Answer:
        """Report the value after so many epochs, once, and return what the pruner says. Baselines train to their ends.

        It is that of the first objective. A trial's own `report` and `should_prune` do the same, and refuse two.
        """
        storage, id_ = self._study.storage, self._study.trial_id(trial.number)
        told = storage.get_trial(id_)
        if step not in told.intermediate_values:
            storage.set_trial_intermediate_value(id_, step, float(value))
            told = storage.get_trial(id_)
        return Answer.GO_ON if BASELINE in told.user_attrs else self.pruner.report(told, step, value)

    def unlinked(self) -> list[int]:
        """Return the finished trials that do not name their runs: of those a driver was killed just then."""
        of_study = self.attributes
        over = [trial for trial in self.trials() if trial.state.is_finished() and not dismissed(trial)]
        return [trial.number for trial in over if not run_of(trial, of_study)]

    def link(self, number: int, run: str) -> None:
        """Remember what the tracker calls a trial's run: with the trial, or with the study where the trial is over."""
        try:
            self._study.storage.set_trial_user_attr(self._study.trial_id(number), RUN_ID, run)
        except UpdateFinishedTrialError:
            # Optuna lets nobody add to it any more.
            self._study.set_user_attr(late_link(number), run)

    def link_own(self, run: str) -> None:
        """Remember what the tracker calls the study's own run, and have the study's note lead there."""
        self._study.set_user_attr(RUN_ID, run)
        if self._noted is not None:
            self.annotate(self._noted)

    def annotate(self, number: int, *, best: bool = False) -> None:
        """Give a trial what the dashboard shows beside its numbers; the best one stands in the study's own note, too.

        Pictures can only be given to a trial that is not over yet.
        """
        if best:
            self._noted = number
        elif self._noted is None and (known := self.best()):
            self._noted = known[1]
        # Neither Optuna nor the dashboard has a public way that would not copy files, or read every note there is.
        storage = self._study.storage
        ids = dashboard_notes.Ids(self._study.id, self._study.trial_id(number), number)
        trial = storage.get_trial(ids.trial)
        pictures, name, metrics = dashboard_notes.pictures(trial), self.settings.study, trial.user_attrs
        if not trial.state.is_finished():
            for attribute, text in dashboard_notes.artifacts(ids, pictures).items():
                storage.set_trial_system_attr(ids.trial, attribute, text)
        of_study = self.attributes
        run, own = self._address_of(run_of(trial, of_study)), self._address_of(of_study.get(RUN_ID, ""))
        written = dashboard_notes.of_trial(ids, name, run, metrics, pictures)
        if number == self._noted:
            row = baselines.best(self.settings.family)
            beside = row if row and row.is_comparable(self.settings.lasting(), metrics.get("epochs")) else None
            written |= dashboard_notes.of_study(name, ids, run, own, metrics, beside)
        for attribute, value in written.items():
            storage.set_study_system_attr(ids.study, attribute, value)

    def _address_of(self, run: str) -> str:
        return links.run(self.settings.tracking_uri, run) if run else ""

    def add(self, trial: FrozenTrial, number: int) -> None:
        """Add a trial that was searched elsewhere: all of it at once, as the next one, which has this number."""
        added = copy(trial)
        # Optuna lets nobody give pictures to what is over; they go by numbers of this storage.
        added.system_attrs = trial.system_attrs | dashboard_notes.artifacts(
            dashboard_notes.Ids(self._study.id, -1, number), dashboard_notes.pictures(trial)
        )
        # `add_trial` takes none that was dismissed.
        self._study.storage.create_new_trial(self._study.id, added)

    def dismiss(self, number: int, reason: str) -> None:
        """End a trial that waits and is never to begin."""
        storage, id_ = self._study.storage, self._study.trial_id(number)
        storage.set_trial_user_attr(id_, REASON, reason)
        storage.set_trial_state_values(id_, TrialState.FAIL)

    def tell(self, trial: optuna.Trial, state: TrialState, *values: float) -> None:
        """End a trial; one that is complete has a value for each objective."""
        self._study.tell(trial, values or None, state)

    def _sampler(self) -> BaseSampler:
        # With one seed for every call, a continued study would draw what it drew at its begin once more.
        seed = int(np.random.SeedSequence((self.settings.seed, len(self.trials()))).generate_state(1)[0])
        drawing = samplers.create(self.settings, seed, self.learnt)
        self._points = drawing.points
        if not self.fixed:
            return drawing.sampler
        with warnings.catch_warnings():
            # It is years old; what is called experimental is its interface.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return PartialFixedSampler(dict(self.fixed), drawing.sampler)


def _point(parameters: Mapping[str, Choice]) -> Point:
    """Return what is equal where all hyperparameters are, and found at once among many."""
    return frozenset(parameters.items())
