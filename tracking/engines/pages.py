"""What MLflow finds, of which it gives one page at a time."""

from collections.abc import Callable, Iterator
from typing import Any


def everything(ask: Callable[[str | None], Any]) -> Iterator[Any]:
    """Yield what is on all pages; `ask` takes the token of one."""
    token = None
    while True:
        page = ask(token)
        yield from page
        token = page.token
        if not token:
            return
