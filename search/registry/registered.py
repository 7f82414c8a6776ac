"""The registered models of a home: which there are, and which one a person means."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager

import tracking
from models.naming import hint
from search.problem.settings import Place
from search.system import next_commands
from search.system.errors import UsageError
from search.system.redaction import redacted
from tracking import CHAMPION, Registry, Version

SCHEME = "models:/"
_CALLED = re.compile(r"(?:models:/)?(?P<name>[^/@]+)(?:/(?P<number>[0-9]{1,9})|@(?P<alias>[^/@]+))?")


@contextmanager
def opened(place: Place) -> Iterator[Registry]:
    """Lend the registry, of a store that must be there. Raises `UsageError`."""
    registry = tracking.open_registry(place.tracking_uri, place.artifacts)
    if registry is None:
        raise UsageError(f"--tracking-uri {redacted(place.tracking_uri)}: nothing is there; name the search's own")
    with closing(registry):
        yield registry


def everything(place: Place) -> list[Version]:
    """Return every version of every model; none where nothing was ever recorded."""
    registry = tracking.open_registry(place.tracking_uri, place.artifacts)
    if registry is None:
        return []
    with closing(registry):
        return list(registry.versions())


def find(called: str, place: Place) -> Version | None:
    """Return the version that a person calls `NAME`, `NAME/VERSION`, or with `models:/` before it; its champion."""
    words = _CALLED.fullmatch(called)
    if words is None:
        return None
    number, alias = words["number"], words["alias"] or CHAMPION
    versions = [version for version in everything(place) if version.name == words["name"]]
    return next(
        (one for one in versions if (one.number == int(number) if number else alias in one.aliases)),
        None,
    )


def named(called: str, place: Place) -> Version:
    """Return the same. Raises `UsageError` naming those there are."""
    version = find(called, place)
    if version is None:
        there = [one.address.removeprefix(SCHEME) for one in everything(place)]
        near, made = hint(called, there), f"`{next_commands.command('confirm', 'STUDY')}` makes them"
        raise UsageError(f"no registered model {called!r}{near}; there are: {', '.join(there) or 'none yet'}; {made}")
    return version
