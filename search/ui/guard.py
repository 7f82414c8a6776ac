"""What stands in front of both user interfaces. Neither has a login: only pages of their own may ask them anything."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
# Each package types these in its own way.
Application = Callable[[Any, Any, Any], Awaitable[None]]

READING = ("GET", "HEAD", "OPTIONS")
WRITTEN = ("application/json", "text/")


@dataclass(frozen=True)
class Guard:
    """Passes on what is asked of this very address, by nobody or by a page from it; refuses everything else.

    A name that somebody else lets point here (DNS rebinding) is another address. What is served elsewhere than links in
    the stores suppose is given by `moved`: the links lead there.
    """

    application: Application
    hosts: frozenset[str]
    read_only: bool = False
    moved: Mapping[str, str] = field(default_factory=dict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it."""
        if scope["type"] != "http":
            # Neither interface needs a websocket; `lifespan` is the server's business.
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            return
        if why := self._refusal(scope):
            await _answer(send, 403, why)
            return
        await self.application(scope, receive, _relinked(send, self.moved) if self.moved else send)

    def _refusal(self, scope: Scope) -> str:
        given = _headers(scope)
        host, origin = given.get("host", ""), given.get("origin")
        if host not in self.hosts:
            return f"{host!r} is not this address; it is {' or '.join(sorted(self.hosts))}"
        if origin is not None and origin.removeprefix("http://") not in self.hosts:
            return f"a page from {origin} may not ask here"
        if given.get("sec-fetch-site", "none") not in ("same-origin", "none") and scope["method"] not in READING:
            return "a page from elsewhere may not ask here"
        if self.read_only and scope["method"] not in READING:
            return "this is for looking only; start it with --writable to change something"
        return ""


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


async def _answer(send: Send, status: int, text: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})


def _relinked(send: Send, moved: Mapping[str, str]) -> Send:
    """Return what sends texts with every address in `moved` replaced; it waits for the whole of them."""
    start: dict[str, Any] = {}
    parts: list[bytes] = []

    async def relink(message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            given = _headers(message)
            if given.get("content-type", "").startswith(WRITTEN) and "content-encoding" not in given:
                start.update(message)
                return
        if not start or message["type"] != "http.response.body":
            await send(message)
            return
        parts.append(message.get("body", b""))
        if message.get("more_body"):
            return
        body = b"".join(parts)
        for before, after in moved.items():
            body = body.replace(before.encode(), after.encode())
        kept = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
        await send(start | {"headers": [*kept, (b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})

    return relink
