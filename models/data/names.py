"""What classes are called: the same text however it was typed, and what people cannot see in it."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

# Between letters that need them, as in Persian, Hindi, and emoji of families: joiners, which are none to stumble over.
JOINERS: Final = re.compile(r"(?<=[^\x00-\x7f])[\u200c\u200d](?=[^\x00-\x7f])")

# So much of a name stands in tables and sentences.
LONGEST: Final = 40


def settled(name: str) -> str:
    """Return a name composed: macOS and others store é as e with an accent that follows."""
    return unicodedata.normalize("NFC", name)


def shown(name: str) -> str:
    """Return a name in quotes, with escapes for what cannot be seen, and of a long one both ends."""
    return f"'{shortened(name)}'"


def escaped(text: str) -> str:
    """Return a text with escapes for what cannot be seen, would break a line or move a terminal's cursor."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


def shortened(name: str, width: int = LONGEST) -> str:
    """Return a name as a terminal can show it, of a long one both ends: names often differ at their ends only."""
    name = escaped(name)
    if len(name) <= width:
        return name
    end = (width - 1) // 3
    return f"{name[: width - 1 - end]}…{name[len(name) - end :]}"


def remarks(names: Sequence[str]) -> Iterator[str]:
    """Yield in sentences what people may trip over: names that look alike, or have in them what cannot be seen."""
    for twins in _alike(names):
        yield f"the classes {' and '.join(map(shown, twins))} look alike; rename one, or join them if they are one"
    for name in names:
        if name != name.strip() or not JOINERS.sub("", name).isprintable():
            yield f"the class {shown(name)} has in its name what cannot be seen; rename it"


def like(name: str, others: Iterable[str]) -> str | None:
    """Return which of the others looks like this name, if one does."""
    return next((other for other in others if _form(other) == _form(name)), None)


def _alike(names: Sequence[str]) -> Iterator[list[str]]:
    forms: defaultdict[str, list[str]] = defaultdict(list)
    for name in names:
        forms[_form(name)].append(name)
    return (twins for twins in forms.values() if len(twins) > 1)


def _form(name: str) -> str:
    """Return what is equal for names that a disk, or a person, takes for one."""
    compatible = unicodedata.normalize("NFKC", name).casefold()
    return " ".join("".join(one for one in compatible if one.isprintable() or one.isspace()).split())
