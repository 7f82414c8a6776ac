"""What a search would do and take, for people and for programs, before any of it is done."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from models import belief
from models.data import Summary
from models.family import Choice, Goal
from search.output.progress import duration
from search.output.tables import Format, as_json, columns, say
from search.problem import objectives
from search.problem.beginnings import Start
from search.problem.learnt import Learnt
from search.problem.planned import Planned
from search.problem.settings import Settings
from search.problem.space import Space, describe
from search.store.attributes import of_baseline
from search.system.wording import counted
from search.workers.estimate import Estimate
from search.workers.execution import Plan


@dataclass(frozen=True)
class Foreseen:
    """What is searched, from where, and how; `fixed` are hyperparameters that a person pinned."""

    settings: Settings
    space: Space
    fixed: Mapping[str, Choice]
    baselines: Sequence[Planned]
    starts: Sequence[Start]
    learnt: Learnt
    execution: Plan
    estimated: Estimate
    images: Summary
    remarks: Sequence[str]
    goals: Sequence[Goal]

    @property
    def described(self) -> dict[str, str]:
        """The space in words."""
        return {name: describe(distribution) for name, distribution in self.space.items()}

    def data(self) -> dict[str, Any]:
        """Return all of it for programs."""
        settings, images = self.settings, self.images
        usual = self.learnt.beliefs(settings.family)
        return {
            "settings": settings.lasting() | {"study": settings.study, "home": str(settings.home)},
            "space": self.described | {name: [value] for name, value in self.fixed.items()},
            "usually": {name: belief.described(usual(name)) for name in self.space if name not in self.fixed},
            "baselines": [{"name": planned.row.name, **of_baseline(planned)} for planned in self.baselines],
            "beginnings": [{"label": start.label, "parameters": start.parameters} for start in self.starts],
            "learnt": self.learnt.data(),
            "execution": asdict(self.execution),
            "estimate": asdict(self.estimated),
            "data": {"name": images.name, "digest": images.digest, "remarks": self.remarks},
            "objectives": [asdict(goal) for goal in self.goals],
        }


def printed(found: Foreseen, output: Format) -> None:
    """Print it."""
    if output == "json":
        as_json(found.data())
        return
    settings = found.settings
    limits = f"; at most {settings.limits.words}" if settings.limits.words else ""
    say(f"study {settings.study}, {settings.asked}; nothing is written by this call")
    say(f"objective: {objectives.words(found.goals)}{limits}")
    _print_space(found)
    _print_baselines(found.baselines)
    for start in found.starts:
        say(f"then: {start.label}")
    if found.learnt.studies:
        say(f"like {found.learnt.words}")
    _say_what_it_takes(found)
    for remark in found.remarks:
        say(remark)


def _print_space(found: Foreseen) -> None:
    usual = found.learnt.beliefs(found.settings.family)
    table = columns("hyperparameter", "space", "good values usually lie")
    for name, description in found.described.items():
        pinned = name in found.fixed
        table.add_row(
            name,
            f"{found.fixed[name]} (pinned)" if pinned else description,
            "" if pinned else belief.described(usual(name)),
        )
    say(table)


def _print_baselines(baselines: Sequence[Planned]) -> None:
    if baselines:
        table = columns("baselines first", "epochs", "what", "reported")
        for planned in baselines:
            row = planned.row
            table.add_row(row.name, str(planned.epochs), row.label, f"{row.headline[0]} {row.headline[1]:.4f}")
        say(table)


def _say_what_it_takes(found: Foreseen) -> None:
    estimated, images, execution = found.estimated, found.images, found.execution
    say(
        f"about {counted(estimated.epochs, 'epoch')} on {sum(images.counts['train']):,} images of {images.name}, "
        f"roughly {duration(estimated.seconds)} and up to {estimated.megabytes:,.0f} MB in {found.settings.home}"
    )
    say(f"{execution.text}; an epoch in one call, {execution.evaluation_batch:,} images judged at once")
