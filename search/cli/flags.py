"""Flags that `run` alone has, each with what its help says; those that other commands have too are in `options`."""

from typing import Annotated

import typer

import models
from search.cli.options import RUNNING, SEARCH
from search.problem.objectives import COSTS
from search.problem.settings import Baselines, Pruner, Sampler

FamilyName = Annotated[str | None, typer.Option(help=f"One of {', '.join(models.names())}.", rich_help_panel=SEARCH)]
Trials = Annotated[
    int | None,
    typer.Option(
        min=1,
        show_default="20, or as many as there is time for where --timeout is given",
        help="The study's total; more continue it.",
        rich_help_panel=SEARCH,
    ),
]
Epochs = Annotated[
    int | None, typer.Option(min=1, show_default="10", help="Budget of one trial.", rich_help_panel=SEARCH)
]
Images = Annotated[
    int | None,
    typer.Option(
        min=1, show_default="all", help="Take so many training images, for a quick look.", rich_help_panel=SEARCH
    ),
]
Data = Annotated[
    str | None,
    typer.Option(
        metavar="fashion-mnist|FILE.npz|FOLDER",
        show_default="fashion-mnist",
        help="The images.",
        rich_help_panel=SEARCH,
    ),
]
Objective = Annotated[
    str | None,
    typer.Option(
        metavar="GOAL[,COST]",
        show_default="the family's goal",
        help=f"The family's goal, by which trials are pruned, and what to keep low beside it: {' or '.join(COSTS)} "
        "(milliseconds for one image on this machine: noisy, most of all while others train).",
        rich_help_panel=SEARCH,
    ),
]
MaxParameters = Annotated[
    int | None,
    typer.Option(
        min=1,
        show_default="none",
        help="Train no network that has more; a frozen one below it does not count.",
        rich_help_panel=SEARCH,
    ),
]
MaxSecondsPerEpoch = Annotated[
    float | None,
    typer.Option(
        min=0.001,
        show_default="none",
        help="Train no network that takes longer, as timed on up to 1,000 images before its first epoch.",
        rich_help_panel=SEARCH,
    ),
]
Fix = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE[,...]", help="Pin hyperparameters; may be repeated, too.", rich_help_panel=SEARCH),
]
BeginWith = Annotated[
    Baselines | None,
    typer.Option(
        show_default="best",
        help="What to begin with: nothing, the best configuration of the reports and one as textbooks advise, or "
        "all of the reports' under their own epochs.",
        rich_help_panel=SEARCH,
    ),
]
SampledBy = Annotated[
    Sampler | None,
    typer.Option(show_default="tpe", help="What draws hyperparameters.", rich_help_panel=SEARCH),
]
PrunedBy = Annotated[
    Pruner | None,
    typer.Option(
        show_default="hyperband",
        help="What ends hopeless trials. halving: they wait after a tenth and a third of the epochs, and the best "
        "third goes on from there; screening: after one epoch, and the best tenth.",
        rich_help_panel=SEARCH,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(min=0, show_default="0", help="Decides all that is random.", rich_help_panel=SEARCH),
]
Patience = Annotated[
    int | None,
    typer.Option(
        min=1,
        show_default="none",
        help="End a trial whose validation loss has not fallen for so many epochs.",
        rich_help_panel=SEARCH,
    ),
]
Repeats = Annotated[
    bool | None,
    typer.Option(
        "--repeats/--no-repeats",
        show_default="no-repeats",
        help="Train a configuration again that was trained before; otherwise the earlier value is taken.",
        rich_help_panel=SEARCH,
    ),
]
Keep = Annotated[
    int | None,
    typer.Option(
        min=0,
        show_default="0",
        help="Remove models as the search goes, except of so many of the best trials and what `keep` spares; 0: "
        "leave all.",
        rich_help_panel=RUNNING,
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(
        metavar="imagenet|FILE|none",
        show_default="imagenet",
        help="Of the frozen network in resnet50; none: random ones, for tests.",
        rich_help_panel=SEARCH,
    ),
]
Timeout = Annotated[
    str | None,
    typer.Option(
        metavar="90s|30m|2h",
        show_default="1h where --trials is not given",
        help="Draw no trial after this; those drawn end as usual.",
        rich_help_panel=RUNNING,
    ),
]
TrialTimeout = Annotated[
    str | None,
    typer.Option(
        metavar="90s|30m|2h",
        show_default="none",
        help="End a trial that has trained for so long; its best epoch counts.",
        rich_help_panel=RUNNING,
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show what would be done; write nothing.", rich_help_panel=RUNNING)
]
