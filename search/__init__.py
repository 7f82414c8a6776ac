"""The search: Optuna decides, workers train, MLflow records. Optuna is imported in this package and nowhere else.

From Python: `from search import Study`.
"""

# From no module: while `python -m` imports this, there may be another of any name where one stands.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from search.api import Study

__all__ = ["Study"]


def __getattr__(name: str) -> object:
    # Workers import this package, too, and neither of the stores.
    if name == "Study":
        import warnings

        from search.system import surroundings

        surroundings.require_ours()
        # tqdm, of which Optuna would draw bars and nobody here does, asks for widgets in every notebook.
        warnings.filterwarnings("ignore", message="IProgress not found")
        from search.api import Study

        return Study
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
