#!/usr/bin/env bash
# One would guess: with `HyperbandPruner(max_resource=9)` a trial that has reported its ninth and last epoch is complete:
# the algorithm's last rung is where it ends, and nobody is compared there to go on to nowhere.
# What happens: where the number of epochs is a power of the reduction factor (9, 27, 81), the last epoch is a rung like
# the others: `should_prune` after it asks for the best third of those that came so far, and most trials that were
# trained in full end as PRUNED, without a value. With one epoch more or less none does. The same of
# `SuccessiveHalvingPruner(min_resource=1)`, which is not told how many epochs there are.
# Why it matters: a loop that asks after every epoch, as Optuna's examples do, pays for whole trainings and loses their
# values, also of networks that are among the best; the sampler and the user see few complete trials.
# Versions: optuna 5.0.0, Python 3.11 to 3.13. Source: `SuccessiveHalvingPruner.prune`, which counts rungs up from
# `min_resource * reduction_factor ** rung` without an end, and `HyperbandPruner`, which uses one for each bracket.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "optuna==5.0.0"
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import platform

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
print(f"Python {platform.python_version()}, optuna {optuna.__version__}")


def search(pruner, epochs):
    """Return how many of 200 trials were trained in full and pruned, and how many were complete."""
    study = optuna.create_study(
        study_name="s", direction="maximize", pruner=pruner, sampler=optuna.samplers.RandomSampler(seed=0)
    )

    def train(trial):
        accuracy = trial.suggest_float("accuracy", 0, 1)
        for epoch in range(1, epochs + 1):
            trial.report(accuracy, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        return accuracy

    study.optimize(train, n_trials=200)
    whole = [trial for trial in study.trials if trial.last_step == epochs]
    pruned = sum(trial.state == optuna.trial.TrialState.PRUNED for trial in whole)
    return pruned, len(whole) - pruned


for epochs in (8, 9, 10, 26, 27, 28):
    hyperband = search(optuna.pruners.HyperbandPruner(min_resource=1, max_resource=epochs), epochs)
    halving = search(optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3), epochs)
    print(f"{epochs} epochs, trained in full and pruned, complete: Hyperband {hyperband}, halving {halving}")
    power = epochs in (9, 27)
    assert (hyperband[0] > 0) == (halving[0] > 0) == power, "Optuna behaves otherwise now"
    if epochs == 9:
        assert hyperband[0] > hyperband[1], "fewer are lost now than are kept"
PYTHON
