"""A model that is kept, made ready to be asked."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from rich.console import Console

import models
from models.data import is_cut_out
from models.prediction import Predictor, Unusable, names
from search.output.progress import say
from search.registry.named import Kept
from search.system import library_output, next_commands
from search.system.errors import SearchError, UsageError
from search.workers import execution


@dataclass(frozen=True, eq=False)
class Ready:
    """A model that is kept, its network in memory, and the names of its classes."""

    kept: Kept
    predictor: Predictor
    class_names: tuple[str, ...]

    @property
    def title(self) -> str:
        """What it is, for people: `lenet5/17 (lenet5, fashion-mnist)`."""
        about = ", ".join(filter(None, (self.kept.family, self.kept.data)))
        return f"{self.kept.name} ({about})" if about else self.kept.name


def classifier(console: Console, kept: Kept, command: str) -> Ready:
    """Return a model that gives the probability of each class. Raises `UsageError` for one that does not."""
    if kept.family in models.answering("embedding"):
        raise UsageError(
            f"{kept.name} is a Siamese network, which knows no classes but which images are alike; ask it with "
            f"`{next_commands.command('nearest', kept.name, 'IMAGE')}`, or give {command} another model"
        )
    with told():
        predictor = _load(console, kept)
        return Ready(kept, predictor, names(kept.class_names, predictor.outputs))


def embedder(console: Console, kept: Kept) -> Ready:
    """Return a Siamese network. Raises `UsageError` for another."""
    knowing = models.answering("embedding")
    if kept.family not in knowing:
        raise UsageError(
            f"{kept.name} is no Siamese network, and only these know which images are alike; ask it with "
            f"`{next_commands.command('predict', kept.name, 'IMAGE')}`, or train one with --family "
            f"{' or '.join(knowing)}"
        )
    with told():
        return Ready(kept, _load(console, kept), kept.class_names)


@contextmanager
def told() -> Iterator[None]:
    """Raise what makes a model unusable as an error for people."""
    try:
        yield
    except Unusable as error:
        raise SearchError(str(error)) from error


def _load(console: Console, kept: Kept) -> Predictor:
    say(console, f"loading {kept.name} ...")
    # A picture of as many pixels as a small file can hold is none to be read, rather than one to warn of.
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    with library_output.redirected(Path(os.devnull)):
        # What it says later would stand among what the person reads; an exception tells of what matters.
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        from models import runtime

        runtime.configure(execution.machine().cores)
        predictor = Predictor.load(kept.file, background=kept.background, trim=is_cut_out(kept.data))
    if not predictor.takes_bytes:
        say(
            console,
            f"{kept.name} takes fractions, and is given values from 0 to 255; if it has learned from values from 0 to "
            "1, put keras.layers.Rescaling(1 / 255) before it",
        )
    return predictor
