"""What a call is done under: flag over environment over what the study was begun with over default."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import models
from search.problem import objectives
from search.problem.option import Lifetime, settings_of
from search.problem.settings import Place, Settings
from search.system import next_commands
from search.system.errors import UsageError

# Without a number of trials from the person, a search ends after this.
USUAL_SECONDS = 3600.0
# The usual sampler goes by the goal alone.
SAMPLER_OF_TWO_OBJECTIVES = "tpe"


def resolve(study: str, place: Place, flags: Mapping[str, Any], stored: Mapping[str, Any]) -> Settings:
    """Return the settings of a call: `flags` (None: not given) over `stored`, what the study was begun with."""
    given = {name: value for name, value in flags.items() if value is not None}
    known = settings_of(Settings)
    chosen = {name: value for name, value in stored.items() if name in known} | given
    # In a study's attributes they are lists.
    chosen |= {name: tuple(value) for name, value in chosen.items() if known[name].several}
    if "timeout" in given and "trials" not in chosen:
        chosen["trials"] = None
    family = _family(study, chosen.pop("family", None))
    chosen["objective"] = objectives.named(objectives.of(models.family(family).goal, chosen.get("objective")))
    if chosen["objective"]:
        chosen.setdefault("sampler", SAMPLER_OF_TWO_OBJECTIVES)
    settings = Settings(place.home, place.storage, place.tracking_uri, study=study, family=family, **chosen)
    _refuse_changes(settings, given, stored)
    if "trials" not in given and "timeout" not in given:
        settings = replace(settings, timeout=USUAL_SECONDS)
    return settings


def _family(study: str, family: str | None) -> str:
    name = family or study
    try:
        models.family(name)
    except LookupError as error:
        way_out = (
            "" if family else f"; say which one with --family, as in `{next_commands.repeated('--family', 'mlp')}`"
        )
        raise UsageError(f"{error}{way_out}") from None
    return name


def _refuse_changes(settings: Settings, given: Mapping[str, Any], stored: Mapping[str, Any]) -> None:
    for name, setting in settings_of(Settings).items():
        if not stored or name not in given or setting.option.lifetime is not Lifetime.STUDY:
            continue
        now = getattr(settings, name)
        was = stored.get(name, setting.usual if setting.option.later else now)
        # Wherever images are now, their digest tells whether they are the same.
        if now == was or (name == "data" and moved(was)):
            continue
        without = was is None and not setting.option.nothing
        begun = "without it" if without else f"with {setting.flag} {setting.told(was)}"
        raise UsageError(
            f"{setting.flag} {given[name]}: study {settings.study} was begun {begun}, and its trials would not be "
            f"comparable; go on without {setting.flag}, or begin another with `{settings.another}`"
        )


def require_there(settings: Settings) -> None:
    """Raise `UsageError` where a study was begun with what is there no more, such as a sampler's file."""
    for name, setting in settings_of(Settings).items():
        if setting.option.folder:
            setting.read(getattr(settings, name))


def moved(data: str) -> bool:
    """Whether a study's images are no longer where they were: on another machine, perhaps."""
    return Path(data).is_absolute() and not Path(data).exists()
