"""How a search uses this machine: decided here, shown by `--dry-run`, recorded with every run."""

import hashlib
import json
import multiprocessing
import os
import platform
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import models
from models import runtime
from models.batches import evaluation_batch
from models.data.images import Shape
from models.family import Choice, Resources
from models.precision import Precision
from models.probe import EPOCHS, IMAGES, STEPS, Pace
from search.problem import baselines
from search.system.wording import counted
from search.workers import engines
from search.workers.engines import Engine
from search.workers.messages import Built, EpochDone, Probe, Probed

if TYPE_CHECKING:
    from search.problem.settings import Settings

# What a worker takes while it trains: TensorFlow, a network, and its share of the images.
WORKER_MEGABYTES = 1_500.0
# The least gain for which a network computes in bfloat16, and the standard errors by which it may do worse in a probe.
LEAST_GAIN = 1.2
STANDARD_ERRORS = 3.0
# From this compute capability on, NVIDIA's GPUs have bfloat16.
AMPERE = (8, 0)
# What Linux calls the instructions of processors that have bfloat16.
INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "avx_ne_convert", "bf16")


@dataclass(frozen=True)
class Machine:
    """What there is to compute with. `gpus` are the compute capabilities of those that TensorFlow sees."""

    processor: str
    cores: int
    megabytes: float
    bfloat16: bool
    gpus: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Plan:
    """How trials are trained: so many side by side, on so many threads each, and computing in `precision`.

    Where `probe` is set the precision is only known after a race on this machine. `devices` are the numbers of GPUs,
    one for each worker; empty: the processor. An epoch is one call into TensorFlow, whatever its number of steps.
    """

    workers: int
    threads: int
    precision: Precision
    why: str
    evaluation_batch: int
    devices: tuple[str, ...] = ()
    probe: bool = False

    @property
    def text(self) -> str:
        """The plan in a line."""
        on = f" on GPU {', '.join(self.devices)}" if self.devices else f" of {counted(self.threads, 'thread')}"
        return f"{counted(self.workers, 'worker')}{on}, {self.precision} ({self.why})"

    def tags(self) -> dict[str, str]:
        """Return what a run says of it."""
        return {
            "execution.precision": self.precision,
            "execution.workers": str(self.workers),
            "execution.threads": str(self.threads),
            "execution.evaluation_batch": str(self.evaluation_batch),
            "execution.steps_per_call": "an epoch",
        } | ({"execution.devices": ", ".join(self.devices)} if self.devices else {})


@cache
def machine() -> Machine:
    """Return what this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    about = _file("/proc/cpuinfo")
    flags = next((line.split() for line in about.splitlines() if line.startswith(("flags", "Features"))), [])
    named = next((line.partition(":")[2].strip() for line in about.splitlines() if line.startswith("model name")), "")
    return Machine(
        processor=named or platform.processor() or platform.machine(),
        cores=cores,
        megabytes=_free_megabytes(),
        bfloat16=any(name in flags for name in INSTRUCTIONS),
        gpus=_gpus(),
    )


def _free_megabytes() -> float:
    lines = _file("/proc/meminfo").splitlines()
    free = next((float(line.split()[1]) / 1e3 for line in lines if line.startswith("MemAvailable")), None)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e6 if free is None else free


def _gpus() -> tuple[tuple[int, int], ...]:
    """Ask TensorFlow, in a process of its own: the driver never imports it. It takes 5 s."""
    if not any(Path("/dev").glob("nvidia[0-9]*")):
        return ()
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(runtime.gpus).result()


def _file(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def plan(settings: "Settings", shape: Shape, there: Machine) -> Plan:
    """Decide. What a person has set by hand stands; a probe of an earlier call is not made again."""
    workers = _workers(settings, there)
    devices = tuple(str(number % len(there.gpus)) for number in range(workers)) if there.gpus else ()
    decided = Plan(
        workers=workers,
        threads=max(1, there.cores // workers),
        precision="float32",
        why="chosen by hand",
        evaluation_batch=evaluation_batch((shape.height, shape.width, shape.channels)),
        devices=devices,
    )
    if settings.precision != "auto":
        return replace(decided, precision=settings.precision)
    if there.gpus:
        fast = min(there.gpus) >= AMPERE
        return replace(decided, precision="bfloat16" if fast else "float32", why=f"GPUs {_have(fast)} bfloat16")
    if models.family(settings.family).cost.bound_by == "dispatch":
        return replace(decided, why="its operations are small: bfloat16 gains nothing")
    if not there.bfloat16:
        return replace(decided, why="the processor does not have bfloat16")
    if baselines.best(settings.family) is None:
        return replace(decided, why="no known configuration to try bfloat16 with")
    known = _read(_place(settings, decided, shape, there))
    return judged(decided, known) if known else replace(decided, probe=True, why="unless a probe finds bfloat16 faster")


def _have(there: bool) -> str:
    return "have" if there else "do not have"


def _workers(settings: "Settings", there: Machine) -> int:
    """One for each core, or GPU: small networks gain less from a second thread than from a second network."""
    fit = max(1, int(there.megabytes / WORKER_MEGABYTES))
    usual = len(there.gpus) or min(there.cores, fit)
    limits = (settings.workers or usual, engines.most(settings.engine), settings.trials)
    return min(limit for limit in limits if limit is not None)


def judged(decided: Plan, paces: Mapping[Precision, Pace]) -> Plan:
    """Choose the precision by the outcome of a race."""
    usual, short = paces["float32"], paces["bfloat16"]
    gain = usual.seconds / short.seconds
    # Of a difference, as if the two were judged on different images: what chance makes of so few steps is in it.
    margin = STANDARD_ERRORS * (2 * usual.value * (1 - usual.value) / IMAGES) ** 0.5 if 0 <= usual.value <= 1 else 0.0
    as_good = short.value >= usual.value - margin
    if gain < LEAST_GAIN or not as_good:
        worse = "" if as_good else f", and worse: {short.value:.3f} instead of {usual.value:.3f}"
        return replace(decided, probe=False, why=f"bfloat16 was {gain:.1f} times as fast in a probe{worse}")
    return replace(
        decided,
        probe=False,
        precision="bfloat16",
        why=f"{gain:.1f} times as fast as float32 in a probe, and as good",
    )


def probed(decided: Plan, engine: Engine, settings: "Settings", shape: Shape, shared: Path, there: Machine) -> Plan:
    """Let a worker race the precisions where the plan asks for it, and keep the outcome for later calls."""
    if not decided.probe:
        return decided
    resources = Resources(settings.home / "cache", settings.weights)
    engine.start(Probe(settings.family, _raced(settings.family), shared, resources))
    while (received := engine.receive(timeout=1.0)) is None or isinstance(received[1], Built | EpochDone):
        continue
    outcome = received[1]
    if not isinstance(outcome, Probed):
        return replace(decided, probe=False, why=f"the probe of bfloat16 failed: {getattr(outcome, 'reason', '')}")
    _write(_place(settings, decided, shape, there), outcome.paces)
    return judged(decided, outcome.paces)


def _raced(family: str) -> dict[str, Choice]:
    """Return the configuration of a probe: the reports' best network, in steps that teach it something in so few."""
    best = baselines.best(family)
    return {**best.parameters, **STEPS} if best else {}


def _place(settings: "Settings", decided: Plan, shape: Shape, there: Machine) -> Path:
    """Name the file of a probe by all that it depends on."""
    key = {
        "processor": there.processor,
        "cores": there.cores,
        "threads": decided.threads,
        "family": settings.family,
        "configuration": _raced(settings.family),
        "shape": asdict(shape),
        "versions": [version("tensorflow"), version("keras")],
        "epochs": EPOCHS,
        "images": IMAGES,
    }
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
    return settings.home / "cache" / "probes" / f"{settings.family}-{digest}.json"


def _read(place: Path) -> dict[Precision, Pace] | None:
    """Return the outcome of a probe; None where there is none, or it cannot be read and is to be made again."""
    try:
        found: dict[Any, Any] = json.loads(place.read_text())
        return {"float32": Pace(**found["float32"]), "bfloat16": Pace(**found["bfloat16"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(place: Path, paces: Mapping[Precision, Pace]) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = place.with_suffix(f".{os.getpid()}.partial")
    partial.write_text(json.dumps({name: asdict(pace) for name, pace in paces.items()}))
    partial.replace(place)
