#!/usr/bin/env bash
# One would guess: of two processes that set the same new attribute of a study at once, the later wins, or is told.
# What happens: the later call returns as if all were well, and its value is gone; a study's attribute is looked for,
# then inserted, and that another was quicker is caught and logged at DEBUG alone. An attribute of a trial, set through
# the same storage, is written over as one expects; and so is a study's, once it is there at all.
# Why it matters: "set a mark if there is none, and go on" lets both go on. Who is first is to be asked of the database.
# Versions: optuna 5.0.0, SQLAlchemy 2.1.9, Python 3.11 to 3.13. Source: `RDBStorage.set_study_user_attr`, which opens its
# session with `ignore_integrity_error=True`, beside `_set_trial_attr_without_commit`, which has `ON CONFLICT DO UPDATE`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "optuna==5.0.0" "SQLAlchemy==2.1.9"
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import platform

import optuna
import sqlalchemy
from sqlalchemy import event

optuna.logging.set_verbosity(optuna.logging.WARNING)
print(f"Python {platform.python_version()}, optuna {optuna.__version__}, SQLAlchemy {sqlalchemy.__version__}")
late, quick = (optuna.storages.RDBStorage("sqlite:///optuna.db") for _ in range(2))
study = optuna.create_study(storage=late, study_name="s")
number, trial = study._study_id, study.ask()._trial_id


def between(write):
    """Let the other process write between the moment in which the late one looks and that in which it inserts."""

    left = [write]

    def cut_in(connection, cursor, statement, parameters, context, many):
        if context.isinsert and left:
            left.pop()()

    event.listen(late.engine, "before_cursor_execute", cut_in)


between(lambda: quick.set_study_user_attr(number, "owner", "quick"))
late.set_study_user_attr(number, "owner", "late")
new = quick.get_study_user_attrs(number)["owner"]
late.set_study_user_attr(number, "owner", "late")
known = quick.get_study_user_attrs(number)["owner"]
between(lambda: quick.set_trial_user_attr(trial, "owner", "quick"))
late.set_trial_user_attr(trial, "owner", "late")
of_trial = quick.get_trial(trial).user_attrs["owner"]
print(f"a study's new attribute, the late one's call being the last to return: {new}")
print(f"the same attribute, once it is there: {known}")
print(f"a trial's new attribute: {of_trial}")
assert (new, known, of_trial) == ("quick", "late", "late"), "Optuna behaves otherwise now"
PYTHON
