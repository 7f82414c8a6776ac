"""Words on the command line. Nothing heavy is imported before it is needed."""

import logging
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from typer.exceptions import TyperException

import models
from models.data import DataError
from search import links
from search.errors import SearchError, UsageError
from search.settings import (
    Baselines,
    EngineName,
    Place,
    PrecisionChoice,
    Pruner,
    Sampler,
    check_name,
    seconds,
    worker_count,
)
from search.signals import Stopped
from tracking import TrackingError

Format = Literal["text", "json"]
TableFormat = Literal["text", "json", "csv", "markdown"]

app = typer.Typer(
    name="python -m search",
    help="Search hyperparameters of image classifiers: Optuna decides, MLflow records.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Home = Annotated[
    Path | None,
    typer.Option(envvar="SEARCH_HOME", show_default="mlruns", help="Folder of everything that is written."),
]
Storage = Annotated[
    str | None,
    typer.Option(
        envvar="OPTUNA_STORAGE", show_default="HOME/optuna.db", help="Optuna's storage, as an SQLAlchemy address."
    ),
]
Tracking = Annotated[
    str | None,
    typer.Option(envvar="MLFLOW_TRACKING_URI", show_default="HOME/mlflow.db", help="MLflow's store or server."),
]
TableOutput = Annotated[
    TableFormat, typer.Option("--format", help="For people, for programs, for a spreadsheet, or for a text.")
]
Output = Annotated[Format, typer.Option("--format", help="For people, or for programs.")]
# Read by `call`, which decides what becomes of an error.
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]
SEARCH, RUNNING = "What to search", "How to run"
Workers = Annotated[
    str | None,
    typer.Option(
        metavar="auto|N",
        show_default="auto",
        help="Trainings side by side; auto: one for each core, or GPU.",
        rich_help_panel=RUNNING,
    ),
]
Precision = Annotated[
    PrecisionChoice | None,
    typer.Option(
        show_default="auto",
        help="What networks compute in while they train; auto: bfloat16 where this machine is faster at it.",
        rich_help_panel=RUNNING,
    ),
]
Engine = Annotated[
    EngineName | None,
    typer.Option(show_default="processes", help="Train in processes, or in this one.", rich_help_panel=RUNNING),
]


@app.command()
def run(
    study: Annotated[str, typer.Option(help="The study's name; its family, too, unless --family says otherwise.")],
    family: Annotated[
        str | None, typer.Option(help=f"One of {', '.join(models.names())}.", rich_help_panel=SEARCH)
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(min=1, show_default="20", help="The study's total; more continue it.", rich_help_panel=SEARCH),
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
    fix: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Pin a hyperparameter; may be repeated.", rich_help_panel=SEARCH),
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
        "fix": tuple(fix) if fix else None,
        "baselines": baselines,
        "sampler": sampler,
        "pruner": pruner,
        "seed": seed,
        "patience": patience,
        "weights": weights,
        "repeats": repeats,
        "timeout": seconds(timeout) if timeout else None,
        "trial_timeout": seconds(trial_timeout, "--trial-timeout") if trial_timeout else None,
        "workers": worker_count(workers) if workers else None,
        "precision": precision,
        "engine": engine,
    }
    act = running.plan if dry_run else running.run
    raise typer.Exit(act(check_name(study), place, flags, output))


@app.command(name="list")
def list_studies(home: Home = None, storage: Storage = None, output: Output = "text", debug: Debug = False) -> None:
    """List the studies."""
    from search import printing, results
    from search import storage as stores

    with stores.reading(Place.at(home, storage, None).storage) as store:
        found = results.summaries(store)
    printing.studies(found, output)


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="STUDY | STUDY/NUMBER")],
    home: Home = None,
    storage: Storage = None,
    output: Output = "text",
    debug: Debug = False,
) -> None:
    """Show a study's trials, or one trial."""
    from search import printing, results
    from search import storage as stores

    with stores.reading(Place.at(home, storage, None).storage) as store:
        if "/" in name:
            printing.trial(results.one(store, name), output)
        else:
            printing.trials(*results.everything(stores.load(store, name)), output)


@app.command()
def best(study: str, home: Home = None, storage: Storage = None, output: Output = "text", debug: Debug = False) -> None:
    """Show the best trial of a study."""
    from search import printing, results
    from search import storage as stores

    with stores.reading(Place.at(home, storage, None).storage) as store:
        found = results.named(store, study)
    printing.trial(found, output)


@app.command()
def compare(
    names: Annotated[list[str] | None, typer.Argument(metavar="STUDY | STUDY/NUMBER", show_default="all")] = None,
    home: Home = None,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    output: TableOutput = "text",
    debug: Debug = False,
) -> None:
    """Compare studies with the reports; or trials with each other, image by image.

    Among trials a study's name stands for its best one. The first is what the others are held against.
    """
    from search import comparison, judgements, results
    from search import storage as stores

    place = Place.at(home, storage, tracking_uri)
    with stores.reading(place.storage) as store:
        if any("/" in name for name in names or []):
            chosen = [results.named(store, name) for name in names or []]
            comparison.trials(chosen, judgements.against_first(place.tracking_uri, chosen), output)
            return
        summaries = [results.summary(stores.load(store, name)) for name in names or []] or results.summaries(store)
        rows = [row for found in summaries for row in results.reproductions(stores.load(store, found.name))]
    comparison.studies(summaries, rows, output)


@app.command()
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


@app.command()
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
    from search.page import writing

    place = Place.at(home, storage, tracking_uri)
    raise typer.Exit(writing.report(place, names or [], out, open_browser=open_browser))


@app.command()
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


@app.command()
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
    from search.doctor.visit import visit

    place = Place.at(home, storage, tracking_uri)
    raise typer.Exit(visit(study, place, fix=fix, abandon=abandon, output=output))


@app.command(name="data")
def show_data(
    data: Annotated[str, typer.Option(metavar="fashion-mnist|FILE.npz|FOLDER", help="The images.")] = "fashion-mnist",
    images: Annotated[int | None, typer.Option(min=1, help="Take so many training images.")] = None,
    home: Home = None,
    output: Output = "text",
    debug: Debug = False,
) -> None:
    """Show the images: where they are from, their digest, how many of each class, and test images among the others."""
    from models.data import load
    from search import printing

    printing.data(load(data, cache=Place.at(home, None, None).home / "cache", images=images), output)


def main() -> None:
    """Run the command line: 0 done, 1 failed while running, 2 wrong usage, 130 after Ctrl-C, 143 after SIGTERM."""
    raise SystemExit(call(sys.argv[1:]))


def call(arguments: list[str]) -> int:
    """Run one command and return its exit code; what a person can mend is said in a line or two."""
    # Finding the images may take a download; what is tried is said as it goes.
    logging.basicConfig(format="%(message)s")
    logging.getLogger("models.data").setLevel(logging.INFO)
    try:
        return int(app(arguments, prog_name="python -m search", standalone_mode=False) or 0)
    except (TyperException, UsageError, DataError, TrackingError, SearchError) as error:
        if "--debug" in arguments:
            raise
        message = error.format_message() if isinstance(error, TyperException) else str(error)
        Console(stderr=True).print(f"error: {message}", highlight=False, markup=False, soft_wrap=True)
        return 1 if isinstance(error, SearchError) else 2
    except Stopped as stopped:
        return stopped.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return 130
