"""Optuna's trials as JSON, and back: all of each, to the last bit."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from optuna.distributions import distribution_to_json, json_to_distribution
from optuna.trial import FrozenTrial, TrialState

from search.store import dashboard_notes

# What is made anew for each home: pictures go by the numbers of its own storage.
OF_THIS_HOME = dashboard_notes.ARTIFACT.format("")


def to_json(trial: FrozenTrial) -> dict[str, Any]:
    """Return all that a storage has of a trial."""
    return {
        "number": trial.number,
        "state": trial.state.name,
        "values": trial.values,
        "began": _written(trial.datetime_start),
        "ended": _written(trial.datetime_complete),
        "parameters": {
            name: {"value": value, "distribution": json.loads(distribution_to_json(trial.distributions[name]))}
            for name, value in trial.params.items()
        },
        "reports": sorted(trial.intermediate_values.items()),
        "attributes": trial.user_attrs,
        "system": {name: kept for name, kept in trial.system_attrs.items() if not name.startswith(OF_THIS_HOME)},
    }


def of_json(known: Mapping[str, Any]) -> FrozenTrial:
    """Return the trial again, as it would be read from a storage of this machine."""
    parameters = known["parameters"]
    return FrozenTrial(
        number=int(known["number"]),
        state=TrialState[known["state"]],
        value=None,
        values=known["values"],
        datetime_start=_read(known["began"]),
        datetime_complete=_read(known["ended"]),
        params={name: drawn["value"] for name, drawn in parameters.items()},
        distributions={
            name: json_to_distribution(json.dumps(drawn["distribution"])) for name, drawn in parameters.items()
        },
        user_attrs=dict(known["attributes"]),
        system_attrs=dict(known["system"]),
        intermediate_values={int(step): float(value) for step, value in known["reports"]},
        trial_id=-1,
    )


def _written(local: datetime | None) -> str | None:
    """Return a time in UTC: Optuna gives it by this machine's clock, and without a zone."""
    return local.astimezone(UTC).isoformat() if local else None


def _read(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone().replace(tzinfo=None) if text else None
