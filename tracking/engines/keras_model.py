"""A `.keras` file as a model of MLflow's `keras` flavour, written without importing Keras.

`mlflow.keras.log_model` wants the network in memory, and with it ten seconds of importing TensorFlow in a process that
has no other use for it. The layout is that of `mlflow.keras.save_model`, as a test shows by loading it.
"""

import platform
from pathlib import Path

import numpy as np
from mlflow import __version__ as mlflow_version
from mlflow.entities import LoggedModel
from mlflow.models import Model as MlflowModel
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec
from yaml import YAMLError

from tracking.run import Model, Tensor, TrackingError

FILE, REQUIREMENTS, DESCRIPTION = "data/model.keras", "requirements.txt", "MLmodel"
_CONDA = """\
channels:
- conda-forge
dependencies:
- python={python}
- pip
- pip:
  - {requirements}
name: mlflow-env
"""
_PYTHON = """\
python: {python}
build_dependencies:
- pip
- setuptools
- wheel
dependencies:
- -r requirements.txt
"""


def write(model: Model, folder: Path, logged: LoggedModel) -> None:
    """Write the folder that becomes the artifacts of `logged`."""
    data = (folder / FILE).parent
    data.mkdir()
    # Read where it is when MLflow copies the folder: a model may have 100 MB.
    (folder / FILE).symlink_to(model.file.absolute())
    (data / "keras_module.txt").write_text("keras", encoding="utf-8")
    _write_environment(model.requirements, folder)
    description = MlflowModel(
        artifact_path=logged.artifact_location,
        run_id=logged.source_run_id,
        model_uuid=logged.model_id,
        model_id=logged.model_id,
        signature=ModelSignature(inputs=_schema(model.input), outputs=_schema(model.output)),
        model_size_bytes=model.file.stat().st_size,
        metadata=dict(model.metadata),
    )
    description.add_flavor(
        "keras",
        data="data",
        keras_version=model.keras_version,
        keras_backend=model.keras_backend,
        save_exported_model=False,
    )
    # As `mlflow.pyfunc.add_to_model` does; importing that costs a warning about MLflow's own type hints.
    description.add_flavor(
        "python_function",
        loader_module="mlflow.keras",
        python_version=platform.python_version(),
        env={"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
    )
    description.save(str(folder / DESCRIPTION))


def weigh(description: Path, size: int) -> None:
    """Let a model's description say that its file has so many bytes."""
    described = MlflowModel.load(str(description))
    described.model_size_bytes = size
    described.save(str(description))


def read(folder: Path) -> Model:
    """Return the model that `write` has put into this folder. Raises `TrackingError` where something else has."""
    try:
        described = MlflowModel.load(str(folder))
        flavor = described.flavors["keras"]
        return Model(
            folder / FILE,
            _tensor(described.signature.inputs),
            _tensor(described.signature.outputs),
            # The first one is MLflow itself.
            tuple((folder / REQUIREMENTS).read_text("utf-8").splitlines()[1:]),
            flavor["keras_version"],
            flavor["keras_backend"],
            described.metadata or {},
        )
    # What a file that is torn or of another kind makes YAML and MLflow raise.
    except (YAMLError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrackingError(
            f"{folder} does not describe a model as this program does: {error}; train it again"
        ) from error


def _schema(tensor: Tensor) -> Schema:
    return Schema([TensorSpec(np.dtype(tensor.dtype), tensor.shape)])


def _tensor(schema: Schema) -> Tensor:
    (spec,) = schema.inputs
    if not isinstance(spec, TensorSpec):
        raise TypeError(f"{spec} is no tensor")
    return Tensor(np.dtype(spec.type).name, tuple(spec.shape))


def _write_environment(requirements: tuple[str, ...], folder: Path) -> None:
    needed = (f"mlflow=={mlflow_version}", *requirements)
    python = platform.python_version()
    (folder / REQUIREMENTS).write_text("\n".join(needed) + "\n", encoding="utf-8")
    (folder / "conda.yaml").write_text(
        _CONDA.format(python=python, requirements="\n  - ".join(needed)), encoding="utf-8"
    )
    (folder / "python_env.yaml").write_text(_PYTHON.format(python=python), encoding="utf-8")
