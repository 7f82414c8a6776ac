"""Commands that train."""

from typing import Annotated, Any

import typer

import models
from search.cli.options import RUNNING, Debug, Home, Output, Storage, TableOutput, Tracking, taking
from search.problem.settings import Place, check_name
from search.system import next_commands
from search.system.errors import UsageError

PANEL = "Search"
commands = typer.Typer()
STUDY = "The study's name; its family, too, unless --family says otherwise."


@commands.command(rich_help_panel=PANEL)
@taking()
def run(
    name: Annotated[str | None, typer.Argument(metavar="STUDY", help=STUDY, show_default=False)] = None,
    study: Annotated[str | None, typer.Option(help="The same.")] = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done; write nothing.", rich_help_panel=RUNNING)
    ] = False,
    home: Home = None,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    output: Output = "text",
    debug: Debug = False,
    **settings: Any,
) -> None:
    """Search: begin a study, or continue it."""
    from search.commands import running

    place = Place.at(home, storage, tracking_uri)
    act = running.plan if dry_run else running.run
    raise typer.Exit(act(check_name(_named(name, study)), place, settings, output))


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
@taking("workers", "precision", "engine")
def confirm(
    names: Annotated[list[str], typer.Argument(metavar="STUDY", show_default=False)],
    top: Annotated[int, typer.Option(min=1, help="So many of a study's best trials; the reports' best is added.")] = 5,
    seeds: Annotated[
        int, typer.Option(min=1, help="How often each is trained; what has clearly lost, less often.")
    ] = 5,
    *,
    home: Home = None,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    output: TableOutput = "text",
    debug: Debug = False,
    **settings: Any,
) -> None:
    """Confirm what searches have found: who wins over several seeds, and whether the lead is more than noise.

    The best trials, and the reports' best, are trained anew on training and
    validation images together, and judged on the test images once for each
    seed. What was trained before is not trained again. Of several studies, the
    winners are compared.
    """
    from search.commands.confirm import confirming, outcome

    place = Place.at(home, storage, tracking_uri)
    found = [
        confirming.confirm(check_name(name), place, settings, top=top, seeds=seeds) for name in dict.fromkeys(names)
    ]
    outcome.printed(found, output)


@commands.command(rich_help_panel=PANEL)
@taking("engine")
def retrain(
    name: Annotated[str, typer.Argument(metavar="STUDY/NUMBER")],
    epochs: Annotated[int | None, typer.Option(min=1, show_default="as it was", help="Train for so many.")] = None,
    all_images: Annotated[
        bool, typer.Option("--all-images", help="Train on the validation images, too: for a network to use.")
    ] = False,
    seed: Annotated[int | None, typer.Option(min=0, show_default="the trial's", help="Another seed.")] = None,
    *,
    home: Home = None,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    output: Output = "text",
    debug: Debug = False,
    **settings: Any,
) -> None:
    """Train a trial again, with more epochs, another seed or all images, and compare.

    It stands in MLflow under its study, and is no trial: the search does not
    learn from it. What was trained before is not trained again.
    """
    from search.commands.retrain import retrain as again

    place = Place.at(home, storage, tracking_uri)
    found = again.retrain(name, place, epochs=epochs, all_images=all_images, seed=seed, **settings)
    again.printed(found, output)


@commands.command(rich_help_panel=PANEL)
@taking("engine")
def reproduce(
    name: Annotated[str, typer.Argument(metavar="STUDY/NUMBER")],
    *,
    home: Home = None,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    output: Output = "text",
    debug: Debug = False,
    **settings: Any,
) -> None:
    """Train a trial again exactly as it was, and say whether the same comes out.

    Says "identical" where every number is the same to the last bit, "within
    tolerance" where accuracies differ by less than half a point, and what
    differs of versions, code and machine: 1 where the difference is larger.
    """
    from search.commands.retrain import reproduce as again

    found = again.reproduce(name, Place.at(home, storage, tracking_uri), **settings)
    again.printed(found, output)
    raise typer.Exit(1 if found.verdict == "different" else 0)
