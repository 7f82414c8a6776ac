"""Results, as tables for people and as JSON for programs. On stdout."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.text import Text

from models.data import Images
from models.data import summary as described
from models.data.leakage import leakage
from models.data.names import shortened
from models.data.remarks import remarks
from search.output import suggestions, told
from search.output.progress import duration
from search.output.tables import Format, as_json, columns, lines, say
from search.problem import baselines
from search.problem.settings import Settings
from search.store.results import Result, Summary
from search.system import next_commands
from search.system.formats import number, points
from search.system.wording import counted

# What the mark of `marked` means.
PARETO = "*: the Pareto set, in which nobody is better in one objective without being worse in the other"


def studies(found: Sequence[Summary], output: Format) -> None:
    """Print a line a study."""
    if output == "json":
        as_json([told.summary_data(summary) for summary in found])
        return
    table = columns("study", "family", "data", "epochs", "trials", "pruned", "failed", "goal", "best", "trial")
    for summary in found:
        table.add_row(*_describe_study(summary))
    say(table if found else f"no studies yet; begin with `{next_commands.command('run', '--study', 'lenet5')}`")


def _describe_study(summary: Summary) -> tuple[str, ...]:
    now, best = summary.standing, summary.best
    return (
        summary.title,
        summary.family,
        summary.images,
        str(summary.settings.get("epochs", "-")),
        summary.done,
        str(now.pruned),
        str(now.failed),
        summary.goal.metric,
        number(best.value) if best else "-",
        str(best.number) if best else "-",
    )


def trials(summary: Summary, found: Sequence[Result], driver: str, output: Format) -> None:
    """Print a line a trial; `driver` is the process that searches now, if one does."""
    if output == "json":
        as_json(told.summary_data(summary) | {"results": [told.result_data(result) for result in found]})
        return
    _say_standing(summary, driver)
    metrics = (goal.metric for goal in summary.goals)
    rows = [_describe_trial(result, summary, driver) for result in found]
    lines(("trial", "state", *metrics, "test", "epochs", "time", "what"), rows)
    if summary.pareto:
        say(PARETO)
    if summary.standing.running and not driver:
        say(f"nobody searches now; what is open goes on with `{next_commands.command('run', '--study', summary.name)}`")
    if summary.best:
        say(f"best: trial {summary.best.number}; see `{next_commands.command('show', summary.best.name)}`")


def _describe_trial(result: Result, summary: Summary, driver: str) -> tuple[str, ...]:
    return (
        str(result.number),
        told.marked(result, summary, driver),
        number(result.value),
        *(number(result.metrics.get(cost.metric)) for cost in summary.costs),
        number(result.metrics.get("test_accuracy")),
        str(result.epochs),
        duration(result.seconds) if result.seconds is not None else "-",
        told.what(result),
    )


def _say_standing(summary: Summary, driver: str) -> None:
    """Say how many trials there are of each kind, and on what images."""
    now = summary.standing
    of_family = "" if summary.family == summary.name else f", {summary.family}"
    say(
        f"{summary.title}{of_family}: {summary.progress}, "
        f"{now.pruned} pruned, {now.failed} failed, {now.running} {'running' if driver else 'open'}"
        f"{f', {now.infeasible} infeasible besides' if now.infeasible else ''}"
    )
    digest = f" (digest {summary.digest[:12]})" if summary.digest else ""
    say(f"on {summary.images}{digest}, up to {summary.settings.get('epochs', '?')} epochs a trial")


def trial(result: Result, driver: str, output: Format) -> None:
    """Print everything that is known of a trial; `driver` is the process that searches now, if one does."""
    if output == "json":
        as_json(told.result_data(result))
        return
    say(", ".join(filter(None, (f"{result.name}: {told.state(result, driver)}", result.reason, result.caveat))))
    _print_values("hyperparameters", result.parameters)
    _print_values("metrics", result.metrics)
    row = next((row for row in baselines.everything() if row.name == result.baseline), None)
    if row:
        say(f"baseline {row.name}: {row.label}; reported {row.headline[0]} {row.headline[1]:.4f}")
    loaded = suggestions.model(result.model) if result.model else ""
    if result.removed:
        loaded = f"model: {result.removal}"
    run = f"MLflow run: {result.run}" if result.run else ""
    for line in filter(None, (loaded, run, result.traceback)):
        say(line)


def _print_values(title: str, values: Mapping[str, object]) -> None:
    if values:
        table = columns(title, "")
        for name, value in values.items():
            table.add_row(name, number(value) if isinstance(value, float) else str(value))
        say(table)


def confirmed(summary: Summary) -> None:
    """Print what several seeds have said of a study's best, or how they are asked."""
    if summary.confirmed:
        say("confirmed with several seeds, on all images but the test ones:")
        for sentence in summary.confirmed["sentences"]:
            say(f"  {sentence}")
        if model := summary.confirmed["model"]:
            say(f"  registered as {model}")
    else:
        say(f"not confirmed yet: `{next_commands.command('confirm', summary.name)}` tells how much of this was luck")


def data(images: Images, output: Format) -> None:
    """Print what the images are."""
    summary, leaked = described(images), leakage(images)
    told = remarks(images, leaked)
    if output == "json":
        as_json(asdict(summary) | {"leakage": asdict(leaked), "remarks": told})
        return
    shape = summary.shape
    say(f"{summary.name}: images of {shape.height}x{shape.width}x{shape.channels}, {shape.classes} classes")
    say(f"source: {summary.source}")
    say(f"digest: {summary.digest}")
    table = columns("class", *summary.counts)
    for index, name in enumerate(summary.class_names):
        table.add_row(shortened(name), *(f"{counts[index]:,}" for counts in summary.counts.values()))
    table.add_row(Text("all", style="bold"), *(f"{sum(counts):,}" for counts in summary.counts.values()))
    say(table)
    for remark in told if leaked.found else (*told, leaked.text):
        say(remark)


def conclusion(summary: Summary, settings: Settings) -> None:
    """Print what a search came to, and where to look further."""
    now = summary.standing
    repeats = f"; {summary.repeats} of them repeats, not trained again" if summary.repeats else ""
    say(
        f"{summary.title}: {counted(now.finished, 'trial')}, {now.complete} complete, {now.pruned} pruned, "
        f"{now.failed} failed{repeats}"
    )
    if now.infeasible:
        could = "configuration that was drawn" if now.infeasible == 1 else "configurations that were drawn"
        say(f"{now.infeasible} {could} could not be trained, and cost no trial")
    if summary.best:
        _say_best(summary, summary.best, settings)
        if summary.pareto:
            see = next_commands.command("best", summary.name)
            say(f"Pareto set: trials {', '.join(map(str, summary.pareto))}; see `{see}`")
    else:
        say(f"no trial is complete; see why with `{next_commands.command('show', summary.name)}`")
    for command in suggestions.looks(summary, settings):
        # Never broken: it is there to be copied.
        Console().print(f"  {command}", highlight=False, markup=False, emoji=False, soft_wrap=True)


def _say_best(summary: Summary, best: Result, settings: Settings) -> None:
    """Say how good the best trial is, beside the report's best, and where its model is."""
    epoch, against = best.metrics.get("best_epoch"), summary.against
    say(
        f"best: trial {best.number}, {summary.goal.metric} {number(best.value)}"
        + (f" (epoch {epoch:.0f})" if epoch else "")
        + (f", test_accuracy {number(best.metrics['test_accuracy'])}" if "test_accuracy" in best.metrics else "")
    )
    if against:
        say(
            f"report's best, {against.row.epochs} epochs: {against.row.name}, {against.metric} "
            f"{against.reported:.4f}; ours, {best.budget or settings.epochs} epochs: {number(against.ours)}, "
            f"{points(against.difference)} points"
        )
    if best.model:
        say(suggestions.model(best.model))


def conclusion_data(summary: Summary, settings: Settings) -> dict[str, Any]:
    """Return the same for programs."""
    return told.summary_data(summary) | {"commands": suggestions.looks(summary, settings)}
