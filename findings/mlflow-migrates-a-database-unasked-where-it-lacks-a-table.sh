#!/usr/bin/env bash
# One would guess: a database of an older MLflow is either migrated by whoever opens it, or refused with "take a backup,
# then run mlflow db upgrade": one of the two, always; and whoever only reads changes nothing.
#
# What happens: it depends on what the release brought. Where the newer MLflow has a table more (3.16.1 to 3.17.2), the
# first client that opens the older database, be it to list experiments, migrates it without being asked and without a
# backup, and the older MLflow is shut out from then on. Where it has only columns or indices more (3.15.2 to 3.16.1),
# the very same call refuses, and changes nothing.
#
# Seen with mlflow-skinny 3.15.2, 3.16.1, 3.17.2, SQLAlchemy 2.0.58 and alembic 1.16.5, SQLite, Python 3.11.
# Source: the store's initialisation (mlflow/store/db/utils.py) compares the names of tables before it compares
# revisions; where a table is missing it takes the database for a new one, and making a new one ends in all migrations.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for version in 3.15.2 3.16.1 3.17.2; do
	python3 -m venv "$folder/$version"
	"$folder/$version/bin/pip" install --quiet "mlflow-skinny==$version" sqlalchemy==2.0.58 alembic==1.16.5 pandas==2.3.3
done
cat >"$folder/opened.py" <<'PYTHON'
import sqlite3
import sys

import mlflow
from mlflow.exceptions import MlflowException

file = sys.argv[1]


def revision():
    with sqlite3.connect(file) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
        return database.execute("SELECT version_num FROM alembic_version").fetchone()[0] if tables else "none"


before = revision()
try:
    found = [experiment.name for experiment in mlflow.MlflowClient(f"sqlite:///{file}").search_experiments()]
except MlflowException as error:
    found = "refused: " + str(error).split("(")[0]
after = revision()
print(f"mlflow {mlflow.__version__} lists experiments: {found}; revision {before} -> {after}", file=sys.stderr)
print("refused" if isinstance(found, str) else "read" if before == after else "migrated")
PYTHON
cd "$folder"
export MLFLOW_DISABLE_TELEMETRY=true MLFLOW_LOGGING_LEVEL=ERROR
opened() { "$folder/$1/bin/python" -W ignore opened.py "$2"; }
for version in 3.15.2 3.16.1; do
	echo "a database of $version:"
	sqlite=made-by-$version.db
	opened "$version" "$sqlite" >/dev/null
	[ "$(opened "$version" "$sqlite")" = read ]
	cp "$sqlite" next.db
	if [ "$version" = 3.15.2 ]; then
		[ "$(opened 3.16.1 next.db)" = refused ]
		[ "$(opened 3.15.2 next.db)" = read ]
	else
		[ "$(opened 3.17.2 next.db)" = migrated ]
		[ "$(opened 3.16.1 next.db)" = refused ]
	fi
done
