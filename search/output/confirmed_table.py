"""How the finalists of a study stand, of what it remembers of them."""

from collections.abc import Mapping
from typing import Any

from search.output.tables import Cell, Margin, Points, Sheet

INTERVALS = (
    "± is half of a 95 % interval, over seeds and test images both. The winner is chosen by the same test images, "
    "which flatters it a little."
)


def table(confirmed: Mapping[str, Any]) -> Sheet:
    """Return a row a finalist, the winner first, of what a study remembers."""
    columns = ("finalist", "seeds", "test", "±", "points", "± points", "clear", "what")
    beside = f" ({confirmed['caveat']})" if confirmed["caveat"] else ""
    rows = [_row(one) for one in confirmed["finalists"]]
    return Sheet(f"{confirmed['study']}{beside}, trained on all images but the test ones", columns, rows)


def _row(one: Mapping[str, Any]) -> tuple[Cell, ...]:
    beaten = one["difference"] is not None
    return (
        one["name"],
        one["seeds"],
        one["test_accuracy"],
        one["margin"],
        Points(one["difference"]) if beaten else None,
        Margin(one["difference_margin"]) if beaten else None,
        ("yes" if one["clear"] else "no") if beaten else "",
        one["what"],
    )
