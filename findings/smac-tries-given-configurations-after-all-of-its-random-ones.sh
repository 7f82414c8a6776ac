#!/usr/bin/env bash
# One would guess: configurations that a person hands to SMAC3 as `additional_configs` of the initial design, such as one
# that is known to be good, are tried first, or at least early.
# What happens: they stand behind the whole design that SMAC3 draws itself, which has ten configurations for each
# hyperparameter, up to a quarter of all trials. With 16 hyperparameters the given one is asked for as the 161st. Under
# the multi-fidelity facade it is not in the first bracket at all, and the first model knows nothing of it.
# Why it matters: who warm-starts a search that has time for some sixty trainings pays for it without the start, and
# comparisons "with the same start" compare something else. `n_configs=` of the design is the way out.
# Versions: smac 2.4.1, Python 3.11. Source: `AbstractInitialDesign.select_configurations` adds them to the end of its
# list, and the facades ask in the order of that list.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "smac==2.4.1"
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import logging
import platform
from importlib.metadata import version

from ConfigSpace import Configuration, ConfigurationSpace, Float
from smac import HyperparameterOptimizationFacade, MultiFidelityFacade, Scenario
from smac.runhistory.dataclasses import TrialValue

logging.disable(logging.CRITICAL)
print(f"Python {platform.python_version()}, smac {version('smac')}")


def asked_as(kind, hyperparameters, **design):
    """Return as which one of all that it asks for a facade asks for the configuration that was given."""
    space = ConfigurationSpace(seed=0)
    space.add([Float(f"x{place}", (0.0, 1.0)) for place in range(hyperparameters)])
    given = Configuration(space, values={f"x{place}": 0.125 for place in range(hyperparameters)})
    budgets = {"min_budget": 1, "max_budget": 27} if kind is MultiFidelityFacade else {}
    scenario = Scenario(space, n_trials=5000, deterministic=True, seed=0, output_directory="out", **budgets)
    facade = kind(
        scenario,
        lambda config, seed=0, budget=0: 0.0,
        initial_design=kind.get_initial_design(scenario, additional_configs=[given], **design),
        overwrite=True,
        logging_level=False,
    )
    seen = {}
    for _ in range(400):
        info = facade.ask()
        seen.setdefault(info.config, len(seen) + 1)
        if info.config == given:
            return seen[info.config]
        facade.tell(info, TrialValue(cost=1.0), save=False)
    return None


for kind in (HyperparameterOptimizationFacade, MultiFidelityFacade):
    for hyperparameters in (4, 16):
        place = asked_as(kind, hyperparameters)
        print(f"{kind.__name__}, {hyperparameters} hyperparameters: the given one is asked for as number {place}")
        assert place == 10 * hyperparameters + 1, "SMAC3 behaves otherwise now"
print(f"with n_configs=3: as number {asked_as(MultiFidelityFacade, 16, n_configs=3)}")
PYTHON
