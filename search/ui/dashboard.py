"""The Optuna dashboard, which finds the pictures of a trial in its run."""

import io
import re
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO
from urllib.parse import parse_qs

from a2wsgi import WSGIMiddleware
from optuna.artifacts.exceptions import ArtifactNotFound
from optuna.storages import RDBStorage
from optuna_dashboard import wsgi

from search.store import owned
from search.store.attributes import run_of
from search.store.dashboard_notes import picture_of
from search.store.links import UUID
from search.ui.guard import Application
from tracking import Tracker, TrackingError

# As WSGI has it; each package types it in its own way.
Answering = Callable[[Any, Any], Iterable[bytes]]
_STUDY = re.compile(r"/dashboard/studies/(?P<number>[0-9]{1,18})(?:/.*)?")


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
    return WSGIMiddleware(checked(wsgi(store, artifact_store=Pictures(store, tracker)), store))


def checked(shown: Answering, store: RDBStorage) -> Answering:
    """Return the dashboard, but for links of studies that were deleted: their numbers may be those of others now."""

    def answer(environ: Any, start: Any) -> Iterable[bytes]:
        asked = _STUDY.fullmatch(environ.get("PATH_INFO", ""))
        wanted = parse_qs(environ.get("QUERY_STRING", "")).get(UUID)
        if asked and wanted and wanted[0] != owned.uuid(store.engine, int(asked["number"])):
            start("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
            return [b"This link is of a study that was deleted from this storage, or is in another one.\n"]
        return shown(environ, start)

    return answer
