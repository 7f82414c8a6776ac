"""Charts of one study, as Optuna's own visualisation draws them with Plotly."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import optuna
from optuna import visualization
from optuna.trial import FrozenTrial, TrialState
from plotly.graph_objects import Bar, Figure, Scatter

from models.data.names import shortened
from models.family import Goal
from search.analysis import importance, outlook
from search.analysis.importance import Importance
from search.store import results, storage
from search.store.results import Summary

# With fewer complete trials nothing can be said of what mattered.
FEWEST_FOR_IMPORTANCE = 4
# So many have room for a number each.
FEW_EPOCHS = 10
# In seconds, as Optuna draws a trial that has just begun.
SHORTEST_BAR = 1.0
MOST_SLICES, MOST_AXES, MOST_CURVES = 6, 8, 5
# Okabe and Ito's colours, which colour-blind people tell apart.
STATES = {"COMPLETE": "#0072b2", "PRUNED": "#e69f00", "FAIL": "#d55e00", "RUNNING": "#56b4e9", "WAITING": "#999999"}
CHOSEN, OTHERS = "#d55e00", "#999999"


@dataclass(frozen=True)
class Chart:
    """A figure as Plotly's JSON, without a title or colours of its own around it; None where a note says it all."""

    name: str
    title: str
    note: str
    figure: dict[str, Any] | None


@dataclass(frozen=True)
class Chosen:
    """What a study has come to, `how` it was chosen; its test accuracy, half of a 95 % interval, a report's figure."""

    name: str
    how: str
    test: float
    margin: float
    reported: float | None


def of_study(study: optuna.Study, summary: Summary, baseline: int | None) -> list[Chart]:
    """Return what can be drawn of a study; `baseline` is the trial that ran the report's best configuration."""
    choice = [_pareto(study, summary)] if summary.pareto else []
    # All charts but that one are of the first objective.
    study = storage.by_first(study)
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if not complete:
        return []
    goal = summary.goal.metric
    charts = [
        *choice,
        _chart("history", "Best value so far", "", visualization.plot_optimization_history(study, target_name=goal)),
        spent(study, summary),
        _curves(study, summary, complete, baseline),
        timeline(study),
    ]
    if len(complete) < FEWEST_FOR_IMPORTANCE:
        return charts
    return charts + _of_hyperparameters(study, complete, goal)


def spent(study: optuna.Study, summary: Summary) -> Chart:
    """Draw the best value over the epochs that all trials together had trained for, and what each trial came to."""
    over = outlook.spent(study.get_trials(deepcopy=False))
    ended = [(place, trial) for place, trial in over if trial.state == TrialState.COMPLETE]
    steps: list[tuple[int, float]] = []
    for place, trial in ended:
        assert trial.value is not None, "a complete trial has a value"
        if not steps or summary.goal.better(trial.value, steps[-1][1]):
            steps.append((place, trial.value))
    steps.append((over[-1][0], steps[-1][1]))
    figure = Figure(
        [
            Scatter(
                x=[x for x, _ in steps],
                y=[y for _, y in steps],
                mode="lines",
                line={"shape": "hv", "color": OTHERS},
                name="best so far",
                showlegend=False,
            ),
            *(_from(source, ended) for source in sorted({results.source(trial.user_attrs) for _, trial in ended})),
        ]
    )
    figure.update_layout(showlegend=True)
    figure.update_xaxes(title_text="epochs that all trials have trained for", rangemode="tozero")
    figure.update_yaxes(title_text=summary.goal.metric)
    note = "A point is a complete trial, by where it came from; a diamond, what the search began with."
    return _chart("spent", "Best value over what was spent", note, figure)


def _from(source: str, ended: Sequence[tuple[int, FrozenTrial]]) -> Scatter:
    theirs = [(place, trial) for place, trial in ended if results.source(trial.user_attrs) == source]
    began = source in results.BEGAN
    return Scatter(
        x=[place for place, _ in theirs],
        y=[trial.value for _, trial in theirs],
        mode="markers",
        marker={"size": 11, "symbol": "diamond"} if began else {"size": 7},
        name=source or "drawn",
        customdata=[trial.number for _, trial in theirs],
        hovertemplate="trial %{customdata}: %{y:.4f}<extra></extra>",
    )


def timeline(study: optuna.Study) -> Chart:
    """Draw what ran until it ended, or until the study's last record: Optuna draws a killed trial until now."""
    figure = visualization.plot_timeline(study)
    figure.data = [trace for trace in figure.data if trace.name != "WAITING"]
    times = [(trial.datetime_start, trial.datetime_complete) for trial in study.get_trials(deepcopy=False)]
    last = max(time for both in times for time in both if time)
    for trace in figure.data:
        trace.marker.color = STATES.get(trace.name, STATES["WAITING"])
        if trace.name == "RUNNING":
            seconds = [(last - datetime.fromisoformat(start)).total_seconds() for start in trace.base]
            trace.x = [1000 * max(ran, SHORTEST_BAR) for ran in seconds]
    figure.update_xaxes(title_text="")
    return _chart("timeline", "When each trial ran", "", figure)


def verdict(found: Sequence[Chosen]) -> Chart:
    """Draw the test accuracy of what was chosen in each study, with its interval, against the report's figure."""
    theirs = [(place, chosen.reported) for place, chosen in enumerate(found) if chosen.reported]
    figure = Figure([_mark_ours(found), *([_mark_reported(theirs)] if theirs else [])])
    figure.update_layout(showlegend=True)
    figure.update_xaxes(title_text="test accuracy")
    # Names that differ only where they are shortened would be one line, were they the places.
    places, reach = list(range(len(found))), [len(found) - 0.5, -0.8]
    figure.update_yaxes(tickvals=places, showticklabels=False, range=reach, zeroline=False)
    # Above its line: beside it, a long name leaves no room on a phone.
    above = {"xanchor": "left", "yanchor": "bottom", "yshift": 3, "showarrow": False}
    for place, chosen in enumerate(found):
        figure.add_annotation(xref="paper", x=0, y=place, text=shortened(chosen.name), **above)
    note = (
        "What validation chose in each study, or what was confirmed with several seeds, by its test accuracy: a bar is "
        "its 95 % interval. Whether one leads another by more than chance is said below, image by image."
    )
    return _chart("verdict", "Which wins, and by how much", note, figure)


def _mark_ours(found: Sequence[Chosen]) -> Scatter:
    return Scatter(
        x=[chosen.test for chosen in found],
        y=list(range(len(found))),
        error_x={"array": [chosen.margin for chosen in found], "thickness": 2, "width": 6},
        mode="markers",
        marker={"size": 11, "color": STATES["COMPLETE"]},
        name="chosen in the search",
        customdata=[f"{chosen.test:.4f} ± {chosen.margin:.4f}, {chosen.how}" for chosen in found],
        hovertemplate="%{customdata}<extra></extra>",
    )


def _mark_reported(figures: Sequence[tuple[int, float]]) -> Scatter:
    return Scatter(
        x=[figure for _, figure in figures],
        y=[place for place, _ in figures],
        mode="markers",
        marker={"size": 12, "color": CHOSEN, "symbol": "diamond-open", "line": {"width": 2}},
        name="the report's best",
        hovertemplate="%{x:.4f}<extra></extra>",
    )


def course(found: Mapping[str, Sequence[tuple[float, float]]]) -> Chart:
    """Draw the best that validation had said so far, over the hours since each study was begun."""
    brief = max(hours for told in found.values() for hours, _ in told) < 1
    scale, unit = (60, "minutes") if brief else (1, "hours")
    figure = Figure(
        [
            Scatter(
                x=[scale * hours for hours, _ in steps],
                y=[value for _, value in steps],
                name=shortened(name),
                mode="lines+markers",
                line={"shape": "hv"},
            )
            for name, steps in found.items()
        ]
    )
    figure.update_layout(showlegend=True)
    figure.update_xaxes(title_text=f"{unit} since the study was begun", rangemode="tozero")
    figure.update_yaxes(title_text="best so far, in validation")
    return _chart("course", "Validation over time", "", figure)


def steps(study: optuna.Study, goal: Goal) -> list[tuple[float, float]]:
    """Return after how many hours the best value rose or fell to what, and where it stands at the end."""
    trials = [trial for trial in study.get_trials(deepcopy=False) if trial.datetime_start]
    over = [(trial.datetime_complete, trial.values[0]) for trial in trials if trial.values and trial.datetime_complete]
    began = min((trial.datetime_start for trial in trials if trial.datetime_start), default=None)
    found: list[tuple[float, float]] = []
    for when, value in sorted(over):
        assert began is not None, "a trial that is over has begun"
        if not found or goal.better(value, found[-1][1]):
            found.append(((when - began).total_seconds() / 3600, value))
    if found and began:
        found.append(((max(over)[0] - began).total_seconds() / 3600, found[-1][1]))
    return found


def _pareto(study: optuna.Study, summary: Summary) -> Chart:
    """Draw what the complete trials cost against how good they are."""
    goal, cost = summary.goals
    figure = visualization.plot_pareto_front(
        study, targets=lambda trial: trial.values[::-1], target_names=[cost.metric, goal.metric]
    )
    # Optuna's shades tell early trials from late ones, and the set, which comes last, from the rest only late.
    *others, chosen = figure.data
    for trace in others:
        trace.update(marker={"color": OTHERS, "size": 6}, name="other trials", showlegend=True, overwrite=True)
    chosen.update(marker={"color": CHOSEN, "size": 9}, name="Pareto set", showlegend=True, overwrite=True)
    return _chart("pareto", f"{goal.metric} against {cost.metric}", "Of the trials that are complete.", figure)


def _of_hyperparameters(study: optuna.Study, complete: Sequence[FrozenTrial], goal: str) -> list[Chart]:
    found = importance.of_trials(complete)
    first = [one.name for one in found]
    others = sorted({name for trial in complete for name in trial.params} - set(first))
    varied = [name for name in (*first, *others) if _varied(complete, name)]
    charts = [_importance(found)]
    if varied:
        figure = visualization.plot_slice(study, params=varied[:MOST_SLICES], target_name=goal)
        order = "The most important ones first" if found else "In the order of their names"
        charts.append(
            _chart("slices", "Value by hyperparameter", f"{order}; a point is a trial, darker ones came later.", figure)
        )
    everywhere = [name for name in varied if all(name in trial.params for trial in complete)]
    if len(everywhere) > 1:
        figure = visualization.plot_parallel_coordinate(study, params=everywhere[:MOST_AXES], target_name=goal)
        charts.append(_chart("parallel", "Configurations", "A line is a trial, a darker one did better.", figure))
    return charts


def _importance(found: Sequence[Importance]) -> Chart:
    title = "Which hyperparameters mattered"
    if not found:
        return Chart("importance", title, "None can be told from chance yet: more trials may show some.", None)
    # From the bottom upwards, as bars are drawn.
    bars = list(reversed(found))
    spread = {
        "array": [bar.high - bar.share for bar in bars],
        "arrayminus": [bar.share - bar.low for bar in bars],
        "color": OTHERS,
    }
    figure = Figure(
        Bar(x=[bar.share for bar in bars], y=[bar.name for bar in bars], orientation="h", error_x=spread),
        {"xaxis": {"title": "share", "range": [0, 1]}, "yaxis": {"title": "hyperparameter"}},
    )
    note = (
        "Share of what the hyperparameters explain of the differences between complete trials, and where four of five "
        "resamplings of the trials find it. Those that are not named cannot be told from chance."
    )
    return _chart("importance", title, note, figure)


def _varied(trials: Sequence[FrozenTrial], name: str) -> bool:
    """Whether a hyperparameter was not the same in all trials that have it."""
    return len({trial.params[name] for trial in trials if name in trial.params}) > 1


def _curves(study: optuna.Study, summary: Summary, complete: Sequence[FrozenTrial], baseline: int | None) -> Chart:
    """Draw the epochs of the best trials, and of the report's configuration."""
    better = 1 if summary.goal.direction == "minimize" else -1
    best = sorted(complete, key=lambda trial: (better * (trial.value or 0.0), trial.number))[:MOST_CURVES]
    wanted = [trial.number for trial in best]
    if baseline is not None and baseline not in wanted:
        wanted.append(baseline)
    figure = visualization.plot_intermediate_values(study)
    drawn = {int(trace.name.removeprefix("Trial")): trace for trace in figure.data}
    figure.data = [drawn[number] for number in wanted if number in drawn]
    for trace in figure.data:
        number = int(trace.name.removeprefix("Trial"))
        trace.name = f"trial {number}"
        if number == baseline:
            trace.name += ", the report's best"
            trace.line = {"dash": "dash"}
    figure.update_layout(showlegend=True)
    figure.update_xaxes(title_text="epoch", dtick=1 if _longest(complete) <= FEW_EPOCHS else None)
    figure.update_yaxes(title_text=summary.goal.metric)
    return _chart("curves", "Epochs of the best trials", "", figure)


def _longest(trials: Sequence[FrozenTrial]) -> int:
    return max((len(trial.intermediate_values) for trial in trials), default=0)


def _chart(name: str, title: str, note: str, figure: Figure) -> Chart:
    figure.update_layout(title=None, template=None, width=None, height=None)
    return Chart(name, title, note, json.loads(figure.to_json()))
