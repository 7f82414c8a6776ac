"""NePS's PriorBand: Hyperband that draws at random, by a prior, or around the best. The prior is the start.

pip install neural-pipeline-search==0.17.0

What is not asked for is drawn all the same, and left out.
"""

import logging
import warnings
from typing import Any

import neps
from dialogue import Peer, asked, problem, serve
from neps.space.parameters import HPOCategorical, HPOFloat, HPOInteger
from neps.space.search_space import SearchSpace

FIDELITY = "epochs"


class Neps(Peer):
    """Values are losses there, 100 less."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._space, self._rungs = told["space"], told["rungs"]
        believed = told["starts"][0] if told["starts"] else {}
        elements = {one["name"]: _parameter(one, believed.get(one["name"])) for one in self._space}
        # The first rung: fidelities are divided by three from the last on.
        least = self._rungs[-1] / 3 ** (len(self._rungs) - 1)
        elements[FIDELITY] = HPOFloat(lower=least, upper=self._rungs[-1], is_fidelity=True)
        first = "highest_fidelity" if believed else False
        space = SearchSpace(elements)
        # Without a prior there is nothing to set them apart.
        algorithms = neps.algorithms
        made = algorithms.priorband(space, sample_prior_first=first) if believed else algorithms.hyperband(space)
        self._optimizer = neps.AskAndTell(optimizer=made)
        self._choices = {
            one["name"]: {str(choice): choice for choice in one["choices"]} for one in self._space if "choices" in one
        }
        self._trials: dict[tuple[int, int], str] = {}

    def ask(self) -> tuple[int, dict[str, Any], int]:
        """Return what the tool says."""
        trial = self._optimizer.ask()
        key = int(trial.id.partition("_")[0])
        until = min(self._rungs, key=lambda rung: abs(rung - trial.config[FIDELITY]))
        self._trials[key, until] = trial.id
        drawn = {
            name: self._choices[name][value] if name in self._choices else value
            for name, value in trial.config.items()
            if name != FIDELITY
        }
        return key, asked(self._space, drawn), until

    def tell(self, key: int, epoch: int, value: float) -> None:
        """Let the tool know."""
        self._optimizer.tell(self._trials[key, epoch], 100.0 - value)


def _parameter(one: dict[str, Any], believed: Any) -> Any:
    known = {} if believed is None else {"prior": believed, "prior_confidence": "medium"}
    if one["kind"] == "choices":
        known |= {"prior": str(believed)} if known else {}
        return HPOCategorical(choices=[str(choice) for choice in one["choices"]], **known)
    kind = HPOInteger if one["kind"] == "whole" else HPOFloat
    return kind(lower=one["low"], upper=one["high"], log=one["log"], **known)


warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)
serve(Neps(problem()))
