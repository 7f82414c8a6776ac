"""Roughly how long a search takes and how much it writes, known before it begins."""

from dataclasses import dataclass
from math import ceil

import models
from models.data import Images
from search.policies import pruners
from search.problem.planned import planned_baselines
from search.problem.settings import Settings
from search.workers.execution import Plan

# Images for which families state their seconds.
STATED_IMAGES = 54_000
STATED_ALL_IMAGES = 70_000
STATED_PIXELS = 28 * 28
# What threads and bfloat16 make of an epoch that is bound by arithmetic, seen with LeNet-5 on two cores.
EXPONENT_OF_THREADS = -0.6
BFLOAT16 = 0.5
# Importing TensorFlow, opening the stores.
START_SECONDS = 15.0
# Building, judging and recording one network.
TRIAL_SECONDS = 4.0
ARTIFACT_MEGABYTES = 1.2
# Two new databases and their journals, logs.
STORES_MEGABYTES = 20.0
# What a trial under way keeps of its network: weights, two moments of each and the best weights in a checkpoint, and
# the model twice, beside that and in the run.
NETWORKS_UNDER_WAY = 6


@dataclass(frozen=True)
class Estimate:
    """`epochs` over all trials; `seconds` until the end, not more than a timeout; `megabytes` under the home folder."""

    epochs: int
    seconds: float
    first_epoch_seconds: float
    megabytes: float


def estimate(settings: Settings, plan: Plan, images: Images, trials_left: int | None) -> Estimate:
    """Estimate the trials that are left, baselines first; None: as many as the timeout allows."""
    cost = models.family(settings.family).cost
    pixels = images.shape.height * images.shape.width / STATED_PIXELS
    epoch_seconds = cost.epoch_seconds * len(images.train) / STATED_IMAGES * pixels
    if cost.bound_by == "arithmetic":
        epoch_seconds *= plan.threads**EXPONENT_OF_THREADS
        epoch_seconds *= BFLOAT16 if plan.precision == "bfloat16" else 1.0
    count = sum(len(split) for _, split in images.splits())
    first_epoch = START_SECONDS + cost.preparation_seconds * count / STATED_ALL_IMAGES + epoch_seconds
    usual_epochs = settings.epochs * pruners.share(settings)
    if trials_left is None:
        # As if all were drawn: where time is short, that errs on the side of more to write.
        time = max((settings.timeout or 0.0) - first_epoch, 0.0) * plan.workers
        trials_left = max(plan.workers, ceil(time / (usual_epochs * epoch_seconds + TRIAL_SECONDS)))
    baselines = [planned.epochs for planned in planned_baselines(settings)][:trials_left]
    epochs = sum(baselines) + (trials_left - len(baselines)) * usual_epochs
    seconds = first_epoch + (epochs * epoch_seconds + trials_left * TRIAL_SECONDS) / plan.workers
    spent = min(seconds, settings.timeout) if settings.timeout else seconds
    # What is likely to be begun before the time is over.
    begun = spent / seconds
    # Those that `--keep` leaves, and one a worker that is not judged yet.
    networks = min(trials_left, settings.keep + len(baselines) + plan.workers) if settings.keep else trials_left
    recorded = begun * (trials_left * ARTIFACT_MEGABYTES + networks * cost.model_megabytes)
    return Estimate(
        epochs=round(begun * epochs),
        seconds=spent,
        first_epoch_seconds=first_epoch,
        megabytes=recorded + images.train.images.nbytes / 1e6,
    )


def least_megabytes(settings: Settings, plan: Plan) -> float:
    """Estimate what must be free for one trial a worker to be recorded: much less than all of them take together."""
    network = models.family(settings.family).cost.model_megabytes
    return STORES_MEGABYTES + plan.workers * (NETWORKS_UNDER_WAY * network + ARTIFACT_MEGABYTES)
