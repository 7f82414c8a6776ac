"""Trainings of the real families in real workers, killed in the middle and gone on with."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import models
from search.policies.answers import Answer
from search.workers.engines.processes import Processes
from search.workers.messages import Died, Ending, EpochDone, Job, Trained
from tests.support import STATEFUL, job_of, make_images

EPOCHS = 4
Told = tuple[list[dict[str, float]], Trained]


def identical(folder: Path, seed: int, times: int) -> Iterator[tuple[str, int, int]]:
    """Yield for each family how many killed trainings gave what uninterrupted ones give, and how many were killed."""
    dice = random.Random(seed)
    images = make_images()
    engine = Processes(1, 1, folder / "logs")
    try:
        for name in models.names():
            same = died = 0
            for number in range(times):
                jobs = [
                    job_of(name, images, folder / f"{name}-{number}", number, EPOCHS, **STATEFUL) for number in (0, 1)
                ]
                whole, _ = _train(engine, jobs[0], None, dice)
                broken, deaths = _train(engine, jobs[1], dice.randrange(EPOCHS), dice)
                same += _alike(whole, broken)
                died += deaths
            yield name, same, died
    finally:
        engine.close()


def _train(engine: Processes, job: Job, fatal_epoch: int | None, dice: random.Random) -> tuple[Told, int]:
    """Train; the worker is killed at some moment after this epoch is told."""
    epochs: list[dict[str, float]] = []
    deaths = 0
    engine.start(job)
    while True:
        received = engine.receive(timeout=600)
        assert received is not None, "the worker fell silent"
        _, message = received
        if isinstance(message, EpochDone):
            epochs.append({name: value for name, value in message.metrics.items() if name != "seconds"})
        if not isinstance(message, Ending):
            engine.answer(job.number, Answer.GO_ON)
        if isinstance(message, EpochDone) and message.epoch == fatal_epoch and not deaths:
            time.sleep(dice.uniform(0, 0.2))
            deaths = 1
            engine.kill(job.number)
            while not isinstance(message, Died):
                # What it had told before it died.
                _, message = engine.receive(timeout=600) or (0, message)
            epochs.clear()
            engine.start(job)
        elif isinstance(message, Ending):
            assert isinstance(message, Trained), message
            return (epochs, message), deaths


def _alike(one: Told, other: Told) -> bool:
    return (
        one[0] == other[0]
        and one[1].test.metrics == other[1].test.metrics
        and one[1].best_epoch == other[1].best_epoch
        and np.array_equal(one[1].test.confidence, other[1].test.confidence)
    )
