"""Results, as tables for people and as JSON for programs. On stdout."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from shlex import quote
from typing import Any, Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from models.data import Summary as DataSummary
from models.family import Choice
from search import baselines
from search.addresses import redacted
from search.baselines import Baseline
from search.doctor.findings import Finding
from search.estimate import Estimate
from search.execution import Plan
from search.progress import duration, short
from search.results import Reproduction, Result, Summary
from search.settings import Settings
from search.space import Space, describe
from search.starts import Start

Format = Literal["text", "json"]
DEFAULT_HOME = "mlruns"
# Columns of words, which give way where a terminal is narrow; figures stay whole.
WRAPPED = ("what", "space", "reported", "study")


def studies(found: Sequence[Summary], output: Format) -> None:
    """Print a line a study."""
    if output == "json":
        _json([_summary_data(summary) for summary in found])
        return
    table = _table("study", "family", "trials", "pruned", "failed", "goal", "best", "trial")
    for summary in found:
        now, best = summary.standing, summary.best
        table.add_row(
            summary.title,
            summary.family,
            f"{now.finished}/{summary.asked_for}",
            str(now.pruned),
            str(now.failed),
            summary.goal.metric,
            _number(best.value) if best else "-",
            str(best.number) if best else "-",
        )
    _print(table if found else "no studies yet; begin with `python -m search run --study lenet5`")


def trials(summary: Summary, found: Sequence[Result], output: Format) -> None:
    """Print a line a trial."""
    if output == "json":
        _json(_summary_data(summary) | {"results": [_result_data(result) for result in found]})
        return
    rows = [
        (
            str(result.number),
            _state(result),
            _number(result.value),
            _number(result.metrics.get("test_accuracy")),
            str(result.epochs),
            duration(result.seconds) if result.seconds is not None else "-",
            result.baseline or result.reason or short(result.parameters),
        )
        for result in found
    ]
    now = summary.standing
    of_family = "" if summary.family == summary.name else f", {summary.family}"
    _print(
        f"{summary.title}{of_family}: {now.finished} of {summary.asked_for} trials finished, "
        f"{now.pruned} pruned, {now.failed} failed, {now.running} running"
    )
    _lines(("trial", "state", summary.goal.metric, "test", "epochs", "time", "what"), rows)
    if summary.best:
        _print(f"best: trial {summary.best.number}; see `python -m search show {summary.best.name}`")


def trial(result: Result, output: Format) -> None:
    """Print everything that is known of a trial."""
    if output == "json":
        _json(_result_data(result))
        return
    _print(", ".join(filter(None, (f"{result.name}: {_state(result)}", result.reason, result.caveat))))
    for title, values in (("hyperparameters", result.parameters), ("metrics", result.metrics)):
        if values:
            table = _table(title, "")
            for name, value in values.items():
                table.add_row(name, _number(value) if isinstance(value, float) else str(value))
            _print(table)
    row = next((row for row in baselines.everything() if row.name == result.baseline), None)
    if row:
        _print(f"baseline {row.name}: {row.label}; reported {row.headline[0]} {row.headline[1]:.4f}")
    loaded = f"model: {result.model} (mlflow.keras.load_model)" if result.model else ""
    run = f"MLflow run: {result.run}" if result.run else ""
    for line in filter(None, (loaded, run, result.traceback)):
        _print(line)


def comparison(summaries: Sequence[Summary], rows: Sequence[Reproduction], output: Format) -> None:
    """Print each study's best beside the report's best, and each row of the reports beside ours."""
    if output == "json":
        _json(
            {
                "studies": [_summary_data(summary) | {"report": _against(summary)} for summary in summaries],
                "rows": [_reproduction_data(row) for row in rows],
            }
        )
        return
    table = _table("study", "best trial", "metric", "ours", "report", "difference")
    for summary in summaries:
        against = _against(summary)
        table.add_row(
            summary.title,
            str(summary.best.number) if summary.best else "-",
            against.get("metric", "-"),
            _number(against.get("ours")),
            _number(against.get("reported")),
            _points(against.get("difference")),
        )
    _print(table)
    for (study, title, metric), group in groupby(rows, key=lambda row: (row.study, *row.judged_by)):
        _print(f"{study} against {title}, {metric}:")
        table = _table("row", "what", "trial", "epochs", "report", "ours", "points")
        for row in group:
            table.add_row(
                row.baseline.row,
                row.baseline.label,
                str(row.trial.number) if row.trial else "-",
                f"{row.trial.epochs if row.trial else '-'}/{row.baseline.epochs}",
                f"{row.baseline.headline[1]:.4f}",
                _number(row.ours),
                _points(row.difference),
            )
        _print(table)
    if not rows:
        return
    _print(
        "difference and points: ours minus the report's, in points of a hundred. The standard error of an accuracy on "
        "10,000 images is about 0.3 points. The reports trained on all training images and give their last epoch; "
        "ours trained on nine tenths, and is the epoch that was best on the other tenth."
    )


def findings(found: Sequence[Finding], studies: Sequence[str], output: Format) -> None:
    """Print what the doctor found, and what became of it or will."""
    if output == "json":
        _json([_finding_data(finding) for finding in found])
        return
    for finding in found:
        fate = "mended" if finding.repaired else "with --fix" if finding.mend else "for you"
        where = f" {finding.place}" if finding.place else ""
        _print(f"{finding.id}{where}: {finding.text} ({fate}: {finding.repair})")
    mended = sum(finding.repaired for finding in found)
    remain = f"{len(found)} found, {mended} mended, {len(found) - mended} remain" if found else "nothing is wrong"
    _print(f"{', '.join(studies) or 'no studies'}: {remain}")


def _finding_data(finding: Finding) -> dict[str, Any]:
    names = ("id", "study", "trial", "text", "repair", "repaired")
    return {name: getattr(finding, name) for name in names}


def data(summary: DataSummary, output: Format) -> None:
    """Print what the images are."""
    if output == "json":
        _json(asdict(summary))
        return
    shape = summary.shape
    _print(f"{summary.name}: images of {shape.height}x{shape.width}x{shape.channels}, {shape.classes} classes")
    _print(f"source: {summary.source}")
    _print(f"digest: {summary.digest}")
    table = _table("class", *summary.counts)
    for index, name in enumerate(summary.class_names):
        table.add_row(name, *(f"{counts[index]:,}" for counts in summary.counts.values()))
    table.add_row(Text("all", style="bold"), *(f"{sum(counts):,}" for counts in summary.counts.values()))
    _print(table)


def plan(
    settings: Settings,
    *,
    space: Space,
    fixed: Mapping[str, Choice],
    baselines: Sequence[tuple[str, Baseline, Mapping[str, Any]]],
    start: Start | None,
    execution: Plan,
    estimated: Estimate,
    images: DataSummary,
    output: Format,
) -> None:
    """Print what a search would do."""
    described = {name: describe(distribution) for name, distribution in space.items()}
    if output == "json":
        _json(
            {
                "settings": settings.lasting() | {"study": settings.study, "home": str(settings.home)},
                "space": described | {name: [value] for name, value in fixed.items()},
                "baselines": [{"name": name, **attributes} for name, _, attributes in baselines],
                "start": {"label": start.label, "parameters": start.parameters} if start else None,
                "execution": asdict(execution),
                "estimate": asdict(estimated),
                "data": {"name": images.name, "digest": images.digest},
            }
        )
        return
    _print(f"study {settings.study}, {settings.trials} trials of {settings.family}; nothing is written by this call")
    table = _table("hyperparameter", "space")
    for name, description in described.items():
        table.add_row(name, f"{fixed[name]} (pinned)" if name in fixed else description)
    _print(table)
    if baselines:
        table = _table("baselines first", "epochs", "what", "reported")
        for name, row, attributes in baselines:
            table.add_row(name, str(attributes["epochs"]), row.label, f"{row.headline[0]} {row.headline[1]:.4f}")
        _print(table)
    if start:
        _print(f"then, as textbooks advise: {start.label}")
    _print(
        f"about {estimated.epochs} epochs on {sum(images.counts['train']):,} images of {images.name}, roughly "
        f"{duration(estimated.seconds)} and up to {estimated.megabytes:,.0f} MB in {settings.home}"
    )
    _print(f"{execution.text}; an epoch in one call, {execution.evaluation_batch:,} images judged at once")


def conclusion(summary: Summary, settings: Settings) -> None:
    """Print what a search came to, and where to look further."""
    now = summary.standing
    _print(f"{summary.title}: {now.finished} trials, {now.complete} complete, {now.pruned} pruned, {now.failed} failed")
    if summary.best:
        best, against = summary.best, _against(summary)
        epoch = best.metrics.get("best_epoch")
        _print(
            f"best: trial {best.number}, {summary.goal.metric} {_number(best.value)}"
            + (f" (epoch {epoch:.0f})" if epoch else "")
            + (f", test_accuracy {_number(best.metrics['test_accuracy'])}" if "test_accuracy" in best.metrics else "")
        )
        if against:
            on = f" on {settings.images:,} of the training images" if settings.images else ""
            _print(
                f"report's best: {against['row']}, {against['metric']} {against['reported']:.4f}; ours "
                f"{_number(against['ours'])}{on}, {_points(against['difference'])} points"
            )
        if best.model:
            _print(f"model: {best.model} (mlflow.keras.load_model)")
    else:
        _print(f"no trial is complete; see why with `python -m search show {summary.name}`")
    for command in commands(summary, settings):
        # Never broken: it is there to be copied.
        Console().print(f"  {command}", highlight=False, markup=False, soft_wrap=True)


def commands(summary: Summary, settings: Settings) -> list[str]:
    """Return the commands with which to look further."""
    elsewhere = (
        ""
        if settings.home.name == DEFAULT_HOME and settings.home.parent == settings.home.cwd()
        else f" --home {quote(str(settings.home))}"
    )
    name = summary.best.name if summary.best else summary.name
    return [
        f"python -m search show {name}{elsewhere}",
        *_mlflow(settings.tracking_uri),
        f"optuna-dashboard {quote(redacted(settings.storage))}",
    ]


def _mlflow(uri: str) -> list[str]:
    """Return how runs are looked at: a database through a server of one's own, a server as it is."""
    if uri == "memory:":
        return []
    return [uri] if uri.startswith("http") else [f"mlflow ui --backend-store-uri {quote(uri)}"]


def conclusion_data(summary: Summary, settings: Settings) -> dict[str, Any]:
    """Return the same for programs."""
    return _summary_data(summary) | {"report": _against(summary), "commands": commands(summary, settings)}


def _against(summary: Summary) -> dict[str, Any]:
    """Return the report's best row beside ours, in the report's metric; empty where there is nothing to compare."""
    row = baselines.best(summary.family)
    if row is None or summary.best is None or not summary.comparable:
        return {}
    metric, reported = row.headline
    ours = summary.best.metrics.get(metric)
    if ours is None:
        return {}
    return {
        "row": row.name,
        "metric": metric,
        "reported": reported,
        "ours": ours,
        "difference": ours - reported,
    }


def _summary_data(summary: Summary) -> dict[str, Any]:
    return {
        "study": summary.name,
        "family": summary.family,
        "goal": asdict(summary.goal),
        "trials": asdict(summary.standing) | {"finished": summary.standing.finished, "asked_for": summary.asked_for},
        "settings": dict(summary.settings),
        "best": _result_data(summary.best) if summary.best else None,
    }


def _result_data(result: Result) -> dict[str, Any]:
    return asdict(result)


def _reproduction_data(row: Reproduction) -> dict[str, Any]:
    metric, reported = row.baseline.headline
    return {
        "row": row.baseline.name,
        "label": row.baseline.label,
        "trial": row.trial.name if row.trial else None,
        "metric": metric,
        "reported": reported,
        "ours": row.ours,
        "difference": row.difference,
        "epochs": row.trial.epochs if row.trial else None,
        "epochs_reported": row.baseline.epochs,
    }


def _state(result: Result) -> str:
    return "infeasible" if result.reason.startswith("infeasible") else result.state.lower()


def _number(value: float | None) -> str:
    """Return a metric in four places, a count without any, and `-` for nothing."""
    if value is None:
        return "-"
    if value == math.floor(value) and abs(value) > 1:
        return f"{value:,.0f}"
    return f"{value:.4g}" if abs(value) < 1e-3 else f"{value:.4f}"


def _points(difference: float | None) -> str:
    return "-" if difference is None else f"{100 * difference:+.2f}"


def _table(*columns: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=column not in WRAPPED)
    return table


def _lines(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a line a row, however many: Rich takes a millisecond for each. Cut where the line ends."""
    end = _console().width
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = ["   ".join(map(str.ljust, row, widths)) for row in (head, ["-" * width for width in widths], *rows)]
    # A reason may have been written over several lines.
    whole = (" ".join(line.split("\n")).rstrip() for line in lines)
    cut = (line if len(line) <= end else f"{line[: end - 1]}…" for line in whole)
    print("", *cut, "", sep="\n")


def _print(what: Table | str) -> None:
    console = _console()
    console.print(what, highlight=False, markup=False, soft_wrap=isinstance(what, str) and not console.is_terminal)


def _console() -> Console:
    console = Console()
    # A pipe has no width of its own; what is cut to 80 columns there cannot be read by anything.
    return console if console.is_terminal else Console(width=160)


def _json(value: object) -> None:
    print(json.dumps(value, indent=2, default=str))
