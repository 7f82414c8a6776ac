"""Commands that use a model."""

from pathlib import Path
from typing import Annotated

import typer

from search.cli.options import AnswerFormat, Debug, Home, Storage, TableOutput, Tracking
from search.problem.settings import Place
from search.store import links

PANEL = "Use"
commands = typer.Typer()

Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="STUDY/NUMBER, STUDY (its best trial), a registered NAME or NAME/VERSION, or a .keras file.",
        show_default=False,
    ),
]
Images = Annotated[
    list[str],
    typer.Argument(
        metavar="IMAGE",
        help="Pictures, folders of them, or .npz files (x_test, images, x, or the only array of images).",
        show_default=False,
    ),
]
TrustFile = Annotated[
    str | None,
    typer.Option(metavar="SHA256", help="Of a .keras file from elsewhere: that it is the one you know, and trust."),
]


@commands.command(rich_help_panel=PANEL)
def predict(
    model: Model,
    images: Images,
    out: Annotated[
        Path | None, typer.Option(help="A file for all answers, CSV unless --format says otherwise.")
    ] = None,
    output: Annotated[
        AnswerFormat | None,
        typer.Option("--format", show_default="text", help="For people, for programs, or for a spreadsheet."),
    ] = None,
    trust_file: TrustFile = None,
    home: Home = None,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    debug: Debug = False,
) -> None:
    """Say of pictures what they show, and how sure the model is: of each the three likeliest classes.

    Pictures of any size and colour are brought to what the model has learned
    from: scaled, grey where it takes grey, and negated where their ground is
    light and that of its training images was dark. Those that cannot be read
    are named and left out, and the exit code is 1. Where an .npz file has
    classes, too (y_test), the accuracy is told.
    """
    from search.commands.predict import predicting

    place = Place.at(home, storage, tracking_uri)
    raise typer.Exit(predicting.predict(model, place, images, out, output, trust_file))


@commands.command(rich_help_panel=PANEL)
def nearest(
    model: Model,
    images: Images,
    k: Annotated[int, typer.Option("--k", min=1, max=20, help="So many for each picture.")] = 3,
    out: Annotated[Path, typer.Option(help="A file for the sheet; an earlier one is written over.")] = Path(
        "nearest.png"
    ),
    output: TableOutput = "text",
    trust_file: TrustFile = None,
    home: Home = None,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    debug: Debug = False,
) -> None:
    """Show the training images that a Siamese network finds most like a picture, with their classes and distances."""
    from search.commands.predict import nearest as finding

    place = Place.at(home, storage, tracking_uri)
    raise typer.Exit(finding.nearest(model, place, images, k, out, output, trust_file))


@commands.command(rich_help_panel=PANEL)
def serve(
    model: Model,
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="A free one is found where this is taken.")
    ] = links.SCORING_PORT,
    trust_file: TrustFile = None,
    home: Home = None,
    storage: Storage = None,
    tracking_uri: Tracking = None,
    debug: Debug = False,
) -> None:
    """Answer programs on this machine about pictures, as `predict` does, over HTTP: MLflow's scoring server.

    It takes what `mlflow models serve` takes, with this environment and one
    process: POST /invocations with {"inputs": [...]}, images as numbers or
    pictures in base64. It answers as soon as the model is loaded. It asks for
    no password: from elsewhere, reach it through SSH.
    """
    from search.commands.predict import service

    raise typer.Exit(service.serve(model, Place.at(home, storage, tracking_uri), port, trust_file))
