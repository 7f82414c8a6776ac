#!/usr/bin/env bash
# One would guess: who stops a program with Ctrl-C in the second in which MLflow makes its SQLite database can start it
# again: SQLite undoes what was begun, and migrations are made to be taken up where they ended.
#
# What happens: nothing is undone. Python's sqlite3 begins its transactions before changes of rows, not before ALTER or
# CREATE TABLE, so columns and tables of the migrations that have run are there, while the revision still names an earlier
# one. From then on every client, and `mlflow db upgrade` too, ends with "duplicate column name" or "already exists", at
# what it meets first. Nothing helps but to remove the file. A new database takes about a second and passes through all
# migrations, so a first start that is stopped at once is where it happens.
#
# Seen with mlflow-skinny 3.17.2, SQLAlchemy 2.0.58, alembic 1.16.5, SQLite, Python 3.11.
# Source: batch_alter_table of Alembic in MLflow's migrations, run by mlflow/store/db/utils.py.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mlflow-skinny==3.17.2 sqlalchemy==2.0.58 alembic==1.16.5 pandas==2.3.3
cd "$folder"
export MLFLOW_DISABLE_TELEMETRY=true MLFLOW_LOGGING_LEVEL=ERROR
venv/bin/python -W ignore - <<'PYTHON'
import alembic
import mlflow
import sqlalchemy
from sqlalchemy import event, exc

print(f"mlflow {mlflow.__version__}, sqlalchemy {sqlalchemy.__version__}, alembic {alembic.__version__}")


@event.listens_for(sqlalchemy.Engine, "before_cursor_execute")
def interrupt(connection, cursor, statement, *others):
    if statement.startswith("INSERT INTO _alembic_tmp_"):
        raise KeyboardInterrupt


try:
    mlflow.MlflowClient("sqlite:///store.db")
except KeyboardInterrupt:
    print("interrupted, as by Ctrl-C, while a table is rebuilt")
event.remove(sqlalchemy.Engine, "before_cursor_execute", interrupt)

for attempt in (1, 2):
    try:
        mlflow.MlflowClient("sqlite:///store.db").search_experiments()
    except exc.OperationalError as error:
        print(f"opened, attempt {attempt}: {error.orig}")
        assert str(error.orig) == "duplicate column name: step"
    else:
        raise SystemExit("it opens: this is not what was seen before")
PYTHON
if venv/bin/mlflow db upgrade sqlite:///store.db >upgraded.txt 2>&1; then
	echo "it is mended: this is not what was seen before"
	exit 1
fi
echo "mlflow db upgrade: $(grep --only-matching --max-count=1 'duplicate column name: step' upgraded.txt)"
