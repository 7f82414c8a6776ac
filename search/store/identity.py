"""What a study that is gone on with has to have kept: its images, space and goal, and all of itself."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import models
from search.problem import space
from search.problem.planned import goals
from search.store.attributes import DELETING, DISTRIBUTIONS, IDENTITY, RENAMING
from search.system import next_commands
from search.system.errors import UsageError

if TYPE_CHECKING:
    from optuna import Study

    from search.problem.settings import Settings


def of(settings: "Settings") -> dict[str, str]:
    """Return what has to stay as it was when a study was begun, beside its images."""
    metrics = ",".join(goal.metric for goal in goals(settings))
    return {"space": space.digest(models.family(settings.family)), "goal": metrics}


def refuse_halves(study: "Study") -> None:
    """Raise `UsageError` where a call was killed that was to delete a study, or to rename it."""
    name, known = study.study_name, study.user_attrs
    if DELETING in known:
        raise UsageError(f"study {name} was being deleted; `{next_commands.command('delete', name)}` ends that")
    if known.get(RENAMING):
        way = next_commands.command("rename", *known[RENAMING])
        raise UsageError(f"study {name} was being renamed; `{way}` ends that")


def refuse_changes(study: "Study", settings: "Settings", identity: Mapping[str, str]) -> None:
    """Raise `UsageError` where the study was begun on other images, or with another space or goal."""
    before = study.user_attrs[IDENTITY]
    changed = [name for name in identity if before.get(name) != identity[name]]
    if not changed:
        return
    details = {
        "data": f"the images are others (digest {identity['data'][:12]}, was {before.get('data', '')[:12]})",
        "goal": f"the goal is {identity['goal']}, was {before.get('goal')}",
        "space": _difference(study.user_attrs.get(DISTRIBUTIONS, {}), settings.family),
    }
    why = "; ".join(details[name] for name in changed)
    raise UsageError(f"study {settings.study} cannot go on: {why}; begin another with `{settings.another}`")


def _difference(before: Mapping[str, str], family: str) -> str:
    now = space.fingerprint(space.of(models.family(family).suggest))
    return f"the space has changed ({space.changes(before, now)})"
