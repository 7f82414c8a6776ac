"""The search: Optuna decides, workers train, MLflow records. Optuna is imported in this package and nowhere else.

From Python: `from search import Study`.
"""

import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search.notebook import Study

__all__ = ["Study"]


def __getattr__(name: str) -> object:
    # Workers import this package, too, and neither of the stores.
    if name == "Study":
        # tqdm, of which Optuna would draw bars and nobody here does, asks for widgets in every notebook.
        warnings.filterwarnings("ignore", message="IProgress not found")
        from search.notebook import Study

        return Study
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
