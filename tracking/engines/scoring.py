"""MLflow's scoring server around a function: its addresses and its protocol, without what its errors give away.

By itself it answers what it cannot parse with the status 500, or with a traceback of this machine; it reads bodies of
any size, and takes 0.5 for 0 where a model's signature says uint8.
"""

import json
import logging
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.protos.databricks_pb2 import BAD_REQUEST, INTERNAL_ERROR
from mlflow.types import Schema, TensorSpec

# From what was sent, an array of objects as JSON has them, to what JSON can hold.
Answer = Callable[[Any], object]
Send = Callable[[Mapping[str, Any]], Any]

READING: Final = ("/ping", "/health", "/version")
ASKING: Final = "/invocations"
# What MLflow's parsing lets pass: texts nested too deeply, numbers of thousands of digits, objects where it supposes
# lists. What is computed has errors of its own, so that these are about what was sent.
UNPARSED: Final = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, MemoryError)
# Longer reasons tell of MLflow's history.
LONGEST: Final = 160

log = logging.getLogger(__name__)


def application(answer: Answer, refusal: type[Exception], wanted: str, most_bytes: int) -> Any:
    """Return the server as an ASGI application; `answer` raises a `refusal` where what was sent is not `wanted`."""
    with warnings.catch_warnings():
        # MLflow's own business: it warns of its own type hints.
        warnings.filterwarnings("ignore", message=".*Any type hint is inferred as AnyType")
        from mlflow.pyfunc import PyFuncModel, scoring_server

    for chatter in ("mlflow.pyfunc.scoring_server", "mlflow.models.utils"):
        logging.getLogger(chatter).setLevel(logging.ERROR)
    # Objects of any shape: whatever else is told of an input, MLflow casts what comes to it.
    signature = ModelSignature(inputs=Schema([TensorSpec(np.dtype("O"), (-1,))]))
    server = scoring_server.init(PyFuncModel(Model(signature=signature), _Asked(answer, refusal)))
    for kind in UNPARSED:
        server.add_exception_handler(kind, _unparsed)
    return _Plain(server, wanted, most_bytes)


@dataclass(frozen=True)
class _Asked:
    """What MLflow takes for a model."""

    answer: Answer
    refusal: type[Exception]

    def predict(self, data: Any, params: object = None) -> object:
        """Return the answers. The reason is told in a word of its own: MLflow puts what was sent before a message."""
        try:
            return self.answer(data)
        except self.refusal as error:
            raise MlflowException("refused", BAD_REQUEST, reason=str(error)) from error
        # Whatever it is, a traceback would be sent to whoever has asked.
        except Exception as error:
            log.exception("a request has failed")
            raise MlflowException("failed", INTERNAL_ERROR, reason=f"{type(error).__name__}: {error}") from error


async def _unparsed(_: Any, error: Exception) -> Any:
    from fastapi.responses import JSONResponse

    return JSONResponse({"message": f"the request cannot be read as JSON: {error}"}, 400)


@dataclass(frozen=True)
class _Plain:
    """Passes on what the protocol knows, bodies up to a size, and of errors no more than the reason."""

    server: Any
    wanted: str
    most_bytes: int

    async def __call__(self, scope: Mapping[str, Any], receive: Callable[[], Any], send: Send) -> None:
        """Answer one request, as ASGI has it."""
        headers = dict(scope["headers"])
        if refused := self._refusal(scope["path"], scope["method"], headers):
            await _answer(send, *refused)
            return
        body = await self._body(receive, headers)
        if body is None:
            await _answer(send, 413, f"more than {self.most_bytes:,} bytes; send fewer images at once")
            return
        parts: list[Mapping[str, Any]] = []
        whole = [{"type": "http.request", "body": body}]

        async def again() -> Mapping[str, Any]:
            # After the body there is only one thing to be told: that nobody waits for the answer any more.
            return whole.pop() if whole else await receive()

        async def hold(message: Mapping[str, Any]) -> None:
            parts.append(message)

        await self.server(scope, again, hold)
        # Where nobody waits any more there may be no answer.
        status = next((part["status"] for part in parts if part["type"] == "http.response.start"), 0)
        if status < 400:
            for part in parts:
                await send(part)
            return
        await _answer(send, status, self._reason(b"".join(part.get("body", b"") for part in parts)))

    def _refusal(self, path: str, method: str, headers: Mapping[bytes, bytes]) -> tuple[int, str] | None:
        if path in READING:
            return None if method == "GET" else (405, f"{path} is asked with GET")
        if path != ASKING:
            return 404, f"there is no {path}; there are {', '.join((*READING, ASKING))}"
        if method != "POST":
            return 405, f"{path} is asked with POST"
        kind = headers.get(b"content-type", b"").decode("latin-1")
        if kind.partition(";")[0].strip().lower() != "application/json":
            return 415, f"the content-type is {kind!r}; send application/json"
        return None

    async def _body(self, receive: Callable[[], Any], headers: Mapping[bytes, bytes]) -> bytes | None:
        """Return the whole body; None where it is too large, which is told as soon as it is known."""
        told = headers.get(b"content-length", b"0")
        if not told.isdigit() or int(told) > self.most_bytes:
            return None
        body, more = bytearray(), True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self.most_bytes:
                return None
        return bytes(body)

    def _reason(self, body: bytes) -> str:
        """Return why MLflow refuses, without a traceback, and without what was sent, which it puts before the error."""
        try:
            told = json.loads(body)
        except ValueError:
            told = {"message": body.decode("utf-8", "replace")}
        if "reason" in told:
            return str(told["reason"])
        error = told.get("message", "").rpartition("Error: ")[2].partition("\n")[0].rstrip(" .")
        return f"{error if len(error) <= LONGEST else error[:LONGEST] + '…'}; send {self.wanted}"


async def _answer(send: Send, status: int, reason: str) -> None:
    body = json.dumps({"error": reason}, ensure_ascii=False).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
