"""How MLflow shows the runs of an experiment: which columns its table has, and which run comes first.

Its interface keeps what somebody has shared of that with the experiment, and finds it by a word in an address.
"""

import json
from collections.abc import Sequence
from typing import Final

WORD: Final = "search"
VIEW_TAG: Final = f"mlflow.sharedViewState.{WORD}"
# What makes the interface show training, and not language models; and, of an experiment, what was shared.
TRAINING: Final = "workflowType=machine_learning"
SHARED: Final = f"{TRAINING}&viewStateShareKey={WORD}"


def view(metrics: Sequence[str], tags: Sequence[str], *, ascending: bool) -> dict[str, str]:
    """Return the tag of an experiment that lets its runs be shown with these columns, the best by the first metric."""
    columns = [f"metrics.`{name}`" for name in metrics] + [f"tags.`{name}`" for name in tags]
    state = {"orderByKey": columns[0], "orderByAsc": ascending, "selectedColumns": columns}
    return {VIEW_TAG: json.dumps(state)}
