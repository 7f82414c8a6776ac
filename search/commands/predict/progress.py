"""How far a long row of images has come, on stderr."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from search.output.progress import say

# Seconds between two lines where nobody looks at a terminal.
PAUSE: Final = 10.0


@contextmanager
def shown(console: Console, total: int) -> Iterator[Callable[[int], None]]:
    """Lend what is told how many of `total` images are done: a bar on a terminal, elsewhere a line now and then."""
    began = time.monotonic()

    def rate(done: int) -> str:
        return f"{done / max(time.monotonic() - began, 1e-9):,.0f} images/s"

    if not console.is_terminal:
        yield _lines(console, total, rate)
        return
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as board:
        task = board.add_task("", total=total, rate="")
        yield lambda done: board.update(task, completed=done, rate=rate(done))


def _lines(console: Console, total: int, rate: Callable[[int], str]) -> Callable[[int], None]:
    last = time.monotonic()

    def tell(done: int) -> None:
        nonlocal last
        if time.monotonic() - last > PAUSE:
            last = time.monotonic()
            say(console, f"{done:,} of {total:,} images, {rate(done)}")

    return tell
