"""MLflow's database read as rows, where an object for each of them would take ten times as long.

Its client stays the way to everything else, and the only one to a server.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import nan

from mlflow.entities import LifecycleStage
from mlflow.store.tracking.dbmodels.models import SqlLoggedModel, SqlMetric, SqlRun
from sqlalchemy import Engine, select

from tracking.engines import moves


def model_folders(engine: Engine, experiment_id: str) -> Mapping[str, str]:
    """Return where the files of an experiment's models lie, by the ids of those that were not deleted."""
    table = SqlLoggedModel.__table__.c
    found = select(table.model_id, table.artifact_location).where(
        (table.experiment_id == int(experiment_id)) & (table.lifecycle_stage == LifecycleStage.ACTIVE)
    )
    with engine.connect() as connection:
        return {model: moves.now(engine, folder) for model, folder in connection.execute(found)}


def values(engine: Engine, experiment_id: str, metric: str) -> Mapping[str, Sequence[tuple[int, float]]]:
    """Return the steps and values of a metric, by the ids of an experiment's runs."""
    table, runs = SqlMetric.__table__.c, SqlRun.__table__.c
    found = (
        select(table.run_uuid, table.step, table.value, table.is_nan)
        .join(SqlRun.__table__, runs.run_uuid == table.run_uuid)
        .where((runs.experiment_id == int(experiment_id)) & (table.key == metric))
    )
    curves: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
    with engine.connect() as connection:
        for run, step, value, is_nan in connection.execute(found):
            curves[run].append((step, nan if is_nan else value))
    return {run: sorted(curve) for run, curve in curves.items()}
