"""MLflow's own user interface, as an ASGI application that somebody is to serve. One a process."""

import os
import warnings
from collections.abc import Collection
from typing import Any

# What the application reads when it is imported. Nothing is run, sent, or fetched for whoever asks.
_CLOSED = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX": "^mlflow-artifacts:/",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


def application(place: str, hosts: Collection[str]) -> Any:
    """Return the interface to the SQLite database at `place`, for requests to these hosts only."""
    from mlflow.server import constants

    os.environ |= _CLOSED | {
        "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(hosts),
        constants.BACKEND_STORE_URI_ENV_VAR: place,
    }
    with warnings.catch_warnings():
        # MLflow's own business: it imports what Starlette is about to drop.
        warnings.filterwarnings("ignore", message="starlette.middleware.wsgi is deprecated")
        from mlflow.server.fastapi_app import app

    return app
