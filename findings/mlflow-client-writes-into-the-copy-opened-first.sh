#!/usr/bin/env bash
# One would guess: two MlflowClients with different tracking addresses are two stores, whatever they hold.
#
# What happens: files logged to a run by the second client go into the first one's folder, over what is there, where both
# stores have a run of the same id, as a store and its restored backup have. Values go where they should: the run's
# metrics and tags are in the second store, its files in the first. Listing the run's files by the second client shows
# none. No warning.
#
# Why: the client keeps the places of files in one table for the whole process, by the id of a run or a model alone
# (`_artifact_repos_cache` in mlflow/tracking/_tracking_service). What is listed and downloaded does not go through it.
#
# Versions: mlflow 3.17.2, Python 3.11. Source: the library's own code, and what this script shows.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mlflow==3.17.2

mkdir "$folder/stores"
cat > "$folder/try.py" <<'PYTHON'
import shutil
import sqlite3
import sys
from pathlib import Path

import mlflow
from mlflow import MlflowClient

print("Python", sys.version.split()[0], "and mlflow", mlflow.__version__)
here = Path(sys.argv[1])
first, second = here / "first", here / "second"
first.mkdir()
client = MlflowClient(f"sqlite:///{first}/mlflow.db")
experiment = client.create_experiment("one", artifact_location=(first / "files").as_uri())
run = client.create_run(experiment).info.run_id

# A backup that is restored beside the store, and says in every address that it is there.
shutil.copytree(first, second)
with sqlite3.connect(second / "mlflow.db") as database:
    for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
        database.execute(f"UPDATE {table} SET {column} = replace({column}, '{first.as_uri()}', '{second.as_uri()}')")

other = MlflowClient(f"sqlite:///{second}/mlflow.db")
assert other.get_run(run).info.artifact_uri.startswith(second.as_uri())
client.log_text(run, "of the first", "note.txt")
other.log_text(run, "of the second", "note.txt")
other.set_tag(run, "whose", "of the second")

found = {str(file.relative_to(here)): file.read_text() for file in here.glob("*/files/**/note.txt")}
print("files on the disk:", found)
print("listed by the second client:", [file.path for file in other.list_artifacts(run)])
print("tags:", client.get_run(run).data.tags.get("whose"), "and", other.get_run(run).data.tags.get("whose"))
(only,) = found.items()
assert only == (f"first/files/{run}/artifacts/note.txt", "of the second"), "it behaves otherwise now"
assert other.list_artifacts(run) == [], "it behaves otherwise now"
assert other.get_run(run).data.tags["whose"] == "of the second"
PYTHON

MLFLOW_DISABLE_TELEMETRY=true "$folder/venv/bin/python" "$folder/try.py" "$folder/stores" 2> "$folder/log" || {
  tail -5 "$folder/log"
  exit 1
}
