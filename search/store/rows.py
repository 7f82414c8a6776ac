"""Optuna's storage in a database, from which all trials of a study are read as rows and not one object each.

Optuna makes an object of SQLAlchemy's out of every hyperparameter, attribute and report, and reads what can be drawn
out of JSON for every hyperparameter of every trial: of ten thousand trials that takes ten times as long.
"""

import gc
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any

from optuna.distributions import BaseDistribution, json_to_distribution
from optuna.trial import FrozenTrial
from sqlalchemy import ColumnElement, Connection, select, update
from typing_extensions import override

from search.policies.by_first import ByFirst
from search.store.attributes import INFEASIBLE, REASON
from search.store.owned import Guard
from search.system.optuna_internals import ReadAtOnce, cached, tables

# Optuna writes without spaces before or behind, for which `json.loads` looks every time.
_JSON = json.JSONDecoder()
Parts = defaultdict[int, dict[Any, Any]]
PARTS = ("params", "distributions", "user_attrs", "system_attrs", "intermediate_values")


class RowStorage(ReadAtOnce):
    """The same trials as Optuna reads, sooner; and parts of them, where all would take too long."""

    def __init__(self, url: str, engine_kwargs: dict[str, Any] | None = None, *, skip_table_creation: bool) -> None:
        super().__init__(url, engine_kwargs, skip_table_creation=skip_table_creation)
        self.guard = Guard(self.engine)

    def rename(self, study_id: int, name: str) -> None:
        """Give a study another name, for which Optuna has no way."""
        studies = tables.StudyModel.__table__
        with self.engine.begin() as connection:
            connection.execute(update(studies).where(studies.c.study_id == study_id).values(study_name=name))

    def outlines(self, study_id: int) -> list[FrozenTrial]:
        """Return all trials of a study without their hyperparameters, attributes and reports.

        What could not be trained says why.
        """
        with self.engine.connect() as connection:
            return list(_trials(connection, tables.TrialModel.__table__.c.study_id == study_id, whole=False))

    def whole(self, study_id: int, number: int) -> FrozenTrial:
        """Return all of the trial of this number."""
        return self.get_trial(self.get_trial_id_from_study_id_trial_number(study_id, number))

    def marked(self, study_id: int, attribute: str) -> list[FrozenTrial]:
        """Return the trials that have a user attribute."""
        trials, attributes = tables.TrialModel.__table__.c, tables.TrialUserAttributeModel.__table__.c
        having = trials.trial_id.in_(select(attributes.trial_id).where(attributes.key == attribute))
        with self.engine.connect() as connection:
            return list(_trials(connection, (trials.study_id == study_id) & having))

    @override
    def read_all(self, study_id: int) -> list[FrozenTrial]:
        # A study that is not there is told as Optuna tells it.
        self.get_study_directions(study_id)
        with self.engine.connect() as connection, _all_kept():
            return list(_trials(connection, tables.TrialModel.__table__.c.study_id == study_id))


class Stored(ByFirst):
    """A study with what it is in: `rows` to read parts of it, and the `storage` before that, which studies share."""

    def __init__(self, name: str, rows: RowStorage) -> None:
        super().__init__(name, cached(rows))
        self.rows = rows
        self.id = rows.get_study_id_from_name(name)

    def trial_id(self, number: int) -> int:
        """Return what the storage calls a trial."""
        return self.storage.get_trial_id_from_study_id_trial_number(self.id, number)


@contextmanager
def _all_kept() -> Iterator[None]:
    """Let nobody look for garbage: among a million objects that all are kept, that takes two fifths of the time."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def _trials(connection: Connection, chosen: ColumnElement[bool], *, whole: bool = True) -> Iterator[FrozenTrial]:
    """Yield trials in the order of their numbers.

    Their states are read first: to what is over by then nothing is added any more.
    """
    rows, values = _states(connection, chosen), _values(connection, chosen)
    parts = _parts(connection, chosen) if whole else _outlined(connection, chosen)
    for trial, number, state, start, complete in rows:
        found = values.get(trial)
        yield FrozenTrial(
            number=number,
            state=state,
            value=None,
            values=[found[objective] for objective in sorted(found)] if found else None,
            datetime_start=_local(start),
            datetime_complete=_local(complete),
            trial_id=trial,
            **{name: of_trials[trial] for name, of_trials in parts.items()},
        )


def _states(connection: Connection, chosen: ColumnElement[bool]) -> Sequence[Sequence[Any]]:
    table = tables.TrialModel.__table__.c
    columns = (table.trial_id, table.number, table.state, table.datetime_start, table.datetime_complete)
    return connection.execute(select(*columns).where(chosen).order_by(table.trial_id)).all()


def _parts(connection: Connection, chosen: ColumnElement[bool]) -> dict[str, Parts]:
    """Return the rest of trials, as `FrozenTrial` calls it."""
    reports = _reports(connection, chosen)
    parameters, distributions = _parameters(connection, chosen)
    user, system = (
        _attributes(connection, chosen, model)
        for model in (tables.TrialUserAttributeModel, tables.TrialSystemAttributeModel)
    )
    return dict(zip(PARTS, (parameters, distributions, user, system, reports), strict=True))


def _outlined(connection: Connection, chosen: ColumnElement[bool]) -> dict[str, Parts]:
    nothing: Parts = defaultdict(dict)
    table = tables.TrialUserAttributeModel.__table__.c
    # It is counted by that, and not by its state alone.
    why = (table.key == REASON) & table.value_json.like(f'"{INFEASIBLE}%')
    reasons = _attributes(connection, chosen & why, tables.TrialUserAttributeModel)
    return {**dict.fromkeys(PARTS, nothing), "user_attrs": reasons}


def _values(connection: Connection, chosen: ColumnElement[bool]) -> Parts:
    found: Parts = defaultdict(dict)
    table, read = tables.TrialValueModel.__table__.c, tables.TrialValueModel.stored_repr_to_value
    query = select(table.trial_id, table.objective, table.value, table.value_type).join(tables.TrialModel.__table__)
    for trial, objective, value, kind in connection.execute(query.where(chosen)).all():
        found[trial][objective] = read(value, kind)
    return found


def _reports(connection: Connection, chosen: ColumnElement[bool]) -> Parts:
    found: Parts = defaultdict(dict)
    table = tables.TrialIntermediateValueModel.__table__.c
    read = tables.TrialIntermediateValueModel.stored_repr_to_intermediate_value
    query = select(table.trial_id, table.step, table.intermediate_value, table.intermediate_value_type)
    query = query.join(tables.TrialModel.__table__).where(chosen)
    for trial, step, value, kind in connection.execute(query).all():
        found[trial][step] = read(value, kind)
    return found


def _parameters(connection: Connection, chosen: ColumnElement[bool]) -> tuple[Parts, Parts]:
    values: Parts = defaultdict(dict)
    distributions: Parts = defaultdict(dict)
    table = tables.TrialParamModel.__table__.c
    query = select(table.trial_id, table.param_name, table.param_value, table.distribution_json)
    query = query.join(tables.TrialModel.__table__).where(chosen).order_by(table.param_id)
    for trial, name, value, text in connection.execute(query).all():
        distribution = _distribution(text)
        values[trial][name] = distribution.to_external_repr(value)
        distributions[trial][name] = distribution
    return values, distributions


def _attributes(connection: Connection, chosen: ColumnElement[bool], model: type[Any]) -> Parts:
    found: Parts = defaultdict(dict)
    table = model.__table__.c
    query = select(table.trial_id, table.key, table.value_json).join(tables.TrialModel.__table__).where(chosen)
    for trial, key, text in connection.execute(query).all():
        found[trial][key] = _JSON.raw_decode(text)[0]
    return found


@cache
def _distribution(text: str) -> BaseDistribution:
    return json_to_distribution(text)


def _local(utc: datetime | None) -> datetime | None:
    """Return a time as Optuna gives it: by this machine's clock, and without a zone."""
    return utc and utc.replace(tzinfo=UTC).astimezone().replace(tzinfo=None)
