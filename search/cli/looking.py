"""Commands that look at what there is, and change nothing."""

from pathlib import Path
from typing import Annotated, Any

import typer

from search.cli.options import (
    Debug,
    Home,
    OtherStorage,
    OtherTracking,
    Output,
    Storage,
    TableOutput,
    Tracking,
    taking,
)
from search.problem.settings import Place
from search.store import links

PANEL = "Look"
commands = typer.Typer()


@commands.command(rich_help_panel=PANEL, name="list")
def list_studies(
    home: Home = None,
    storage: Storage = None,
    output: Output = "text",
    tracking_uri: OtherTracking = None,
    debug: Debug = False,
) -> None:
    """List the studies."""
    from rich.console import Console

    from search.output import printing
    from search.output.progress import say
    from search.store import results
    from search.store import storage as stores

    with stores.reading(Place.at(home, storage, None).storage) as store:
        console = Console(stderr=True)
        found = results.summaries(store, lambda why: say(console, why))
        others = stores.others(store)
    printing.studies(found, output)
    if others:
        say(console, f"somebody else's, and passed over: {', '.join(others)}")


@commands.command(rich_help_panel=PANEL)
def show(
    name: Annotated[str, typer.Argument(metavar="STUDY | STUDY/NUMBER")],
    home: Home = None,
    storage: Storage = None,
    output: Output = "text",
    tracking_uri: OtherTracking = None,
    debug: Debug = False,
) -> None:
    """Show a study's trials, or one trial."""
    from search.output import printing
    from search.store import claims, results
    from search.store import storage as stores

    place = Place.at(home, storage, None)
    with stores.reading(place.storage) as store:
        if "/" in name:
            found = results.one(store, name)
            printing.trial(found, claims.searcher(place.home, store, found.study), output)
        else:
            summary, trials = results.everything(stores.load(store, name))
            printing.trials(summary, trials, claims.searcher(place.home, store, summary.name), output)


@commands.command(rich_help_panel=PANEL)
def best(
    study: str,
    home: Home = None,
    storage: Storage = None,
    output: Output = "text",
    tracking_uri: OtherTracking = None,
    debug: Debug = False,
) -> None:
    """Show the best trial of a study; of one with two objectives, the trials of its Pareto set."""
    from search.output import comparison, printing
    from search.store import claims, results
    from search.store import storage as stores

    place = Place.at(home, storage, None)
    with stores.reading(place.storage) as store:
        if "/" in study:
            found = results.one(store, study)
            printing.trial(found, claims.searcher(place.home, store, found.study), output)
            return
        loaded = stores.load(store, study)
        summary = results.summary(loaded)
        members = results.pareto(loaded, summary)
        driver = claims.searcher(place.home, store, study)
    if members:
        comparison.best(summary, members, output)
    else:
        printing.trial(results.best(summary), driver, output)
    if output == "text":
        printing.confirmed(summary)


@commands.command(rich_help_panel=PANEL)
def compare(
    names: Annotated[list[str] | None, typer.Argument(metavar="STUDY | STUDY/NUMBER", show_default="all")] = None,
    home: Home = None,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    output: TableOutput = "text",
    debug: Debug = False,
) -> None:
    """Compare studies with the reports; or trials with each other, image by image.

    Among trials a study's name stands for its best one. The first is what the
    others are held against; 1 where what one of them said cannot be read.
    """
    from rich.console import Console

    from search.analysis import predictions
    from search.output import comparison
    from search.output.progress import say
    from search.store import reproductions, results
    from search.store import storage as stores

    place = Place.at(home, storage, tracking_uri)
    with stores.reading(place.storage) as store:
        if any("/" in name for name in names or []):
            chosen = [results.named(store, name) for name in names or []]
            unread: list[str] = []
            pairings = predictions.against_first(place, chosen, lambda error: unread.append(str(error)))
            comparison.trials(chosen, pairings, output)
            for problem in unread:
                say(Console(stderr=True), problem)
            raise typer.Exit(1 if unread else 0)
        summaries = [results.summary(stores.load(store, name)) for name in names or []] or results.summaries(
            store, lambda why: say(Console(stderr=True), why)
        )
        choices = [
            comparison.choice(found, results.pareto(stores.load(store, found.name), found))
            for found in summaries
            if found.pareto
        ]
        rows = [row for found in summaries for row in reproductions.of(stores.load(store, found.name))]
    comparison.studies(summaries, choices, rows, output)


@commands.command(name="models", rich_help_panel=PANEL)
def show_models(
    home: Home = None,
    tracking_uri: Tracking = None,
    output: TableOutput = "text",
    storage: OtherStorage = None,
    debug: Debug = False,
) -> None:
    """List the registered models: each winner that was confirmed, and which is the champion of its kind."""
    from search.registry import listing

    listing.printed(Place.at(home, None, tracking_uri), output)


@commands.command(rich_help_panel=PANEL)
def report(
    names: Annotated[list[str] | None, typer.Argument(metavar="STUDY", show_default="all")] = None,
    out: Annotated[Path, typer.Option(help="The file; an earlier report is written over.")] = Path("report.html"),
    open_browser: Annotated[bool, typer.Option("--open", help="Open it in a browser.")] = False,
    home: Home = None,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    debug: Debug = False,
) -> None:
    """Write studies, charts and confusion matrices into one HTML file that needs no server and no network."""
    from search.report import writing

    place = Place.at(home, storage, tracking_uri)
    raise typer.Exit(writing.report(place, names or [], out, open_browser=open_browser))


@commands.command(rich_help_panel=PANEL)
def ui(
    open_browser: Annotated[bool, typer.Option("--open", help="Open both in a browser.")] = False,
    writable: Annotated[
        bool, typer.Option("--writable", help="Let the dashboard change and delete; without it, it only shows.")
    ] = False,
    mlflow_port: Annotated[
        int, typer.Option(min=1, max=65535, help="A free one is found where this is taken.")
    ] = links.MLFLOW_PORT,
    dashboard_port: Annotated[int, typer.Option(min=1, max=65535, help="The same.")] = links.DASHBOARD_PORT,
    home: Home = None,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    debug: Debug = False,
) -> None:
    """Look at everything in MLflow's interface and the Optuna dashboard, which link to each other.

    Both answer this machine alone, for neither asks for a password: from elsewhere, reach them through SSH.
    """
    from search.ui import showing

    place = Place.at(home, storage, tracking_uri)
    raise typer.Exit(
        showing.show(
            place,
            mlflow_port=mlflow_port,
            dashboard_port=dashboard_port,
            open_browser=open_browser,
            writable=writable,
        )
    )


@commands.command(rich_help_panel=PANEL, name="data")
@taking("test_share")
def show_data(
    data: Annotated[str, typer.Option(metavar="fashion-mnist|FILE.npz|FOLDER", help="The images.")] = "fashion-mnist",
    images: Annotated[int | None, typer.Option(min=1, help="Take so many training images.")] = None,
    *,
    home: Home = None,
    output: Output = "text",
    storage: OtherStorage = None,
    tracking_uri: OtherTracking = None,
    debug: Debug = False,
    **settings: Any,
) -> None:
    """Show the images: where they are from, their digest, how many of each class, and test images among the others."""
    from models.data import load
    from search.output import printing

    cache = Place.at(home, None, None).home / "cache"
    printing.data(load(data, cache=cache, images=images, test_share=settings["test_share"]), output)
