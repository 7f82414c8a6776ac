"""What is decided about trials under way. Workers import this, and neither Optuna nor what decides."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Answer(Enum):
    """What a worker is to do after an epoch: train on, stop and judge what there is, or leave it for another time."""

    GO_ON = "go on"
    STOP = "stop"
    PAUSE = "pause"


@dataclass(frozen=True)
class Verdicts:
    """The numbers of trials that go on from where they wait, and of those that do not, with the epochs they have done.

    The latter are judged by what they have learnt.
    """

    promoted: tuple[int, ...] = ()
    dropped: Mapping[int, int] = field(default_factory=dict)
