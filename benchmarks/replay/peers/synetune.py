"""Syne Tune's schedulers: `asha`, its stopping ASHA of random draws, and `cqr`, the same with quantile regression.

pip install "syne-tune[basic]==0.16.0" huggingface_hub xgboost

Its spaces know no conditions: what is not asked for is drawn all the same, and left out, as its users do.
"""

import datetime
import logging
import random
import sys
from typing import Any

from dialogue import Peer, asked, problem, serve
from syne_tune.backend.trial_status import Trial
from syne_tune.config_space import choice, lograndint, loguniform, randint, uniform
from syne_tune.optimizer import baselines

SCHEDULERS = {"asha": "ASHA", "cqr": "ASHACQR", "bohb": "BOHB"}
# The rungs of its stopping rule, from a grace period of the first on, each three times the one before.
FACTOR = 3


class Syne(Peer):
    """A trial goes on at once where the scheduler lets it."""

    def __init__(self, told: dict[str, Any], scheduler: str) -> None:
        self._space, last = told["space"], told["rungs"][-1]
        first = told["rungs"][0]
        self._rungs = [first * FACTOR**place for place in range(10) if first * FACTOR**place < last] + [last]
        rng = random.Random(told["seed"])  # noqa: S311 - what it draws is left out again
        whole = [{**{one["name"]: _any(one, rng) for one in self._space}, **start} for start in told["starts"]]
        self._scheduler = getattr(baselines, SCHEDULERS[scheduler])(
            config_space={one["name"]: _domain(one) for one in self._space},
            metric="accuracy",
            do_minimize=False,
            random_seed=told["seed"],
            points_to_evaluate=whole or None,
            time_attr="epoch",
            max_t=last,
            grace_period=first,
        )
        self._trials: dict[int, Trial] = {}
        self._going_on: list[tuple[int, int]] = []

    def ask(self) -> tuple[int, dict[str, Any], int]:
        """Return what the tool says."""
        if self._going_on:
            key, until = self._going_on.pop(0)
        else:
            key, until = len(self._trials), self._rungs[0]
            drawn = self._scheduler.suggest().config
            self._trials[key] = Trial(key, drawn, datetime.datetime.now())
            self._scheduler.on_trial_add(self._trials[key])
        drawn = self._trials[key].config
        plain = {name: value.item() if hasattr(value, "item") else value for name, value in drawn.items()}
        return key, asked(self._space, plain), until

    def tell(self, key: int, epoch: int, value: float) -> None:
        """Let the tool know."""
        told = {"accuracy": value, "epoch": epoch}
        decision = self._scheduler.on_trial_result(self._trials[key], told)
        if epoch == self._rungs[-1]:
            self._scheduler.on_trial_complete(self._trials[key], told)
        elif decision == "CONTINUE":
            self._going_on.append((key, self._rungs[self._rungs.index(epoch) + 1]))


def _domain(one: dict[str, Any]) -> Any:
    if one["kind"] == "choices":
        return choice(one["choices"])
    kinds = {("whole", True): lograndint, ("whole", False): randint, ("number", True): loguniform}
    return kinds.get((one["kind"], one["log"]), uniform)(one["low"], one["high"])


def _any(one: dict[str, Any], rng: random.Random) -> Any:
    return rng.choice(one["choices"]) if one["kind"] == "choices" else one["low"]


logging.disable(logging.CRITICAL)
serve(Syne(problem(), sys.argv[1]))
