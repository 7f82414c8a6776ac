"""The Optuna dashboard, which finds the pictures of a trial in its run."""

import io
from typing import BinaryIO

from a2wsgi import WSGIMiddleware
from optuna.artifacts.exceptions import ArtifactNotFound
from optuna.storages import RDBStorage
from optuna_dashboard import wsgi

from search.marks import run_of
from search.notes import picture_of
from search.ui.guard import Application
from tracking import Tracker, TrackingError


class Pictures:
    """An artifact store, as Optuna has it, that holds nothing: its artifacts are those of the runs."""

    def __init__(self, store: RDBStorage, tracker: Tracker) -> None:
        self._store, self._tracker = store, tracker

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """Return a picture of a trial's run. Raises `ArtifactNotFound`."""
        try:
            study, number, name = picture_of(artifact_id)
            trial = self._store.get_trial(self._store.get_trial_id_from_study_id_trial_number(study, number))
            run = run_of(trial, self._store.get_study_user_attrs(study))
            return io.BytesIO(self._tracker.read(run, name))
        except (ValueError, KeyError, TrackingError) as error:
            raise ArtifactNotFound(f"no picture {artifact_id}: {error}") from error

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Refuse: what is recorded goes to the runs."""
        raise PermissionError("pictures are recorded with the runs, in MLflow")

    def remove(self, artifact_id: str) -> None:
        """Refuse, as well."""
        raise PermissionError("pictures are recorded with the runs, in MLflow")


def application(store: RDBStorage, tracker: Tracker) -> Application:
    """Return the dashboard of a storage."""
    return WSGIMiddleware(wsgi(store, artifact_store=Pictures(store, tracker)))
