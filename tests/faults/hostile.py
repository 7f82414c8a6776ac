"""What a person, a machine or a folder may have set for the libraries used here: none of it may change a search.

`python -m tests.faults.hostile` searches once as usual and once under each setting, for some ten minutes, and prints
what differed.
"""

import hashlib
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from optuna.trial import FrozenTrial

import tracking
from search.problem.settings import Place
from search.store import storage
from search.system import library_output
from tests.support import make_split
from tracking import MODEL_TAG, Record, Tracker

# Times are as the machine is.
MEASURED: Final = {"seconds", "training_seconds"}
# Of its run, all kinds of pictures are drawn; its images are varied at random, and its embeddings compared in NumPy.
STUDY: Final = "siamese"
PINNED: Final = (
    "depth=1,units_1=32,embedding_size=16,pairing=in_batch,dropout=0.2,augmentation=all,batch_norm=True,"
    "optimizer=nadam,learning_rate=0.003"
)
FLAGS: Final = "--trials 1 --epochs 2 --baselines none --workers 1 --precision float32 --sampler random --seed 3"

KERAS: Final = {"floatx": "float32", "epsilon": 1e-7, "backend": "tensorflow", "image_data_format": "channels_last"}
DRAWING: Final = """
font.size: 21
font.family: serif
axes.facecolor: yellow
axes.titlesize: 30
axes.linewidth: 9
figure.autolayout: True
lines.antialiased: False
savefig.dpi: 37
savefig.bbox: tight
savefig.facecolor: red
savefig.transparent: True
image.cmap: gray
image.interpolation: bilinear
image.origin: lower
text.usetex: False
text.antialiased: False
path.sketch: 1, 100, 2
"""
BROKEN: Final = "raise ImportError(__file__)\n"


@dataclass(frozen=True)
class Setting:
    """One thing that is otherwise than usual: variables, options of Python, files, and what the process inherits.

    Names of files begin with `home/`, which is the person's, or `here/`, where the person stands. In values `{here}`
    and `{home}` are their places.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    options: Sequence[str] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    inherited: Callable[[], object] = lambda: None


def keras(**changed: object) -> str:
    return json.dumps(KERAS | changed)


def few_files() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
    os.umask(0o277)


SETTINGS: Final[Mapping[str, Setting]] = {
    "keras.json: channels first": Setting(files={"home/.keras/keras.json": keras(image_data_format="channels_first")}),
    "keras.json: float64": Setting(files={"home/.keras/keras.json": keras(floatx="float64")}),
    "keras.json: epsilon": Setting(files={"home/.keras/keras.json": keras(epsilon=0.1)}),
    "keras.json: nonsense": Setting(files={"home/.keras/keras.json": keras(floatx="float8")}),
    "KERAS_BACKEND": Setting({"KERAS_BACKEND": "jax"}),
    "KERAS_HOME": Setting({"KERAS_HOME": "{here}/k"}, files={"here/k/keras.json": keras(backend="torch", epsilon=0.1)}),
    "KERAS_MAX_EPOCHS and steps": Setting({"KERAS_MAX_EPOCHS": "1", "KERAS_MAX_STEPS_PER_EPOCH": "1"}),
    "matplotlibrc where one stands": Setting(files={"here/matplotlibrc": DRAWING}),
    "MATPLOTLIBRC": Setting({"MATPLOTLIBRC": "{home}/rc", "MPLBACKEND": "none"}, files={"home/rc": DRAWING}),
    "MPLCONFIGDIR": Setting({"MPLCONFIGDIR": "{home}/mpl"}, files={"home/mpl/matplotlibrc": DRAWING}),
    "oneDNN off": Setting({"TF_ENABLE_ONEDNN_OPTS": "0", "DNNL_MAX_CPU_ISA": "SSE41"}),
    "threads": Setting(
        dict.fromkeys(
            [
                "TF_NUM_INTRAOP_THREADS",
                "TF_NUM_INTEROP_THREADS",
                "OMP_NUM_THREADS",
                "OPENBLAS_NUM_THREADS",
                "MKL_NUM_THREADS",
                "NUMEXPR_MAX_THREADS",
            ],
            "1",
        )
    ),
    "XLA": Setting(
        {
            "TF_XLA_FLAGS": "--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit --tf_xla_min_cluster_size=1",
            "XLA_FLAGS": "--xla_cpu_enable_fast_math=true",
        }
    ),
    "TensorFlow's switches": Setting(
        {
            "TF_USE_LEGACY_KERAS": "1",
            "TF_DETERMINISTIC_OPS": "0",
            "TF_FORCE_GPU_ALLOW_GROWTH": "false",
            "TF_ENABLE_NUMPY_BEHAVIOR": "1",
            "TF2_BEHAVIOR": "0",
            "CUDA_VISIBLE_DEVICES": "",
            "TF_CPP_MAX_VLOG_LEVEL": "1",
        }
    ),
    "NumPy without instructions": Setting({"NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3", "NUMPY_MADVISE_HUGEPAGE": "0"}),
    "MLFLOW_*": Setting(
        {
            "MLFLOW_EXPERIMENT_NAME": "another",
            "MLFLOW_EXPERIMENT_ID": "7",
            "MLFLOW_RUN_ID": "0123456789abcdef0123456789abcdef",
            "MLFLOW_ENABLE_ASYNC_LOGGING": "true",
            "MLFLOW_TRUNCATE_LONG_VALUES": "false",
            "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "true",
            "MLFLOW_CONFIGURE_LOGGING": "false",
            "MLFLOW_LOGGING_LEVEL": "DEBUG",
            "MLFLOW_ALLOW_FILE_STORE": "true",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "9",
            "MLFLOW_SQLALCHEMYSTORE_POOLCLASS": "NullPool",
            "MLFLOW_REGISTRY_URI": "sqlite:///{here}/registry.db",
            "MLFLOW_DISABLE_TELEMETRY": "false",
            "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "true",
        }
    ),
    "PYTHONOPTIMIZE and the seed of hashes": Setting({"PYTHONOPTIMIZE": "2", "PYTHONHASHSEED": "1"}),
    "PYTHONWARNINGS=error": Setting({"PYTHONWARNINGS": "error"}),
    "-W error -bb": Setting(options=("-W", "error", "-bb")),
    "a bare locale": Setting(
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii", "TZ": "Asia/Kabul"}
    ),
    "Turkish": Setting({"LC_ALL": "tr_TR.UTF-8", "LANGUAGE": "tr", "TZ": "Pacific/Chatham"}),
    "few files, and closed to all": Setting(inherited=few_files),
    "names that anybody has": Setting(
        files={"here/models/__init__.py": BROKEN, "here/models/data.py": BROKEN}
        | {f"here/{name}.py": BROKEN for name in ("tracking", "random", "numpy", "token", "socket", "yaml", "queue")}
    ),
    "sitecustomize and PYTHONSTARTUP": Setting(
        {"PYTHONPATH": "{home}/site", "PYTHONSTARTUP": "{home}/site/sitecustomize.py"},
        files={
            "home/site/sitecustomize.py": "import decimal, locale, random, sys\n"
            "random.seed(7)\nsys.setrecursionlimit(3000)\ndecimal.getcontext().prec = 3\n"
        },
    ),
    "renderers, frames and the rest": Setting(
        {
            "PLOTLY_RENDERER": "none",
            "PANDAS_COPY_ON_WRITE": "0",
            "NO_COLOR": "1",
            "FORCE_COLOR": "1",
            "COLUMNS": "20",
            "TERM": "dumb",
            "OPTUNA_STORAGE_": "",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDEVMODE": "1",
            "SOURCE_DATE_EPOCH": "1",
        }
    ),
}


def together(*names: str) -> Setting:
    """Return several settings as one; of a variable that two have, the later one stands."""
    chosen = [SETTINGS[name] for name in names]
    files: dict[str, str] = {}
    for setting in chosen:
        assert not files.keys() & setting.files.keys(), "of two files of one name, one would not be tried"
        files |= setting.files

    def inherited() -> None:
        for setting in chosen:
            setting.inherited()

    return Setting(
        {name: value for setting in chosen for name, value in setting.environment.items()},
        [option for setting in chosen for option in setting.options],
        files,
        inherited,
    )


def make_images(file: Path) -> Path:
    train, test = make_split(400, 28, 28, 1, 10, seed=1), make_split(120, 28, 28, 1, 10, seed=3)
    np.savez(file, x_train=train.images, y_train=train.labels, x_test=test.images, y_test=test.labels)
    return file


def search(folder: Path, setting: Setting) -> Path:
    """Search for a trial under a setting, in a folder of its own, and return the home."""
    places = {name: folder / name for name in ("home", "here")}
    for place in places.values():
        place.mkdir(parents=True)
    for name, text in setting.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    images, home = make_images(folder / "bars.npz"), folder / "mlruns"
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(places["home"])}
    words = ["run", "--study", STUDY, "--data", str(images), "--home", str(home), "--fix", PINNED, *FLAGS.split()]
    with (folder / "said.txt").open("wb") as said:
        subprocess.run(
            [sys.executable, *setting.options, "-m", "search", *words],
            cwd=places["here"],
            env=environment | {name: value.format(**places) for name, value in setting.environment.items()},
            preexec_fn=setting.inherited,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            check=True,
        )
    return home


def results(home: Path) -> dict[str, object]:
    """Return what a search has come to, by name: numbers of both stores, weights, and the bytes of every picture."""
    place, found = Place.at(home, None, None), dict[str, object]()
    tracker = tracking.open_existing(place.tracking_uri)
    assert tracker
    with storage.reading(place.storage) as store, closing(tracker):
        for trial in storage.load(store, STUDY).get_trials():
            found |= _of_trial(trial)
        for record in tracker.records(STUDY):
            found |= _of_run(tracker, record)
    return found


def _of_trial(trial: FrozenTrial) -> dict[str, object]:
    measured = {name: value for name, value in trial.user_attrs.items() if isinstance(value, float)}
    numbers = measured | {"values": trial.values, "steps": trial.intermediate_values, "parameters": trial.params}
    return {f"{name} of trial {trial.number} in Optuna": numbers[name] for name in numbers.keys() - MEASURED}


def _of_run(tracker: Tracker, record: Record) -> dict[str, object]:
    histories = tracker.histories(record.id)
    found: dict[str, object] = {
        f"{name} of {record.name} in MLflow": [(one.step, one.value) for one in histories[name]]
        for name in histories.keys() - MEASURED
    }
    found |= {f"{name} of {record.name}": value for name, value in record.parameters.items()}
    # The study's own page has charts of what took how long.
    kept = [name for name in record.artifacts if not name.endswith(".html")]
    found |= {f"{name} of {record.name}": tracker.read(record.id, name) for name in kept}
    if MODEL_TAG in record.tags:
        with tempfile.TemporaryDirectory() as folder:
            found[f"network of {record.name}"] = _network(tracker.model(record.id, Path(folder)).file)
    return found


def _network(file: Path) -> dict[str, object]:
    """Return what a `.keras` file holds, but for its date and for addresses in the memory of who wrote it."""
    with zipfile.ZipFile(file) as held:
        layers = re.sub(rb'"shared_object_id": \d+', b"", held.read("config.json"))
        weights = held.read("model.weights.h5")
    return {"layers": layers, "weights": hashlib.sha256(weights).hexdigest()}


def differing(one: Mapping[str, object], other: Mapping[str, object]) -> list[str]:
    """Return the names of what is not the same."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def main() -> None:
    """Search under each setting that is named, or all, and print what differs from a plain search."""
    library_output.libraries()
    root = Path(tempfile.mkdtemp(prefix="hostile-"))
    usual = results(search(root / "plain", Setting()))
    print(f"plain: {len(usual)} numbers, networks, pictures and tables", flush=True)
    same = 0
    names = sys.argv[1:] or list(SETTINGS)
    for count, name in enumerate(names):
        try:
            found = differing(usual, results(search(root / str(count), SETTINGS[name])))
        except subprocess.CalledProcessError as error:
            found = [f"ended with {error.returncode}: " + (root / str(count) / "said.txt").read_text()[-300:]]
        same += not found
        print(f"{name}: {'same' if not found else f'{len(found)} differ, such as {found[:4]}'}", flush=True)
    print(f"{same} of {len(names)} the same")


if __name__ == "__main__":
    main()
