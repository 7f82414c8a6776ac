"""All that MLflow has no public name for, and that cannot be done without: nothing else here touches what is private.

For each there is a test in `tests/tracking/test_mlflow_internals.py` that fails once it is not needed any more.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory
    from mlflow.tracking import MlflowClient
    from sqlalchemy import Engine


def engine_of_runs(client: "MlflowClient") -> "Engine":
    """Return the database in which a client keeps runs. MLflow holds it open for as long as the process lives."""
    engine: Engine = client._tracking_client.store.engine
    return engine


def engine_of_registry(client: "MlflowClient") -> "Engine":
    """Return the database in which a client keeps registered models, held open in the same way."""
    engine: Engine = client._get_registry_client().store.engine
    return engine


def migrations() -> "ScriptDirectory":
    """Return the versions of the tables, which MLflow knows the place of."""
    from alembic.script import ScriptDirectory
    from mlflow.store.db import utils

    return ScriptDirectory.from_config(utils._get_alembic_config(db_url=""))


def migrate(engine: "Engine") -> None:
    """Do what the command `mlflow db upgrade` does, which prints and takes an address alone."""
    from mlflow.store.db import utils

    utils._upgrade_db(engine)
