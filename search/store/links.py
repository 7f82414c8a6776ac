"""Where links in the two stores lead: from a trial to its run, and back."""

from collections.abc import Container
from typing import Final
from urllib.parse import urlsplit

from tracking import SHARED, TRAINING, VIEW_TAG

MLFLOW_PORT: Final = 5000
DASHBOARD_PORT: Final = 8080
SCORING_PORT: Final = 5001
UUID: Final = "search_study"


def address(port: int) -> str:
    """Return the address of a user interface on this machine."""
    return f"http://127.0.0.1:{port}"


def mlflow(tracking_uri: str) -> str:
    """Return where MLflow shows the runs of a store: at its own server, or where `python -m search ui` serves it."""
    server = urlsplit(tracking_uri)
    if server.scheme not in ("http", "https"):
        return address(MLFLOW_PORT)
    # Without the password that it may hold: whoever reads the link is not who the address was made for.
    return f"{server.scheme}://{server.netloc.rpartition('@')[2]}{server.path.rstrip('/')}"


def run(tracking_uri: str, run_id: str) -> str:
    """Return the address of a run."""
    return f"{mlflow(tracking_uri)}/#/runs/{run_id}"


def known(place: str, uuid: str) -> str:
    """Return an address in the dashboard that says which study it is of: numbers are given to other studies later."""
    return f"{place}{'&' if '?' in place else '?'}{UUID}={uuid}"


def experiments(shown_at: str) -> str:
    """Return the address of all experiments, where MLflow is shown at this one."""
    return f"{shown_at}/#/experiments?{TRAINING}"


def runs(shown_at: str, experiment_id: str, tags: Container[str]) -> str:
    """Return the address of the runs of an experiment with these tags: with our columns, the best first.

    Earlier versions did not say which columns; the next `run` does.
    """
    return f"{shown_at}/#/experiments/{experiment_id}/runs?{SHARED if VIEW_TAG in tags else TRAINING}"


def study(study_id: int) -> str:
    """Return the address of a study in the Optuna dashboard."""
    return f"{address(DASHBOARD_PORT)}/dashboard/studies/{study_id}"


def trial(study_id: int, number: int) -> str:
    """Return the address of a trial in the Optuna dashboard."""
    return f"{study(study_id)}/trials?numbers={number}"
