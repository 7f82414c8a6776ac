"""Models registered in MLflow: in the database that holds their runs, or on its server."""

from collections.abc import Iterator, Mapping, Sequence

from mlflow import entities
from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.tracking import MlflowClient
from typing_extensions import override

from tracking import rules
from tracking.engines import mlflow_internals, pages
from tracking.engines.places import Site
from tracking.engines.refusals import told
from tracking.registry import Registry, Version
from tracking.run import MODEL_TAG, TrackingError


class MlflowRegistry(Registry):
    """The registered models of a store of MLflow's."""

    def __init__(self, site: Site) -> None:
        self._place, self._site = site.named, site
        with told(self._place, "be opened"):
            self._client = MlflowClient(site.address, registry_uri=site.address)

    @override
    def versions(self, name: str | None = None) -> Sequence[Version]:
        with told(self._place, "list its models"):
            return [
                self._version(version, model)
                for model in sorted(self._models(), key=lambda one: one.name)
                if name in (None, model.name)
                for version in sorted(self._versions(model.name), key=lambda one: int(one.version))
            ]

    @override
    def register(self, name: str, run: str, tags: Mapping[str, str], description: str) -> Version:
        with told(self._place, f"register model {name}"):
            known = next((version for version in self.versions(name) if version.run == run), None)
            if known is None:
                number = self._create(name, run, description)
            else:
                number = known.number
                self._client.update_model_version(name, str(number), description)
            self.set_tags(name, number, tags)
            return next(version for version in self.versions(name) if version.number == number)

    @override
    def point(self, name: str, alias: str, number: int) -> None:
        with told(self._place, f"let {alias} of {name} mean version {number}"):
            self._client.set_registered_model_alias(name, alias, str(number))

    @override
    def set_tags(self, name: str, number: int, tags: Mapping[str, str]) -> None:
        with told(self._place, f"set tags of version {number} of {name}"):
            for tag, text in rules.tag_texts(tags).items():
                self._client.set_model_version_tag(name, str(number), tag, text)

    @override
    def remove(self, name: str, number: int) -> None:
        with told(self._place, f"remove version {number} of {name}"):
            self._client.delete_model_version(name, str(number))
            if not list(self._versions(name)):
                self._client.delete_registered_model(name)

    def references(self) -> Mapping[str, str]:
        """Return all that each version refers to, by the version: the ids of its run and model, and its files."""
        with told(self._place, "list its models"):
            found = {}
            for version in pages.everything(lambda token: self._client.search_model_versions(page_token=token)):
                # A version that was made from another one says in its source no more than which one that was.
                files = self._client.get_model_version_download_uri(version.name, version.version)
                said = (version.run_id, version.model_id, version.source, files)
                found[f"{version.name}, version {version.version}"] = " ".join(filter(None, said))
            return found

    def close(self) -> None:
        """Close the database; what is registered stays."""
        if self._place.startswith("sqlite:"):
            mlflow_internals.engine_of_registry(self._client).dispose()
        self._site.close()

    def _create(self, name: str, run: str, description: str) -> int:
        model = self._client.get_run(run).data.tags.get(MODEL_TAG)
        if model is None:
            raise TrackingError(f"run {run} in {self._place} has no model to register as {name}; choose another run")
        if name not in {known.name for known in self._models()}:
            self._client.create_registered_model(name)
        logged: entities.LoggedModel = self._client.get_logged_model(model.rpartition("/")[2])
        # Of an address with `models:`, MLflow 3.17 would ask the store that is the process's usual one.
        made = self._client.create_model_version(
            name, logged.artifact_location, run, description=description, model_id=logged.model_id
        )
        return int(made.version)

    def _models(self) -> Iterator[RegisteredModel]:
        return pages.everything(lambda token: self._client.search_registered_models(page_token=token))

    def _versions(self, name: str) -> Iterator[ModelVersion]:
        return pages.everything(lambda token: self._client.search_model_versions(f"name = '{name}'", page_token=token))

    @staticmethod
    def _version(version: ModelVersion, model: RegisteredModel) -> Version:
        number = int(version.version)
        return Version(
            name=version.name,
            number=number,
            run=version.run_id or "",
            description=version.description or "",
            tags=dict(version.tags),
            aliases=sorted(alias for alias, meant in model.aliases.items() if int(meant) == number),
            created=version.creation_timestamp,
        )
