"""Architectures, data and training. Nothing here imports TensorFlow until a network is built."""

import pkgutil
from importlib import import_module

from models import families
from models.family import Answer, Family
from models.naming import hint


def names() -> tuple[str, ...]:
    """Every family there is: the files of `models/families`, in order."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(families.__path__)))


def answering(answer: Answer) -> tuple[str, ...]:
    """Return the families whose networks give that for an image."""
    return tuple(name for name in names() if family(name).answer == answer)


def family(name: str) -> type[Family]:
    """Return the family with this name, or raise a `LookupError` that names the ones there are."""
    if name not in names():
        raise LookupError(f"no family named {name!r}{hint(name, names())}; the families are {', '.join(names())}")
    found: type[Family] = import_module(f"models.families.{name}").FAMILY
    return found
