"""Names that were meant."""

import difflib
from collections.abc import Iterable


def hint(name: str, there: Iterable[str]) -> str:
    """Return ` (did you mean cnn?)`, with the nearest of the names that there are; empty where none is near."""
    known = {one.lower(): one for one in there}
    close = difflib.get_close_matches(name.lower(), known, n=1)
    return f" (did you mean {known[close[0]]}?)" if close else ""
