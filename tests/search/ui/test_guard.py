"""What stands in front of the user interfaces, asked over real connections."""

import http.client
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import pytest

from search.ui.guard import Guard, Receive, Scope, Send
from search.ui.serving import listen, served

BEFORE, AFTER = "http://127.0.0.1:5000", "http://127.0.0.1:49152"
ANSWERS = {
    "/text": ("application/json", f'{{"link": "{BEFORE}/#/runs/1"}}'),
    "/picture": ("image/png", f"\x89 {BEFORE}"),
}
FORGED = (
    "evil.com",
    "evil.com:{port}",
    "localhost",
    "localhost.evil.com:{port}",
    "127.0.0.1.evil.com:{port}",
    "10.evil.com:{port}",
    "192.168.evil.com:{port}",
    "172.16.evil.com:{port}",
    "127.0.0.1:{port}@evil.com",
    "[::1]:{port}",
    "",
)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer in two parts, as servers do."""
    kind, text = ANSWERS[scope["path"]]
    body = text.encode("latin-1")
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    # In the middle of an address.
    await send({"type": "http.response.body", "body": body[:15], "more_body": True})
    await send({"type": "http.response.body", "body": body[15:]})


@contextmanager
def guarded(**given: Any) -> Iterator[Callable[..., tuple[int, str]]]:
    """Lend what asks a guarded application, and returns status and text."""
    with closing(listen(0)) as listening:
        port = listening.getsockname()[1]
        guard = Guard(application, frozenset({f"127.0.0.1:{port}", f"localhost:{port}"}), **given)

        def ask(method: str = "GET", path: str = "/text", **headers: str) -> tuple[int, str]:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            with closing(connection):
                given = {name.replace("_", "-"): value.format(port=port) for name, value in headers.items()}
                connection.putrequest(method, path, skip_host="host" in given)
                for name, value in given.items():
                    connection.putheader(name, value)
                connection.endheaders()
                answer = connection.getresponse()
                return answer.status, answer.read().decode("latin-1")

        with served([(guard, listening)]):
            yield ask


def test_pages_of_its_own_and_those_who_are_no_page_are_answered() -> None:
    with guarded() as ask:
        assert ask() == (200, ANSWERS["/text"][1])
        assert ask(host="localhost:{port}")[0] == 200
        assert ask("POST", origin="http://127.0.0.1:{port}", sec_fetch_site="same-origin")[0] == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_name_that_somebody_lets_point_here_is_refused(method: str) -> None:
    with guarded() as ask:
        for host in FORGED:
            status, why = ask(method, host=host)
            assert status == 403, host
            assert "is not this address" in why


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.com"},
        {"origin": "https://127.0.0.1:{port}"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
def test_a_page_from_elsewhere_cannot_change_anything(headers: Mapping[str, str]) -> None:
    with guarded() as ask:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert ask(method, **headers)[0] == 403


def test_a_link_from_elsewhere_may_be_followed() -> None:
    with guarded() as ask:
        assert ask(sec_fetch_site="cross-site")[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_what_is_for_looking_only_takes_no_changes_and_says_how_it_would(method: str) -> None:
    with guarded(read_only=True) as ask:
        assert ask(method) == (403, "this is for looking only; start it with --writable to change something")
        assert ask()[0] == 200


def test_links_lead_to_where_the_other_one_is_served_and_pictures_stay_as_they_are() -> None:
    with guarded(moved={BEFORE: AFTER}) as ask:
        assert ask() == (200, ANSWERS["/text"][1].replace(BEFORE, AFTER))
        assert ask(path="/picture") == (200, ANSWERS["/picture"][1])


def test_another_port_is_found_where_the_usual_one_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with closing(listen(taken)) as listening:
            address, port = listening.getsockname()
            assert address == "127.0.0.1"
            assert port != taken
