"""What the doctor finds: one thing that is not as it should be, where, and what becomes of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Id = Literal["I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I10", "I11", "I12", "I13", "I14"]
Mend = Callable[[], object]


@dataclass(frozen=True)
class Finding:
    """`repair` says what `mend` does or, where there is none, what a person has to do."""

    id: Id
    study: str
    trial: int | None
    text: str
    repair: str
    mend: Mend | None = field(default=None, compare=False, repr=False)
    repaired: bool = False

    @property
    def place(self) -> str:
        """The trial as people type it, the study, or nothing where it is about all of them."""
        return self.study if self.trial is None else f"{self.study}/{self.trial}"
