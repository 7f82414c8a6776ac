"""What of MLflow is used though it is private. A test that fails here names what can be used instead from then on."""

import inspect
from collections.abc import Iterable
from pathlib import Path

from mlflow.store.db import utils
from mlflow.tracking import MlflowClient

from tracking.engines import mlflow_internals


def public(names: Iterable[str]) -> set[str]:
    return {name for name in names if not name.startswith("_")}


def test_a_client_has_no_public_way_to_its_stores_and_none_to_close_them(tmp_path: Path) -> None:
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}", registry_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
    found = public(dir(client)) & {"close", "dispose", "engine", "store", "tracking_store", "registry_store"}
    assert not found, f"`mlflow_internals.engine_of_runs` is not needed any more: use `MlflowClient.{found}`"
    for engine in (mlflow_internals.engine_of_runs(client), mlflow_internals.engine_of_registry(client)):
        assert engine.url.database == str(tmp_path / "mlflow.db")
        engine.dispose()


def test_mlflow_has_no_public_name_for_its_migrations() -> None:
    found = {name for name in public(dir(utils)) if "alembic" in name or "migrat" in name or "upgrade" in name}
    found = {name for name in found if inspect.isfunction(vars(utils)[name])}
    assert not found, f"`mlflow_internals.migrations` and `migrate` are not needed any more: use `utils.{found}`"
    assert len(mlflow_internals.migrations().get_heads()) == 1
