"""What the doctor finds: one thing that is not as it should be, where, and what becomes of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

Id = Literal["I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I10", "I11", "I12", "I13", "I14"]
Mend = Callable[[], object]

FOREIGN_TAG: Final = "search.foreign"
"""The tag of a run that belongs to no trial of its experiment's study."""
RECONSTRUCTED_TAG: Final = "search.reconstructed"
"""The tag of a run that was made of what Optuna knows, when the one made by the search was gone."""
CORRECTED_TAG: Final = "search.corrected"
"""The tag of a run that holds other results than Optuna: it says which, and Optuna's are what counts."""
DIFFERS_TAG: Final = "search.differs"
"""The tag of a run, or the attribute of a study, that says what else is known to be wrong and cannot be mended."""
MISSING_TAG: Final = "search.artifact_missing"
"""The tag of a run that names the artifacts which are gone."""


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
