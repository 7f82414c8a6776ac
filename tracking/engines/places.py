"""Where MLflow keeps runs: addresses are checked here, and SQLite databases created, before MLflow opens them."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tracking import databases
from tracking.engines import moves
from tracking.engines.refusals import told
from tracking.run import TrackingError
from tracking.schemas import Schema

if TYPE_CHECKING:
    from requests import Response

_SECONDS_TO_ANSWER = 5
# Seconds for which one process waits while another makes the same database, or keeps all others out of it.
_PATIENCE = 120.0
_TABLES_OF_MLFLOW = {"experiments", "runs", "alembic_version"}


@dataclass(frozen=True)
class Site:
    """Where a store is: its address for MLflow, and where the artifacts of new experiments go, if that is not its own.

    `own` is the folder of all artifacts there are, where the database is one that lies in a home, beside them. People
    know the store as `named`; it is to be closed when it is not used any more.
    """

    address: str
    named: str
    artifacts: str | None = None
    own: Path | None = None
    close: Callable[[], None] = lambda: None


def prepare(uri: str, artifacts: Path) -> Site:
    """Return the place of a store that can be written to."""
    if uri.startswith("sqlite:"):
        return _prepare_database(uri, artifacts)
    if urlsplit(uri).scheme in ("http", "https"):
        _greet(uri)
        return Site(uri, uri)
    # Not the whole address: it may hold a password.
    kind = f"{uri.partition('://')[0]}://" if "://" in uri else repr(uri)
    raise TrackingError(
        f"runs cannot be kept at {kind}; give sqlite:///<file>, http://<host>:<port> of an MLflow server, or memory:"
    )


def exists(uri: str) -> bool:
    """Whether anything is there: of a server, that shows when it is asked."""
    return not uri.startswith("sqlite:") or bool(_tables(_database_file(uri)))


def find(uri: str, artifacts: Path | None) -> Site | None:
    """Return the place of what is there to be read; None where nothing is. Changes nothing.

    `artifacts` is the folder for them in the home that is open.
    """
    if not uri.startswith("sqlite:"):
        return prepare(uri, Path())
    file = _database_file(uri)
    with ExitStack() as stack:
        with told(str(file), "be read"):
            there = stack.enter_context(databases.to_read(file, _PATIENCE))
        if not _tables(there):
            return None
        _require_current(file, there)
        return _site(file, there, artifacts, stack.pop_all().close)


def _site(file: Path, there: Path, artifacts: Path | None, close: Callable[[], None]) -> Site:
    """Return the place of a database which, for now, is found `there`."""
    address = databases.address_of(there)
    own = moves.artifacts_of(file, artifacts)
    with told(str(file), "be read"):
        if own and (move := moves.find(there, own)):
            moves.heed(address, move)
    artifacts_uri = artifacts.absolute().as_uri() if artifacts else None
    return Site(address, databases.address_of(file), artifacts_uri, own, close)


def _prepare_database(uri: str, artifacts: Path) -> Site:
    file = _database_file(uri)
    artifacts = artifacts.absolute()
    for folder in (file.parent, artifacts):
        try:
            # What is trained on may be private, so nobody else reads it.
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise TrackingError(
                f"the folder {folder} cannot be created: {error.strerror}; give one that can be written to"
            ) from error
        if not os.access(folder, os.W_OK | os.X_OK):
            raise TrackingError(f"the folder {folder} cannot be written to; change its permissions or give another one")
    if not _tables(file):
        with told(str(file), "be created"):
            databases.create(file, _template(artifacts.as_uri()), _PATIENCE)
    _require_current(file, file)
    with told(str(file), "be written to"):
        databases.write_ahead(file, _PATIENCE)
    return _site(file, file, artifacts, lambda: None)


def _database_file(uri: str) -> Path:
    file = databases.file_of(uri)
    if file is None:
        raise TrackingError(
            f"{uri!r} does not name a file; give sqlite:///<file> without a question mark, or memory: to keep nothing"
        )
    return file


def _template(artifacts: str) -> list[str]:
    """Return MLflow's tables, with the default experiment in them, as SQL."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    return databases.template(SqlAlchemyStore("sqlite:///:memory:", artifacts).engine)


def schema(file: Path) -> Schema | None:
    """Return what MLflow's tables in a file are like; None where it has none. Raises `TrackingError`."""
    with told(str(file), "be read"), databases.to_read(file, _PATIENCE) as there:
        return _schema(file, there) if _tables(there) else None


def _require_current(file: Path, there: Path) -> None:
    """Raise if another version of MLflow made the database: MLflow would change it in place, and without a copy."""
    found = _schema(file, there)
    if not found.current:
        raise TrackingError(found.refusal)


def _schema(file: Path, there: Path) -> Schema:
    tables = _tables(there)
    if not tables >= _TABLES_OF_MLFLOW:
        found = ", ".join(sorted(tables)[:5])
        raise TrackingError(
            f"{file} is another program's database (it has the tables {found}); give MLflow a file of its own"
        )
    from tracking.engines import mlflow_schema

    return mlflow_schema.of(file, there, _PATIENCE)


def _tables(file: Path) -> frozenset[str]:
    try:
        return databases.tables(file, _PATIENCE)
    except sqlite3.Error as error:
        raise TrackingError(
            f"{file} cannot be read as a database: {error}; move it away, or give another file"
        ) from error


def _greet(uri: str) -> None:
    """Ask the server for something small: MLflow itself would try for four minutes before it gives up."""
    if urlsplit(uri).username:
        raise TrackingError(
            "the address of the MLflow server contains a user name; "
            "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD instead, so that it is shown nowhere"
        )
    answer = _asked(uri, "POST", "/api/2.0/mlflow/experiments/search", max_results=1)
    if answer.status_code in (401, 403):
        raise TrackingError(
            f"the MLflow server at {uri} refuses (HTTP {answer.status_code}); set MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD, or add this host to the server's --allowed-hosts"
        )
    if answer.status_code != 200 or not answer.headers.get("Content-Type", "").startswith("application/json"):
        raise TrackingError(
            f"what answers at {uri} is not an MLflow server (HTTP {answer.status_code}); correct the address"
        )
    _require_models(uri)


def _require_models(uri: str) -> None:
    """Raise where the server is older than what a run's model takes: MLflow 3.0 was the first to know of it."""
    if _asked(uri, "POST", "/api/2.0/mlflow/logged-models/search", experiment_ids=["0"]).status_code == 404:
        found = _asked(uri, "GET", "/version").text.strip()
        raise TrackingError(
            f"the MLflow server at {uri} is {found[:20] or 'too old'}, and models are recorded by 3.0 or newer; have "
            "that installed there, or give another address"
        )


def _asked(uri: str, method: str, path: str, **body: object) -> "Response":
    from mlflow.exceptions import MlflowException
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    try:
        answer: Response = http_request(
            get_default_host_creds(uri),
            path,
            method,
            json=body or None,
            max_retries=0,
            timeout=_SECONDS_TO_ANSWER,
            raise_on_status=False,
        )
    except MlflowException as error:
        raise TrackingError(
            f"no MLflow server answers at {uri}: {str(error).splitlines()[0]}; start it, or correct the address"
        ) from error
    return answer
