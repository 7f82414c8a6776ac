"""Commands that train."""

from typing import Annotated

import typer

import models
from search.cli.flags import (
    BeginWith,
    Data,
    DryRun,
    Epochs,
    FamilyName,
    Fix,
    Images,
    Keep,
    MaxParameters,
    MaxSecondsPerEpoch,
    Objective,
    Patience,
    PrunedBy,
    Repeats,
    SampledBy,
    Seed,
    Timeout,
    Trials,
    TrialTimeout,
    Weights,
)
from search.cli.options import (
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
from search.problem.settings import Place, check_name, seconds, worker_count
from search.system import next_commands
from search.system.errors import UsageError

PANEL = "Search"
commands = typer.Typer()
STUDY = "The study's name; its family, too, unless --family says otherwise."


@commands.command(rich_help_panel=PANEL)
def run(
    name: Annotated[str | None, typer.Argument(metavar="STUDY", help=STUDY, show_default=False)] = None,
    study: Annotated[str | None, typer.Option(help="The same.")] = None,
    family: FamilyName = None,
    trials: Trials = None,
    epochs: Epochs = None,
    images: Images = None,
    data: Data = None,
    objective: Objective = None,
    max_parameters: MaxParameters = None,
    max_seconds_per_epoch: MaxSecondsPerEpoch = None,
    fix: Fix = None,
    baselines: BeginWith = None,
    sampler: SampledBy = None,
    pruner: PrunedBy = None,
    seed: Seed = None,
    patience: Patience = None,
    repeats: Repeats = None,
    keep: Keep = None,
    weights: Weights = None,
    timeout: Timeout = None,
    trial_timeout: TrialTimeout = None,
    workers: Workers = None,
    precision: Precision = None,
    engine: Engine = None,
    dry_run: DryRun = False,
    home: Home = None,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    output: Output = "text",
    debug: Debug = False,
) -> None:
    """Search: begin a study, or continue it."""
    from search.commands import running

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
    raise typer.Exit(act(check_name(_named(name, study)), place, flags, output))


def _named(name: str | None, study: str | None) -> str:
    """Return the study that is meant, with --study or without. Raises `UsageError` where none is, or two are."""
    if None not in (name, study) and name != study:
        raise UsageError(f"run {name} --study {study}: two names for one study; give one")
    found = name if study is None else study
    if found is not None:
        return found
    raise UsageError(
        f"run needs the name of a study, as in `{next_commands.command('run', '--study', 'lenet5')}`; the families are "
        f"{', '.join(models.names())}"
    )


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
    from search.commands.confirm import confirming, outcome

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
    from search.commands.retrain import retrain as again

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
    from search.commands.retrain import reproduce as again

    found = again.reproduce(name, Place.at(home, storage, tracking_uri), engine)
    again.printed(found, output)
    raise typer.Exit(1 if found.verdict == "different" else 0)
