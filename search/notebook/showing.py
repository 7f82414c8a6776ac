"""What notebooks show, and what is said there: as it is written in Python."""

import re
from collections.abc import Iterator, Mapping, Sequence

from jinja2 import Environment

from models.family import Choice
from search.output.tables import Cell, cell

_FLAG = re.compile(r"--(?P<name>[a-z][a-z-]*)(?: (?P<value>[^\s;:,`][^\s;:`]*))?(?=[\s;:,.)]|$)")
_HTML = Environment(autoescape=True).from_string(
    """<p><b>{{ title }}</b></p>
<div style="display: flex; flex-wrap: wrap; gap: 1.5rem; align-items: flex-start">
{% for rows in tables %}
<table>
{% for name, value in rows %}<tr><th style="text-align: left">{{ name }}</th><td>{{ value }}</td></tr>
{% endfor %}
</table>
{% endfor %}
{% if picture %}<img src="{{ picture }}" alt="confusion matrix on the test images" style="max-width: 34rem">{% endif %}
</div>"""
)


def shown(title: str, tables: Sequence[Sequence[tuple[str, str]]], picture: str = "") -> str:
    """Return tables of names and values as HTML, and beside them the picture of this address."""
    return _HTML.render(title=title, tables=tables, picture=picture)


def cells(found: Mapping[str, Choice]) -> Iterator[tuple[str, str]]:
    """Yield names and values as tables show them."""
    for name, value in found.items():
        shown: Cell = value if isinstance(value, str | float | int) and not isinstance(value, bool) else str(value)
        yield name, cell(shown)


def types(rows: Sequence[Mapping[str, object]]) -> dict[str, str]:
    """Return the types of columns of whole numbers, and of yes and no, which pandas spoils where one is missing."""
    kinds: dict[str, set[type]] = {}
    for row in rows:
        for name, value in row.items():
            if value is not None:
                kinds.setdefault(name, set()).add(type(value))
    nullable = {int: "Int64", bool: "boolean"}
    return {name: nullable[kind] for name, found in kinds.items() for kind in nullable if found == {kind}}


def in_python(text: str) -> str:
    """Return what is said of options as it is written in Python; commands, in backticks, are for a shell."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else _FLAG.sub(_option, part) for part in parts)


def _option(found: re.Match[str]) -> str:
    name = found["name"].replace("-", "_")
    return f"{name}={found['value']}" if found["value"] else name
