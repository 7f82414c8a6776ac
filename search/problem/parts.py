"""What can be chosen of a search: what is searched, how, and by what means.

A field is all that a new setting takes: by the `Option` beside its type `run` offers it, on the command line and in
Python, and a study remembers it. Checkers of types want it in `Options`, too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

import models
from models.family import Choice
from search.problem.limits import Limits
from search.problem.objectives import COSTS
from search.problem.option import SECONDS, SHARE, WORKERS, Lifetime, Option

PrecisionChoice = Literal["auto", "float32", "bfloat16"]
Baselines = Literal["none", "best", "all"]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is searched."""

    family: Annotated[str, Option(f"One of {', '.join(models.names())}.", Lifetime.STUDY)]
    epochs: Annotated[int, Option("Budget of one trial.", Lifetime.STUDY, minimum=1)] = 10
    images: Annotated[
        int | None,
        Option("Take so many training images, for a quick look.", Lifetime.STUDY, minimum=1, nothing="all"),
    ] = None
    data: Annotated[str, Option("The images.", Lifetime.STUDY, metavar="fashion-mnist|FILE.npz|FOLDER")] = (
        "fashion-mnist"
    )
    test_share: Annotated[
        float | None,
        Option(
            "Set so much of each class aside as test images, where the images come without; always the same ones.",
            Lifetime.STUDY,
            form=SHARE,
            default="0.15",
            later=True,
        ),
    ] = None
    objective: Annotated[
        str | None,
        Option(
            f"The family's goal, by which trials are pruned, and what to keep low beside it: {' or '.join(COSTS)} "
            "(milliseconds for one image on this machine: noisy, most of all while others train).",
            Lifetime.STUDY,
            metavar="GOAL[,COST]",
            default="the family's goal",
            later=True,
        ),
    ] = None
    max_parameters: Annotated[
        int | None,
        Option(
            "Train no network that has more; a frozen one below it does not count.",
            Lifetime.STUDY,
            minimum=1,
            later=True,
        ),
    ] = None
    max_seconds_per_epoch: Annotated[
        float | None,
        Option(
            "Train no network that takes longer, as timed on up to 1,000 images before its first epoch.",
            Lifetime.STUDY,
            minimum=0.001,
            later=True,
        ),
    ] = None
    fix: Annotated[
        tuple[str, ...], Option("Pin hyperparameters; may be repeated, too.", metavar="NAME=VALUE[,...]")
    ] = ()
    weights: Annotated[
        str,
        Option(
            "Of the frozen network in resnet50; none: random ones, for tests.",
            Lifetime.STUDY,
            metavar="imagenet|FILE|none",
        ),
    ] = "imagenet"

    @property
    def limits(self) -> Limits:
        """The most that a network may cost."""
        return Limits(self.max_parameters, self.max_seconds_per_epoch)

    @property
    def caveat(self) -> str:
        """What has to stand beside every result, such as that weights are random; mostly empty."""
        return caveat(self.weights)


@dataclass(frozen=True, kw_only=True)
class Method:
    """How it is searched. `trials` is None where there are to be as many as there is time for."""

    trials: Annotated[
        int | None,
        Option(
            "The study's total; more continue it.",
            minimum=1,
            default="40, or as many as there is time for where --timeout is given",
        ),
    ] = 40
    baselines: Annotated[
        Baselines,
        Option(
            "What to begin with: nothing, the best configuration of the reports and one as textbooks advise, or all of "
            "the reports' under their own epochs."
        ),
    ] = "best"
    like: Annotated[
        str | None,
        Option(
            "Begin with what was best in these studies, of other images or families too; the sampler named ensemble "
            "also draws near it, where hyperparameters have the same names.",
            Lifetime.STUDY,
            metavar="STUDY[,STUDY]",
            later=True,
        ),
    ] = None
    sampler: Annotated[
        str,
        Option(
            "What draws hyperparameters.",
            default="ensemble, or tpe where a cost is kept low beside the goal",
            folder="search.policies.samplers",
        ),
    ] = "ensemble"
    pruner: Annotated[
        str,
        Option(
            "What ends hopeless trials. asha: after a tenth and a third of the epochs, each goes on as soon as it is "
            "among the best third; halving: there they wait for each other, and the best third goes on; screening: "
            "after one epoch, and the best tenth.",
            folder="search.policies.pruners",
        ),
    ] = "asha"
    seed: Annotated[int, Option("Decides all that is random.", minimum=0)] = 0
    patience: Annotated[
        int | None, Option("End a trial whose validation loss has not fallen for so many epochs.", minimum=1)
    ] = None
    repeats: Annotated[
        bool,
        Option("Train a configuration again that was trained before; otherwise the earlier value is taken."),
    ] = False

    def left(self, finished: int) -> int | None:
        """Return how many trials are still to come after so many; None: as many as there is time for."""
        return None if self.trials is None else max(self.trials - finished, 0)


@dataclass(frozen=True, kw_only=True)
class Execution:
    """By what means, and for how long. `workers` 0 leaves the number to the machine."""

    keep: Annotated[
        int,
        Option(
            "Remove models as the search goes, except of so many of the best trials and what `keep` spares; 0: leave "
            "all.",
            minimum=0,
        ),
    ] = 0
    timeout: Annotated[
        float | None,
        Option(
            "Draw no trial after this; those drawn end as usual.",
            Lifetime.CALL,
            form=SECONDS,
            default="1h where --trials is not given",
        ),
    ] = None
    trial_timeout: Annotated[
        float | None, Option("End a trial that has trained for so long; its best epoch counts.", form=SECONDS)
    ] = None
    workers: Annotated[
        int,
        Option("Trainings side by side; auto: one for each core, or GPU.", Lifetime.CALL, form=WORKERS, default="auto"),
    ] = 0
    precision: Annotated[
        PrecisionChoice,
        Option("What networks compute in while they train; auto: bfloat16 where this machine is faster at it."),
    ] = "auto"
    engine: Annotated[
        str, Option("Train in processes, or in this one.", Lifetime.CALL, folder="search.workers.engines")
    ] = "processes"


class Options(TypedDict, total=False):
    """What `python -m search run` takes, by the same names; a time is a number of seconds, or as in `30m`.

    Images may be arrays, as for Keras: (x, y), or ((x_train, y_train), (x_test, y_test)) as its data sets come.
    """

    family: str
    trials: int
    epochs: int
    images: int
    data: str | Path | Sequence[Any]
    test_share: float
    objective: str
    max_parameters: int
    max_seconds_per_epoch: float
    fix: Mapping[str, Choice]
    baselines: Baselines
    like: str
    sampler: str
    pruner: str
    seed: int
    patience: int
    weights: str | Path
    repeats: bool
    keep: int
    timeout: float | str
    trial_timeout: float | str
    workers: int | Literal["auto"]
    precision: PrecisionChoice
    engine: str


def caveat(weights: str) -> str:
    """Say that a network on random weights has nothing transferred to it."""
    return "random weights: no transfer learning" if weights == "none" else ""
