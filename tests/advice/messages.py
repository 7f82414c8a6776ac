"""What this program advises: every text in the source that names a command, a flag or a line of code to type."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("search", "models", "tracking")
# A command in backticks or spelled out, a flag, a line for Python or for a shell.
ADVISES = re.compile(
    r"`[^`]+`|python -m |(?<![\w-])--[a-z]|\bnp\.|numpy\.|y\.\w+\(|(?:pip|apt) install|(?:set|variable) [A-Z_]+\b"
)
# A flag alone is what the code passes on, and the program alone is what a decorator looks like here.
NO_SENTENCE = re.compile(r"-{1,2}[a-z0-9*={}-]+|python -m search")
# These make a command out of words.
MAKERS = ("command", "lasting", "repeated", "tool")
# What a person reads of an option stands beside it in the help, and what is passed on is not read.
SILENT = ("help", "metavar", "show_default", "envvar", "rich_help_panel")


def messages(room: str, root: Path = ROOT) -> Iterator[tuple[str, str]]:
    """Yield the file and the text of every message of a room that advises something; `{}` stands for what is put in."""
    for file in sorted((root / room).rglob("*.py")):
        tree = ast.parse(file.read_text())
        for text in _texts(tree, _silent(tree)):
            if ADVISES.search(text) and not NO_SENTENCE.fullmatch(text.strip()):
                yield str(file.relative_to(root)), text


def _texts(node: ast.AST, silent: set[int]) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if id(child) in silent:
            continue
        if isinstance(child, ast.JoinedStr) or _is_text(child) or _is_made(child):
            yield _text(child)
        if not isinstance(child, ast.JoinedStr | ast.Constant):
            yield from _texts(child, silent)


def _silent(tree: ast.AST) -> set[int]:
    """Return the nodes that nobody reads as advice: docstrings and help, names of options, keys."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and _is_text(node.value):
            found.add(id(node.value))
        if isinstance(node, ast.keyword) and node.arg in SILENT:
            found.add(id(node.value))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "Option":
            found |= {id(argument) for argument in node.args}
    return found


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is_made(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    called = node.func
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    return name in MAKERS


def _text(node: ast.AST) -> str:
    match node:
        case ast.Constant(value=value):
            return str(value)
        case ast.JoinedStr(values=values):
            return "".join(map(_text, values))
        case ast.FormattedValue(value=ast.Call() as made) if _is_made(made):
            return _text(made)
        case ast.Call(args=words):
            return " ".join(["python -m search", *map(_text, words)])
    return "{}"
