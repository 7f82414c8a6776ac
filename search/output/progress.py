"""What a person sees while a search goes on, on stderr: a live view on a terminal, in a notebook a line a trial.

Elsewhere it is one plain line an event.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Shown
from rich.table import Table
from rich.text import Text

from models.family import Goal
from models.watch import Watch
from search.output.remaining import Remaining
from search.store.attributes import Standing
from search.system import next_commands

STOPPING = "stopping: what is under way is put where it can go on from; once more ends this at once"


# A gain that is not worth a figure.
LEAST_GAIN = 0.001


@dataclass
class Row:
    """A trial under way."""

    label: str
    epochs: int
    epoch: int = 0
    value: float | None = None
    # Its worker has another by now: it is recorded what came of this one.
    trained: bool = False
    began: float = field(default_factory=time.monotonic)


class Progress:
    """Takes events of a search in; subclasses show them."""

    def __init__(
        self,
        console: Console,
        study: str,
        goal: Goal,
        total: int | None,
        expected: float,
        limit: float | None = None,
        budget: int | None = None,
    ) -> None:
        """`total`: trials that are asked for; None: as many as begin within the limit.

        `expected`: seconds that it should take, which is all that is known until a trial has ended.

        `limit`: seconds after which no trial begins; `budget`: epochs of each, where it is no baseline.
        """
        self.console = console
        self.study, self.goal, self.total = study, goal, total
        self._watch = Watch()
        self._left = Remaining(expected, total, limit, self._watch.seconds, budget)
        self.standing = Standing(0, 0, 0, 0, 0)
        self.best: tuple[float, int] | None = None
        self.rows: dict[int, Row] = {}
        self.waiting: set[int] = set()
        self._told_infeasible = False
        self.gain: float | None = None

    def __enter__(self) -> Self:
        self._watch.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._watch.__exit__()

    def count(self, standing: Standing, best: tuple[float, int] | None) -> None:
        """Take in how many trials stand where, and the best value and whose it is."""
        self.standing, self.best = standing, best

    def expects(self, gain: float | None) -> None:
        """Take in by how much another hour is expected to raise the best value; None: nobody can tell yet."""
        self.gain = gain

    @property
    def outlook(self) -> str:
        """What another hour is expected to gain, in words; empty where nobody can tell."""
        if self.gain is None:
            return ""
        change = "raise" if self.goal.direction == "maximize" else "lower"
        by = f"about {self.gain:.4f}" if self.gain >= LEAST_GAIN else f"less than {LEAST_GAIN}"
        return f"another hour is likely to {change} {self.goal.metric} by {by}"

    def started(self, number: int, label: str, epochs: int, done: int = 0) -> None:
        """A trial begins, or goes on after so many epochs."""
        self.rows[number] = Row(label, epochs, done)
        self._left.started(number, epochs, done)
        self.waiting.discard(number)

    def paused(self, number: int) -> None:
        """A trial waits for others, to be compared with them."""
        self.rows.pop(number, None)
        self.waiting.add(number)
        self._left.paused(number)

    def epoch(self, number: int, epoch: int, metrics: Mapping[str, float]) -> None:
        """An epoch, counted from 1, is done."""
        row = self.rows[number]
        row.epoch, row.value = epoch, metrics[self.goal.metric]
        self._left.epoch(number, epoch, self.standing.finished)

    def trained(self, number: int) -> None:
        """A worker is done with a trial."""
        if number in self.rows:
            self.rows[number].trained = True

    def stopping(self) -> None:
        """The search was asked to stop, which takes as long as what must not be torn."""
        say(self.console, STOPPING)

    def ended(self, number: int, state: str, value: float | None, reason: str) -> None:
        """A trial is over."""
        self.rows.pop(number, None)
        self._left.ended(number, self.standing.finished)

    def note(self, text: str) -> None:
        """Something worth a line."""
        say(self.console, text)

    def told(self, number: int, state: str, value: float | None, reason: str) -> str:
        """Return how a trial ended, in a sentence; empty where it could not be trained, and was not the first such."""
        if state == "infeasible":
            if self._told_infeasible:
                return ""
            self._told_infeasible = True
            reason += "; it costs no trial, and nothing is said of others that are"
        return _sentence(number, state, value, reason, self.goal)

    @property
    def remaining(self) -> str:
        """How long it will still take."""
        return duration(self._left.seconds())

    def summary(self) -> str:
        """Return the counts and the best in one line."""
        now, raised = self.standing, self.goal.direction == "maximize"
        best = f", best {self.goal.metric} {self.best[0]:.4f} (trial {self.best[1]})" if self.best else ""
        of = "" if self.total is None else f"/{self.total}"
        waiting = f"{len(self.waiting)} waiting, " if self.waiting else ""
        infeasible = f"{now.infeasible} infeasible, " if now.infeasible else ""
        gain = "" if self.gain is None else f", another hour {'+' if raised else '-'}{self.gain:.4f}"
        running = sum(not row.trained for row in list(self.rows.values()))
        return (
            f"{now.finished}{of} done, {running} running, {waiting}{now.pruned} pruned, "
            f"{infeasible}{now.failed} failed{best}, about {self.remaining} left{gain}"
        )


class Endings(Progress):
    """One line a trial, for notebooks, in which all lines stay."""

    def ended(self, number: int, state: str, value: float | None, reason: str) -> None:
        """Say how a trial ended, and how the search stands."""
        super().ended(number, state, value, reason)
        if sentence := self.told(number, state, value, reason):
            self.note(f"{sentence}; {self.summary()}")


class Lines(Endings):
    """One line an event, for logs and pipes."""

    def started(self, number: int, label: str, epochs: int, done: int = 0) -> None:
        """Say that a trial begins, or goes on."""
        super().started(number, label, epochs, done)
        self.note(f"trial {number} goes on after epoch {done}" if done else f"trial {number} begins: {label}")

    def epoch(self, number: int, epoch: int, metrics: Mapping[str, float]) -> None:
        """Say what an epoch gave, once."""
        row = self.rows[number]
        if epoch <= row.epoch:
            return
        super().epoch(number, epoch, metrics)
        value = f"{self.goal.metric} {metrics[self.goal.metric]:.4f}"
        self.note(f"trial {number}: epoch {epoch}/{row.epochs}, {value}, {metrics['seconds']:.1f} s")


class Board(Progress):
    """A view that is drawn anew several times a second."""

    def __enter__(self) -> Self:
        super().__enter__()
        self._live = Live(self, console=self.console, refresh_per_second=4, transient=True)
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()
        super().__exit__()

    def stopping(self) -> None:
        """Say so where the view was, which would go on as if nothing had happened."""
        self._live.stop()
        super().stopping()

    def ended(self, number: int, state: str, value: float | None, reason: str) -> None:
        """Leave a line above the view for what ended."""
        super().ended(number, state, value, reason)
        if sentence := self.told(number, state, value, reason):
            self.note(sentence)

    def __rich__(self) -> Group:
        """Draw the counts, and a line for each worker."""
        table = Table(box=None, padding=(0, 1), show_header=False)
        # It is drawn in a thread of Rich's, while trials begin and end in the driver's: `list` takes all at one moment.
        for number, row in list(self.rows.items()):
            done = round(20 * row.epoch / row.epochs)
            value = "" if row.value is None else f"{self.goal.metric} {row.value:.4f}"
            table.add_row(
                Text(f"trial {number}", style="bold"),
                Text("━" * done, style="green") + Text("━" * (20 - done), style="dim"),
                f"{row.epoch}/{row.epochs}",
                value,
                Text(duration(time.monotonic() - row.began), style="dim"),
            )
        return Group(Text(f"{self.study}: {self.summary()}", style="bold"), table)


def view(console: Console) -> type[Progress]:
    """Return the view that suits where stderr goes."""
    return Board if console.is_terminal else Endings if console.is_jupyter else Lines


def say(console: Console, text: str) -> None:
    """Print a sentence as it is: wrapped between words on a terminal and in a notebook, on one line elsewhere."""
    wrapped = next_commands.wrapped(text, console.width) if console.is_terminal or console.is_jupyter else text
    console.print(wrapped, highlight=False, markup=False, emoji=False, soft_wrap=True)


@contextmanager
def bar(console: Console, text: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show how much of something is done, where there is a terminal: lend what is called with how much more is."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Shown(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task(text, total=total)
        yield lambda more: shown.advance(task, more)


def duration(seconds: float) -> str:
    """Return a time as people say it: `40 s`, `12 min`, `1 h 05 min`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"


def _sentence(number: int, state: str, value: float | None, reason: str, goal: Goal) -> str:
    result = "" if value is None else f", best {goal.metric} {value:.4f}"
    return f"trial {number} {state}{result}{f' ({reason})' if reason else ''}"


def short(parameters: Mapping[str, object]) -> str:
    """Return the hyperparameters by which people tell configurations apart: `gelu, depth 3, adam 0.0036, batch 64`."""
    shown = {"activation": "", "depth": "depth ", "optimizer": "", "learning_rate": " ", "batch_size": "batch "}
    words = ""
    for name, before in shown.items():
        if name in parameters:
            value = parameters[name]
            # The learning rate belongs to its optimiser.
            words += ", " if words and name != "learning_rate" else ""
            words += before + (f"{value:.2g}" if isinstance(value, float) else str(value))
    return words
