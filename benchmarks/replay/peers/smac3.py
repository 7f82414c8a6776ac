"""SMAC3's multi-fidelity facade: a random forest under Hyperband. `priors`: the start is also believed in.

pip install smac==2.4.1
"""

import logging
import math
import sys
import tempfile
import warnings
from typing import Any

from ConfigSpace import Categorical, Configuration, ConfigurationSpace, Float, InCondition, Integer, Normal
from dialogue import Peer, problem, serve
from smac import MultiFidelityFacade, Scenario
from smac.acquisition.function import EI, PriorAcquisitionFunction
from smac.runhistory.dataclasses import TrialInfo, TrialValue

TRIALS = 5000
# Else it would draw ten times as many as there are hyperparameters before it models anything: all there is time for.
DRAWN = 10
# As the tool's own examples have it.
DECAY = 10
# Half of what is drawn of a choice is the believed one; a number's standard deviation is a fifth of its range.
BELIEVED, SPREAD = 0.5, 0.2


class Smac(Peer):
    """Values are costs there, 100 less."""

    def __init__(self, told: dict[str, Any], *, priors: bool) -> None:
        self._space, self._rungs = told["space"], told["rungs"]
        believed = told["starts"][0] if priors and told["starts"] else {}
        space = ConfigurationSpace(seed=told["seed"])
        made = {one["name"]: _hyperparameter(one, believed.get(one["name"])) for one in self._space}
        space.add(list(made.values()))
        for one in self._space:
            if one["when"]:
                values = [_named(made[one["when"]["name"]], value) for value in one["when"]["values"]]
                space.add(InCondition(made[one["name"]], made[one["when"]["name"]], values))
        scenario = Scenario(
            space,
            n_trials=TRIALS,
            seed=told["seed"],
            deterministic=True,
            output_directory=tempfile.mkdtemp(),
            # The first rung: budgets are divided by three from the last on.
            min_budget=self._rungs[-1] / 3 ** (len(self._rungs) - 1),
            max_budget=self._rungs[-1],
        )
        # It would ask for them after all that it draws by itself. They are trained first instead, and told.
        self._starts = [
            Configuration(space, values={name: _named(made[name], value) for name, value in start.items()})
            for start in told["starts"]
        ]
        more = {"acquisition_function": PriorAcquisitionFunction(EI(), decay_beta=DECAY)} if believed else {}
        self._facade = MultiFidelityFacade(
            scenario,
            lambda config, seed=0, budget=0: 0.0,  # noqa: ARG005 - never called, but looked at for these names
            initial_design=MultiFidelityFacade.get_initial_design(scenario, n_configs=DRAWN),
            overwrite=True,
            logging_level=False,
            **more,
        )
        self._choices = {
            one["name"]: {str(choice): choice for choice in one["choices"]} for one in self._space if "choices" in one
        }
        self._keys: dict[Configuration, int] = {}
        self._infos: dict[tuple[int, int], TrialInfo] = {}

    def ask(self) -> tuple[int, dict[str, Any], int]:
        """Return what the tool says."""
        if self._starts:
            info = TrialInfo(self._starts.pop(0), seed=0, budget=float(self._rungs[-1]))
        else:
            info = self._facade.ask()
        key = self._keys.setdefault(info.config, len(self._keys))
        until = min(self._rungs, key=lambda rung: abs(rung - info.budget))
        self._infos[key, until] = info
        parameters = {
            name: self._choices[name][value] if name in self._choices else value
            for name, value in dict(info.config).items()
        }
        return key, {name: _plain(value) for name, value in parameters.items()}, until

    def tell(self, key: int, epoch: int, value: float) -> None:
        """Let the tool know."""
        self._facade.tell(self._infos[key, epoch], TrialValue(cost=100.0 - value), save=False)


def _hyperparameter(one: dict[str, Any], believed: Any) -> Any:
    if one["kind"] == "choices":
        names = [str(choice) for choice in one["choices"]]
        rest = (1 - BELIEVED) / max(len(names) - 1, 1)
        weights = None if believed is None else [BELIEVED if name == str(believed) else rest for name in names]
        return Categorical(one["name"], names, weights=weights)
    kind = Integer if one["kind"] == "whole" else Float
    ends = (one["low"], one["high"])
    if believed is None or kind is Integer:
        return kind(one["name"], ends, log=one["log"])
    width = math.log(ends[1] / ends[0]) if one["log"] else ends[1] - ends[0]
    return kind(one["name"], ends, log=one["log"], distribution=Normal(believed, SPREAD * width))


def _named(hyperparameter: Any, value: Any) -> Any:
    return str(value) if hasattr(hyperparameter, "choices") else value


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)
serve(Smac(problem(), priors="priors" in sys.argv))
