"""What a peer's script is told and asked, a line of JSON each. It stands alone: environments of peers have no more.

First it is told the problem: hyperparameters (`name`; `kind`: choices, whole or number, and what belongs to that;
`when` it is asked for), what a search begins with, the rungs of epochs, and a seed. Then either it is asked, and
answers which trial (`key`) with which parameters is trained up to which epoch; or it is told what a trial came to.
"""

import json
import sys
from typing import Any, Protocol


class Peer(Protocol):
    """A search method; values are percent, the higher the better."""

    def ask(self) -> tuple[int, dict[str, Any], int]:
        """Return a trial that is new or known, its parameters, and the epoch that it is to train up to."""

    def tell(self, key: int, epoch: int, value: float) -> None:
        """Take what a trial came to at an epoch."""


def problem() -> dict[str, Any]:
    """Return what is searched."""
    told: dict[str, Any] = json.loads(sys.stdin.readline())
    return told


def serve(peer: Peer) -> None:
    """Answer until nothing more is said. What libraries print goes elsewhere."""
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        told = json.loads(line)
        if "key" in told:
            peer.tell(told["key"], told["epoch"], told["value"])
            continue
        key, parameters, until = peer.ask()
        print(json.dumps({"key": key, "parameters": parameters, "until": until}), file=answers, flush=True)


def asked(space: list[dict[str, Any]], drawn: dict[str, Any]) -> dict[str, Any]:
    """Return those of the parameters that are asked for."""
    found: dict[str, Any] = {}
    for one in space:
        when = one["when"]
        if when is None or found.get(when["name"]) in when["values"]:
            found[one["name"]] = drawn[one["name"]]
    return found
