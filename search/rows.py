"""Optuna's storage in a database, from which all trials of a study are read as rows and not one object each.

Optuna makes an object of SQLAlchemy's out of every hyperparameter, attribute and report, and reads what can be drawn
out of JSON for every hyperparameter of every trial: of ten thousand trials that takes ten times as long.
"""

import json
from collections import defaultdict
from collections.abc import Container, Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

from optuna.distributions import BaseDistribution, json_to_distribution
from optuna.storages import RDBStorage

# Its tables, and what it makes of their columns: there is no public name for them.
from optuna.storages._rdb.models import (
    TrialIntermediateValueModel,
    TrialModel,
    TrialParamModel,
    TrialSystemAttributeModel,
    TrialUserAttributeModel,
    TrialValueModel,
)
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import ColumnElement, Connection, select

Parts = defaultdict[int, dict[Any, Any]]


class RowStorage(RDBStorage):
    """The same trials as Optuna reads, sooner."""

    def _get_trials(
        self,
        study_id: int,
        states: Container[TrialState] | None,
        included_trial_ids: set[int],
        trial_id_greater_than: int,
    ) -> list[FrozenTrial]:
        """Return all trials of a study; a few, by Optuna's own means. Where Optuna asks nobody, this is not used."""
        if trial_id_greater_than >= 0:
            return super()._get_trials(study_id, states, included_trial_ids, trial_id_greater_than)
        # A study that is not there is told as Optuna tells it.
        self.get_study_directions(study_id)
        with self.engine.connect() as connection:
            trials = list(_trials(connection, study_id))
        return [trial for trial in trials if states is None or trial.state in states]


def _trials(connection: Connection, study_id: int) -> Iterator[FrozenTrial]:
    """Yield them in the order of their numbers. Read first, what is over: nothing is added to it any more."""
    table = TrialModel.__table__.c
    of_study = table.study_id == study_id
    rows = connection.execute(
        select(table.trial_id, table.number, table.state, table.datetime_start, table.datetime_complete)
        .where(of_study)
        .order_by(table.trial_id)
    ).all()
    values = _values(connection, of_study)
    reports = _reports(connection, of_study)
    parameters, distributions = _parameters(connection, of_study)
    user, system = (
        _attributes(connection, of_study, model) for model in (TrialUserAttributeModel, TrialSystemAttributeModel)
    )
    for trial, number, state, start, complete in rows:
        found = values.get(trial)
        yield FrozenTrial(
            number=number,
            state=state,
            value=None,
            values=[found[objective] for objective in sorted(found)] if found else None,
            datetime_start=_local(start),
            datetime_complete=_local(complete),
            params=parameters[trial],
            distributions=distributions[trial],
            user_attrs=user[trial],
            system_attrs=system[trial],
            intermediate_values=reports[trial],
            trial_id=trial,
        )


def _values(connection: Connection, of_study: ColumnElement[bool]) -> Parts:
    found: Parts = defaultdict(dict)
    table, read = TrialValueModel.__table__.c, TrialValueModel.stored_repr_to_value
    query = select(table.trial_id, table.objective, table.value, table.value_type).join(TrialModel.__table__)
    for trial, objective, value, kind in connection.execute(query.where(of_study)):
        found[trial][objective] = read(value, kind)
    return found


def _reports(connection: Connection, of_study: ColumnElement[bool]) -> Parts:
    found: Parts = defaultdict(dict)
    table = TrialIntermediateValueModel.__table__.c
    read = TrialIntermediateValueModel.stored_repr_to_intermediate_value
    query = select(table.trial_id, table.step, table.intermediate_value, table.intermediate_value_type)
    query = query.join(TrialModel.__table__).where(of_study)
    for trial, step, value, kind in connection.execute(query):
        found[trial][step] = read(value, kind)
    return found


def _parameters(connection: Connection, of_study: ColumnElement[bool]) -> tuple[Parts, Parts]:
    values: Parts = defaultdict(dict)
    distributions: Parts = defaultdict(dict)
    table = TrialParamModel.__table__.c
    query = select(table.trial_id, table.param_name, table.param_value, table.distribution_json)
    query = query.join(TrialModel.__table__).where(of_study).order_by(table.param_id)
    for trial, name, value, text in connection.execute(query):
        distribution = _distribution(text)
        values[trial][name] = distribution.to_external_repr(value)
        distributions[trial][name] = distribution
    return values, distributions


def _attributes(connection: Connection, of_study: ColumnElement[bool], model: type[Any]) -> Parts:
    found: Parts = defaultdict(dict)
    table = model.__table__.c
    query = select(table.trial_id, table.key, table.value_json).join(TrialModel.__table__).where(of_study)
    for trial, key, text in connection.execute(query):
        found[trial][key] = json.loads(text)
    return found


@cache
def _distribution(text: str) -> BaseDistribution:
    return json_to_distribution(text)


def _local(utc: datetime | None) -> datetime | None:
    """Return a time as Optuna gives it: by this machine's clock, and without a zone."""
    return utc and utc.replace(tzinfo=UTC).astimezone().replace(tzinfo=None)
