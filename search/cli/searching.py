"""Commands that train."""

from typing import Annotated

import typer

import models
from search.cli.options import (
    RUNNING,
    SEARCH,
    Debug,
    Engine,
    Home,
    Output,
    Precision,
    Storage,
    TableOutput,
    Tracking,
    Workers,
)
from search.objectives import COSTS
from search.settings import Baselines, Place, Pruner, Sampler, check_name, seconds, worker_count

PANEL = "Search"
commands = typer.Typer()


@commands.command(rich_help_panel=PANEL)
def run(
    study: Annotated[str, typer.Option(help="The study's name; its family, too, unless --family says otherwise.")],
    family: Annotated[
        str | None, typer.Option(help=f"One of {', '.join(models.names())}.", rich_help_panel=SEARCH)
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(
            min=1,
            show_default="20, or as many as there is time for where --timeout is given",
            help="The study's total; more continue it.",
            rich_help_panel=SEARCH,
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, show_default="10", help="Budget of one trial.", rich_help_panel=SEARCH)
    ] = None,
    images: Annotated[
        int | None,
        typer.Option(
            min=1, show_default="all", help="Take so many training images, for a quick look.", rich_help_panel=SEARCH
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="fashion-mnist|FILE.npz|FOLDER",
            show_default="fashion-mnist",
            help="The images.",
            rich_help_panel=SEARCH,
        ),
    ] = None,
    objective: Annotated[
        str | None,
        typer.Option(
            metavar="GOAL[,COST]",
            show_default="the family's goal",
            help=f"The family's goal, by which trials are pruned, and what to keep low beside it: {' or '.join(COSTS)} "
            "(milliseconds for one image on this machine: noisy, most of all while others train).",
            rich_help_panel=SEARCH,
        ),
    ] = None,
    max_parameters: Annotated[
        int | None,
        typer.Option(
            min=1,
            show_default="none",
            help="Train no network that has more; a frozen one below it does not count.",
            rich_help_panel=SEARCH,
        ),
    ] = None,
    max_seconds_per_epoch: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            show_default="none",
            help="Train no network that takes longer, as timed on up to 1,000 images before its first epoch.",
            rich_help_panel=SEARCH,
        ),
    ] = None,
    fix: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE[,...]", help="Pin hyperparameters; may be repeated, too.", rich_help_panel=SEARCH
        ),
    ] = None,
    baselines: Annotated[
        Baselines | None,
        typer.Option(
            show_default="best",
            help="What to begin with: nothing, the best configuration of the reports and one as textbooks advise, or "
            "all of the reports' under their own epochs.",
            rich_help_panel=SEARCH,
        ),
    ] = None,
    sampler: Annotated[
        Sampler | None,
        typer.Option(show_default="tpe", help="What draws hyperparameters.", rich_help_panel=SEARCH),
    ] = None,
    pruner: Annotated[
        Pruner | None,
        typer.Option(
            show_default="hyperband",
            help="What ends hopeless trials. halving: they wait after a tenth and a third of the epochs, and the best "
            "third goes on from there; screening: after one epoch, and the best tenth.",
            rich_help_panel=SEARCH,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, show_default="0", help="Decides all that is random.", rich_help_panel=SEARCH),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            min=1,
            show_default="none",
            help="End a trial whose validation loss has not fallen for so many epochs.",
            rich_help_panel=SEARCH,
        ),
    ] = None,
    repeats: Annotated[
        bool | None,
        typer.Option(
            "--repeats/--no-repeats",
            show_default="no-repeats",
            help="Train a configuration again that was trained before; otherwise the earlier value is taken.",
            rich_help_panel=SEARCH,
        ),
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option(
            min=0,
            show_default="0",
            help="Remove models as the search goes, except of so many of the best trials and what `keep` spares; 0: "
            "leave all.",
            rich_help_panel=RUNNING,
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="imagenet|FILE|none",
            show_default="imagenet",
            help="Of the frozen network in resnet50; none: random ones, for tests.",
            rich_help_panel=SEARCH,
        ),
    ] = None,
    timeout: Annotated[
        str | None,
        typer.Option(
            metavar="90s|30m|2h",
            show_default="1h where --trials is not given",
            help="Draw no trial after this; those drawn end as usual.",
            rich_help_panel=RUNNING,
        ),
    ] = None,
    trial_timeout: Annotated[
        str | None,
        typer.Option(
            metavar="90s|30m|2h",
            show_default="none",
            help="End a trial that has trained for so long; its best epoch counts.",
            rich_help_panel=RUNNING,
        ),
    ] = None,
    workers: Workers = None,
    precision: Precision = None,
    engine: Engine = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done; write nothing.", rich_help_panel=RUNNING)
    ] = False,
    home: Home = None,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    output: Output = "text",
    debug: Debug = False,
) -> None:
    """Search: begin a study, or continue it."""
    from search import running

    place = Place.at(home, storage, tracking_uri)
    flags = {
        "family": family,
        "trials": trials,
        "epochs": epochs,
        "images": images,
        "data": data,
        "objective": objective,
        "max_parameters": max_parameters,
        "max_seconds_per_epoch": max_seconds_per_epoch,
        "fix": tuple(fix) if fix else None,
        "baselines": baselines,
        "sampler": sampler,
        "pruner": pruner,
        "seed": seed,
        "patience": patience,
        "weights": weights,
        "repeats": repeats,
        "keep": keep,
        "timeout": seconds(timeout) if timeout else None,
        "trial_timeout": seconds(trial_timeout, "--trial-timeout") if trial_timeout else None,
        "workers": worker_count(workers) if workers else None,
        "precision": precision,
        "engine": engine,
    }
    act = running.plan if dry_run else running.run
    raise typer.Exit(act(check_name(study), place, flags, output))


@commands.command(rich_help_panel=PANEL)
def confirm(
    names: Annotated[list[str], typer.Argument(metavar="STUDY", show_default=False)],
    top: Annotated[int, typer.Option(min=1, help="So many of a study's best trials; the reports' best is added.")] = 5,
    seeds: Annotated[
        int, typer.Option(min=1, help="How often each is trained; what has clearly lost, less often.")
    ] = 5,
    workers: Workers = None,
    precision: Precision = None,
    engine: Engine = None,
    home: Home = None,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    output: TableOutput = "text",
    debug: Debug = False,
) -> None:
    """Confirm what searches have found: who wins over several seeds, and whether the lead is more than noise.

    The best trials, and the reports' best, are trained anew on training and
    validation images together, and judged on the test images once for each
    seed. What was trained before is not trained again. Of several studies, the
    winners are compared.
    """
    from search.confirm import confirming, outcome

    place = Place.at(home, storage, tracking_uri)
    flags = {"workers": worker_count(workers) if workers else None, "precision": precision, "engine": engine}
    found = [confirming.confirm(check_name(name), place, flags, top=top, seeds=seeds) for name in dict.fromkeys(names)]
    outcome.printed(found, output)


@commands.command(rich_help_panel=PANEL)
def retrain(
    name: Annotated[str, typer.Argument(metavar="STUDY/NUMBER")],
    epochs: Annotated[int | None, typer.Option(min=1, show_default="as it was", help="Train for so many.")] = None,
    all_images: Annotated[
        bool, typer.Option("--all-images", help="Train on the validation images, too: for a network to use.")
    ] = False,
    seed: Annotated[int | None, typer.Option(min=0, show_default="the trial's", help="Another seed.")] = None,
    engine: Engine = None,
    home: Home = None,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    output: Output = "text",
    debug: Debug = False,
) -> None:
    """Train a trial again, with more epochs, another seed or all images, and compare.

    It stands in MLflow under its study, and is no trial: the search does not
    learn from it. What was trained before is not trained again.
    """
    from search.again import retrain as again

    place = Place.at(home, storage, tracking_uri)
    found = again.retrain(name, place, epochs=epochs, all_images=all_images, seed=seed, engine=engine)
    again.printed(found, output)


@commands.command(rich_help_panel=PANEL)
def reproduce(
    name: Annotated[str, typer.Argument(metavar="STUDY/NUMBER")],
    engine: Engine = None,
    home: Home = None,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    output: Output = "text",
    debug: Debug = False,
) -> None:
    """Train a trial again exactly as it was, and say whether the same comes out.

    Says "identical" where every number is the same to the last bit, "within
    tolerance" where accuracies differ by less than half a point, and what
    differs of versions, code and machine: 1 where the difference is larger.
    """
    from search.again import reproduce as again

    found = again.reproduce(name, Place.at(home, storage, tracking_uri), engine)
    again.printed(found, output)
    raise typer.Exit(1 if found.verdict == "different" else 0)
