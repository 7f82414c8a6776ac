"""`serve`: MLflow's scoring server on this machine, with the answers of `predict`."""

import base64
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

import tracking
from models.data import DataError, pictures, values
from models.data.images import BRIGHTEST
from models.data.pictures import Fitted, Frame
from search.commands.predict import answers, loading
from search.commands.predict.loading import Ready
from search.output.progress import say
from search.problem.settings import Place
from search.registry import named
from search.system import library_output
from search.ui.guard import Guard
from search.ui.serving import address, hosts, listen, served, until_stopped

# Of one request: some thousand images of 28x28 as numbers, or some photographs.
MOST_BYTES: Final = 16_000_000
EXAMPLE: Final = """\
  (printf '{{"inputs": ["'; base64 < PICTURE.png | tr -d '\\n'; printf '"]}}') |
    curl {url} -H 'content-type: application/json' -d @-"""


def serve(name: str, place: Place, port: int, trusted: str | None) -> int:
    """Answer until Ctrl-C, and return 0 then. Raises `UsageError` and `SearchError`."""
    console = Console(stderr=True)
    library_output.libraries()
    # Who asks while the model is loaded waits, and is answered as soon as it is.
    with until_stopped(), closing(listen(port)) as listening, named.opened(name, place, trusted) as kept:
        ready = loading.classifier(console, kept, "serve")
        service = Service(ready)
        with loading.told():
            service.warm_up()
        scoring = tracking.scoring_server(
            service.answer, refusal=DataError, wanted=wanted(ready.predictor.frame), most_bytes=MOST_BYTES
        )
        with served([(Guard(scoring, hosts(listening)), listening)]):
            url = f"{address(listening)}/invocations"
            say(console, f"{ready.title} answers at {url}; a picture in base64, for example:")
            # Never broken: it is there to be copied.
            console.print(EXAMPLE.format(url=url), highlight=False, markup=False, soft_wrap=True)
            say(console, "Only this machine reaches it. Ctrl-C stops it.")
            threading.Event().wait()
    return 0


@dataclass(frozen=True, eq=False)
class Service:
    """Answers what is sent, one request after the other: the network computes on all cores for each."""

    ready: Ready
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def warm_up(self) -> None:
        """Let TensorFlow compile the network for one image, and for any number of them."""
        for count in (1, 2):
            self.ready.predictor.rank(np.zeros((count, *self.ready.predictor.frame.shape), np.uint8))

    def answer(self, sent: object) -> list[dict[str, Any]]:
        """Return the likeliest classes of each image. Raises `DataError` for what is no image."""
        frame = self.ready.predictor.frame
        with self._turn:
            fitted = fit(sent, frame)
            ranking = self.ready.predictor.rank(np.concatenate([one.images for one in fitted]))
        turned = [bool(one.inverted) for one in fitted for _ in one.images]
        tops = ranking.named(self.ready.class_names)
        return [answers.as_object(top) | {"inverted": was} for top, was in zip(tops, turned, strict=True)]


def fit(sent: object, frame: Frame) -> Sequence[Fitted]:
    """Return what was sent as images that a network takes. Raises `DataError`.

    It is an array of numbers, all images in one, or of texts, a picture in base64 each.
    """
    if not isinstance(sent, np.ndarray) or not sent.ndim or not sent.size:
        raise DataError(f"there is no image in it; send {wanted(frame)}")
    kinds = {type(value) for value in sent.flat}
    if kinds == {str} and sent.ndim == 1:
        return [_picture(position, text, frame) for position, text in enumerate(sent)]
    if not (kinds <= {int, float} or kinds == {bool}):
        found = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise DataError(f"it holds {found}, or lists of different lengths; send {wanted(frame)}")
    return [frame.array(_numbers(sent, frame))]


def _numbers(sent: NDArray[Any], frame: Frame) -> NDArray[np.uint8]:
    grey = frame.channels == 1 and sent.ndim == 3
    images = sent[..., np.newaxis] if grey else sent
    if images.shape[1:] != frame.shape:
        raise DataError(f"it has the shape {sent.shape}; send {wanted(frame)}")
    try:
        numbers = images.astype(bool if isinstance(sent.flat[0], bool) else np.float64)
    except OverflowError as error:
        raise DataError(f"its values are from 0 to {BRIGHTEST}: {error}") from error
    if wrong := values.unfit("inputs", numbers):
        raise DataError(f"it {wrong.found}; {wrong.way_out}")
    return values.as_bytes(numbers)


def _picture(position: int, text: str, frame: Frame) -> Fitted:
    # What a browser makes of a picture begins with its type: `data:image/png;base64,`.
    coded = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return frame.picture(pictures.decoded(base64.b64decode(coded, validate=True)))
    except pictures.UNREADABLE as error:
        raise DataError(f"image {position}, counted from 0, is no picture in base64: {error}") from error


def wanted(frame: Frame) -> str:
    """Say what has to be sent."""
    # The axis of a single channel may be there, too; MLflow copies lists of one number each, which is slow.
    shape = ", ".join(map(str, frame.shape if frame.channels > 1 else frame.shape[:2]))
    return (
        f'{{"inputs": [...]}} with whole numbers from 0 to {BRIGHTEST} of the shape (n, {shape}), or with a picture '
        "of any size in base64 for each image"
    )
