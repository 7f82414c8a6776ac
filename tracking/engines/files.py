"""The files of runs and models: the one place where they are written and removed, and never outside of their own."""

import contextlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from requests import HTTPError

from tracking.run import TrackingError

# How servers answer that leave removing to `mlflow gc`: not allowed, not known, switched off.
_REFUSALS: Final = (403, 404, 405, 501, 503)
# In what `stat` counts.
_BLOCK: Final = 512


def local(address: str) -> Path | None:
    """Return the folder that an artifacts' address names; None where it is not on this machine's disks."""
    uri = urlsplit(address)
    return Path(url2pathname(uri.path)) if uri.scheme == "file" else None


@dataclass(frozen=True)
class Files:
    """The files that a store of MLflow's keeps. `own`: the folder of all that a home has, if the store is the home's.

    An address belongs to an experiment, whose files are below its `root`. MLflow's client knows places by the ids of
    runs and models alone, and mixes up two stores that were copied from each other.
    """

    store: str
    own: Path | None = None

    def put(self, address: str, root: str, name: str, content: bytes) -> None:
        """Write one file, whose name may have folders in it. Raises `TrackingError` outside of the root."""
        inside = PurePosixPath(name)
        folder = None if inside.parent == PurePosixPath() else str(inside.parent)
        with tempfile.TemporaryDirectory() as made:
            file = Path(made) / inside.name
            file.write_bytes(content)
            self._to_change(address, root).log_artifact(str(file), folder)

    def put_all(self, address: str, root: str, folder: Path) -> None:
        """Write all files of a folder. Raises `TrackingError` outside of the root."""
        self._to_change(address, root).log_artifacts(str(folder))

    def copied(self, address: str, name: str, folder: Path) -> Path:
        """Return a copy of one file, made in a folder of one's own."""
        return Path(self._repository(address).download_artifacts(name, str(folder)))

    def replace(self, address: str, root: str, name: str, fresh: Path) -> None:
        """Write one file anew; on this machine's disks whole or not at all. Raises `TrackingError` outside the root."""
        folder = local(address)
        if folder is None:
            self.put(address, root, name, fresh.read_bytes())
            return
        beside = f"{name}.new"
        self.put(address, root, beside, fresh.read_bytes())
        with (folder / beside).open("rb") as stream:
            os.fsync(stream.fileno())
        (folder / beside).replace(folder / name)

    def try_to_put(self, root: str) -> None:
        """Write an empty file below a root and remove it again, to see whether that can be done."""
        repository = self._repository(root)
        with tempfile.TemporaryDirectory() as made:
            file = Path(made) / "written-to-see-whether-it-can-be.txt"
            file.touch()
            repository.log_artifact(str(file))
        # Some servers leave that to `mlflow gc`.
        with contextlib.suppress(HTTPError, MlflowException):
            repository.delete_artifacts(file.name)

    def remove(self, address: str, root: str) -> int:
        """Remove all files, and return how many bytes came free. Raises `TrackingError` outside of the root.

        What a server refuses to remove is left to `mlflow gc`.
        """
        before = self.size(address)
        try:
            self._to_change(address, root).delete_artifacts()
        except HTTPError as error:
            if error.response is None or error.response.status_code not in _REFUSALS:
                raise
        return before - self.size(address)

    def size(self, address: str) -> int:
        """Return how many bytes lie at an address."""
        folder = local(address)
        if folder is None:
            return _listed(self._repository(address))
        files = (folder, *folder.rglob("*")) if folder.exists() else ()
        return sum(file.lstat().st_blocks * _BLOCK for file in files)

    def astray(self, address: str, root: str) -> str:
        """Say outside of what an address is, where it is not among the files of its experiment; empty where it is."""
        folder, around = local(address), local(root)
        if folder is None or around is None:
            inside = address.startswith(f"{root.rstrip('/')}/") and ".." not in PurePosixPath(address).parts
            return "" if inside else f"outside of {root}: {address}"
        bounds = [around, self.own] if self.own and around.is_relative_to(self.own) else [around]
        # Links lead elsewhere, and so does `..`.
        crossed = next((bound for bound in bounds if bound.resolve() not in folder.resolve().parents), None)
        return f"outside of {crossed}: {folder.resolve()}" if crossed else ""

    def _to_change(self, address: str, root: str) -> ArtifactRepository:
        if why := self.astray(address, root):
            raise TrackingError(
                f"{address} is {why}; nothing is written or removed there: put the folder where it belongs, in place "
                "of a link to it, and try again"
            )
        return self._repository(address)

    def _repository(self, address: str) -> ArtifactRepository:
        return get_artifact_repository(address, tracking_uri=self.store)


def _listed(repository: ArtifactRepository, folder: str | None = None) -> int:
    return sum(
        _listed(repository, entry.path) if entry.is_dir else entry.file_size or 0
        for entry in repository.list_artifacts(folder)
    )
