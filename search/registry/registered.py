"""The registered models of a home: which there are, and which one a person means."""

import re
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext

import tracking
from models.naming import hint
from search.problem.settings import Place
from search.system import next_commands
from search.system.errors import UsageError
from tracking import CHAMPION, Registry, Version

SCHEME = "models:/"
_CALLED = re.compile(r"(?:models:/)?(?P<name>[^/@]+)(?:/(?P<number>[0-9]{1,9})|@(?P<alias>[^/@]+))?")


@contextmanager
def opened(place: Place) -> Iterator[Registry | None]:
    """Lend the registry; None where nothing was ever recorded."""
    registry = tracking.open_registry(place.tracking_uri, place.artifacts)
    with closing(registry) if registry else nullcontext():
        yield registry


def everything(place: Place) -> list[Version]:
    """Return every version of every model; none where nothing was ever recorded."""
    with opened(place) as registry:
        return list(registry.versions()) if registry else []


def find(called: str, versions: Sequence[Version]) -> Version | None:
    """Return the version that a person calls `NAME`, `NAME/VERSION`, or with `models:/` before it; its champion."""
    words = _CALLED.fullmatch(called)
    if words is None:
        return None
    number, alias = words["number"], words["alias"] or CHAMPION
    named = [version for version in versions if version.name == words["name"]]
    return next(
        (one for one in named if (one.number == int(number) if number else alias in one.aliases)),
        None,
    )


def named(called: str, registry: Registry | None) -> Version:
    """Return the same. Raises `UsageError` naming those there are."""
    versions = registry.versions() if registry else []
    version = find(called, versions)
    if version is None:
        there = [one.address.removeprefix(SCHEME) for one in versions]
        near, made = hint(called, there), f"`{next_commands.command('confirm', 'STUDY')}` makes them"
        raise UsageError(f"no registered model {called!r}{near}; there are: {', '.join(there) or 'none yet'}; {made}")
    return version
