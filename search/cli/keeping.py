"""Commands that look after what was written."""

from pathlib import Path
from typing import Annotated

import typer

from search.cli.options import Debug, Home, OtherStorage, Output, Storage, Tracking
from search.problem.settings import Place

PANEL = "Keep"
commands = typer.Typer()


@commands.command(rich_help_panel=PANEL)
def doctor(
    study: Annotated[str | None, typer.Argument(show_default="all")] = None,
    fix: Annotated[bool, typer.Option("--fix", help="Mend what can be mended, after copying both databases.")] = False,
    abandon: Annotated[
        bool, typer.Option("--abandon", help="With --fix: let trials fail that were left open.")
    ] = False,
    home: Home = None,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    output: Output = "text",
    debug: Debug = False,
) -> None:
    """Check that trials, runs, spool and checkpoints agree: 0 if they do, 1 if not, 2 if that cannot be read."""
    from search.doctor.command import visit

    place = Place.at(home, storage, tracking_uri)
    raise typer.Exit(visit(study, place, fix=fix, abandon=abandon, output=output))


@commands.command(rich_help_panel=PANEL)
def upgrade(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")] = False,
    home: Home = None,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    debug: Debug = False,
) -> None:
    """Bring a home that an older MLflow or Optuna has made to the tables that the installed ones want.

    Both databases are copied first, and how to go back is said and kept beside
    the copies. What is killed on the way leaves a home as it was, or as it is
    to be, and the same command goes on. At last the doctor looks at it.
    """
    from search.commands import upgrading

    raise typer.Exit(upgrading.upgrade(Place.at(home, storage, tracking_uri), dry_run=dry_run))


@commands.command(rich_help_panel=PANEL)
def keep(
    study: str,
    top: Annotated[int, typer.Option(min=1, help="Of so many of the best trials the models stay.")] = 3,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would go; write nothing.")] = False,
    home: Home = None,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    output: Output = "text",
    debug: Debug = False,
) -> None:
    """Free the disk of the models that nobody will use; metrics, matrices and predictions of all trials stay.

    Beside those of the best trials stay the models of the reports' rows, of
    finalists and what `confirm` made of them, and what is registered in MLflow.
    """
    from search.commands import keeping

    place = Place.at(home, storage, tracking_uri)
    raise typer.Exit(keeping.keep(study, place, top=top, dry_run=dry_run, output=output))


@commands.command(rich_help_panel=PANEL)
def promote(
    model: Annotated[str, typer.Argument(metavar="NAME/VERSION", help="A registered model, see `models`.")],
    force: Annotated[
        str | None, typer.Option(metavar="REASON", help="Whatever the figures say; the reason is kept with it.")
    ] = None,
    home: Home = None,
    tracking_uri: Tracking = None,
    storage: OtherStorage = None,
    debug: Debug = False,
) -> None:
    """Make a registered model the champion of its name, if it is better than the one that is.

    Better is what was right more often about the same test images, by more than
    noise. `confirm` does the same for each winner.
    """
    from search.output.tables import say
    from search.registry import promotion

    standing = promotion.promote(model, Place.at(home, None, tracking_uri), force)
    say(f"{standing.sentence}.")
    raise typer.Exit(0 if standing.champion else 1)


@commands.command(rich_help_panel=PANEL)
def delete(
    study: Annotated[str, typer.Argument(show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    export: Annotated[
        bool, typer.Option("--export/--no-export", help="Put the study into the file STUDY.zip first.")
    ] = True,
    registered: Annotated[
        bool, typer.Option("--registered", help="Delete the registered versions of its models, too.")
    ] = False,
    home: Home = None,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    debug: Debug = False,
) -> None:
    """Delete a study: its trials, its runs with all that they hold, its checkpoints. It is exported first.

    Says what goes, and asks. A call that was cut short is ended by the next one.
    """
    from search.commands import deleting

    place = Place.at(home, storage, tracking_uri)
    deleting.delete(study, place, yes=yes, export=export, versions=registered)


@commands.command(rich_help_panel=PANEL)
def rename(
    study: Annotated[str, typer.Argument(show_default=False)],
    name: Annotated[str, typer.Argument(metavar="NEW_NAME", show_default=False)],
    home: Home = None,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    debug: Debug = False,
) -> None:
    """Give a study another name, in both stores; its registered models keep theirs.

    A call that was cut short is ended by the next one.
    """
    from search.commands import renaming

    renaming.rename(study, name, Place.at(home, storage, tracking_uri))


@commands.command(rich_help_panel=PANEL)
def export(
    study: Annotated[str, typer.Argument(show_default=False)],
    out: Annotated[Path | None, typer.Option("--out", "-o", show_default="STUDY.zip", help="A new file.")] = None,
    home: Home = None,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    output: Output = "text",
    debug: Debug = False,
) -> None:
    """Put a study into one file: trials, runs, metrics, artifacts and models, for another home or for later years."""
    from search.bundle import exporting

    exporting.export(study, Place.at(home, storage, tracking_uri), out, output)


@commands.command(rich_help_panel=PANEL, name="import")
def take_in(
    file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False)],
    study: Annotated[
        str | None, typer.Option(show_default="the bundle's", help="Take it in under this name, or into this study.")
    ] = None,
    home: Home = None,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    output: Output = "text",
    debug: Debug = False,
) -> None:
    """Take in a study that was exported: what is there already is left as it is.

    Into a study of the same images, space and goal its trials are merged, with
    new numbers and a note of where they are from.
    """
    from search.bundle import importing

    importing.take_in(file, Place.at(home, storage, tracking_uri), study, output)
