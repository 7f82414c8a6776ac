"""Between a search and its MLflow server: a place where things get lost."""

import random
import socket
import threading
from contextlib import suppress
from typing import Literal

Mode = Literal["forward", "refuse", "silent", "lose"]


class Proxy:
    """Forwards to a port of this machine, or does not.

    `refuse` closes every connection at once, `silent` takes what is sent and never answers, `lose` forwards what is
    sent and closes before the answer to the first request of each kind, and to a share of the others; not where
    something is only read.
    """

    def __init__(self, port: int, *, seed: int = 0, share: float = 0.3) -> None:
        self._target = port
        self.mode: Mode = "forward"
        # What was asked for by those whose answers got lost, as `runs/create`.
        self.lost: list[str] = []
        self._share = share
        self._dice = random.Random(seed)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        """What the search is given as its tracker."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def become(self, mode: Mode) -> None:
        """Change the mode, of connections that are open, too."""
        self.mode = mode
        if mode != "forward":
            for connection in list(self._open):
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        if self.mode == "refuse":
            client.close()
            return
        with suppress(OSError), client, socket.create_connection(("127.0.0.1", self._target)) as server:
            self._open |= {client, server}
            asked = [""]
            answers = threading.Thread(target=self._answer, args=(server, client, asked), daemon=True)
            answers.start()
            while data := client.recv(65536):
                if data.startswith((b"POST", b"PATCH", b"PUT", b"GET", b"DELETE")):
                    asked[0] = data.partition(b" HTTP/")[0].decode()
                if self.mode != "silent":
                    server.sendall(data)
            server.shutdown(socket.SHUT_WR)
            answers.join()
            self._open -= {client, server}

    def _answer(self, server: socket.socket, client: socket.socket, asked: list[str]) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                if self.mode == "lose" and data.startswith(b"HTTP/") and self._loses(asked[0]):
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(data)

    def _loses(self, asked: str) -> bool:
        if asked.startswith("GET"):
            return False
        kind = asked.partition("mlflow/")[2]
        loses = kind not in self.lost or self._dice.random() < self._share
        if loses:
            self.lost.append(kind)
        return loses
