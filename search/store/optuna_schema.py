"""The versions of Optuna's tables in SQLite files."""

from pathlib import Path
from typing import Final

import optuna
from optuna.storages import RDBStorage

from search.system import optuna_internals
from tracking import databases
from tracking.schemas import Schema

# What a search records: of these no row may be lost.
COUNTED: Final = frozenset(
    {
        "studies",
        "study_directions",
        "study_user_attributes",
        "study_system_attributes",
        "trials",
        "trial_params",
        "trial_values",
        "trial_intermediate_values",
        "trial_user_attributes",
        "trial_system_attributes",
    }
)
_USED_BY = "SELECT library_version FROM version_info"


def of(file: Path, there: Path, patience: float) -> Schema:
    """Return what Optuna's tables in a file are like that is read `there`. Raises `sqlite3.Error`; changes nothing."""
    scripts = optuna_internals.migrations()
    return Schema(
        file=file,
        library="Optuna",
        version=optuna.__version__,
        found=", ".join(databases.column(there, databases.REVISION, patience)),
        wanted=", ".join(scripts.get_heads()),
        known=frozenset(script.revision for script in scripts.walk_revisions()),
        used_by="".join(databases.column(there, _USED_BY, patience)),
        flag="--storage",
        counted=COUNTED,
        migrate=_migrate,
    )


def _migrate(file: Path) -> None:
    """Raises what SQLAlchemy does."""
    store = RDBStorage(databases.address_of(file), skip_compatibility_check=True, skip_table_creation=True)
    try:
        store.upgrade()
    finally:
        store.engine.dispose()
