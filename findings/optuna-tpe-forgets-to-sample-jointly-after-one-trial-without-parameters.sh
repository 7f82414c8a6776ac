#!/usr/bin/env bash
# One would guess: `TPESampler`, which models hyperparameters together, goes on doing so when one trial has none, such as
# one that was given up before it asked for any; it has nothing to tell of them.
# What happens: that trial ends it for good. What is sampled jointly are the hyperparameters that *all* complete and pruned
# trials have, with equal ranges, and of nothing and something in common there is nothing. From then on each one is drawn
# by itself, without a word; a single trial with another range does the same. A failed trial without any does not.
# Why it matters: a study in which hyperparameters hang together searches worse, for the rest of its life, after one
# `raise TrialPruned` at the top of an objective, or one `add_trial` of an earlier range.
# Versions: optuna 5.0.0, Python 3.11 to 3.13. Source: `IntersectionSearchSpace.calculate`, which keeps the intersection of
# all trials that it has seen and never widens it, and `TPESampler.infer_relative_search_space`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "optuna==5.0.0"
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import platform

import optuna
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState

optuna.logging.set_verbosity(optuna.logging.ERROR)
print(f"Python {platform.python_version()}, optuna {optuna.__version__}")
NARROW, WIDE = FloatDistribution(0, 1), FloatDistribution(0, 2)


def distance(trial):
    return (trial.suggest_float("x", 0, 1) - trial.suggest_float("y", 0, 1)) ** 2


def jointly(odd):
    """Return how many hyperparameters are sampled jointly before an odd trial and 20 trials after it."""
    sampler = optuna.samplers.TPESampler(seed=0, n_startup_trials=5)
    study = optuna.create_study(sampler=sampler)
    study.optimize(distance, n_trials=10)
    before = len(sampler.infer_relative_search_space(study, study.trials[-1]))
    odd(study)
    study.optimize(distance, n_trials=20)
    return before, len(sampler.infer_relative_search_space(study, study.trials[-1]))


def of_a_wider_range(study):
    ranges = {"x": WIDE, "y": WIDE}
    study.add_trial(optuna.trial.create_trial(value=1.0, params={"x": 0.5, "y": 0.5}, distributions=ranges))


found = {
    "no odd trial": jointly(lambda study: None),
    "one that failed without hyperparameters": jointly(lambda study: study.tell(study.ask(), state=TrialState.FAIL)),
    "one that was pruned without": jointly(lambda study: study.tell(study.ask(), state=TrialState.PRUNED)),
    "one that is complete without": jointly(lambda study: study.tell(study.ask(), 1.0)),
    "one with wider ranges": jointly(of_a_wider_range),
}
for odd, (before, after) in found.items():
    print(f"sampled jointly of 2, {odd}: {before} before, {after} after 20 more trials")
assert list(found.values()) == [(2, 2), (2, 2), (2, 0), (2, 0), (2, 0)], "Optuna behaves otherwise now"
PYTHON
