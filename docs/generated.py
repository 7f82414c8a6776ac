"""Pages that nobody writes for the site: those that stand elsewhere, and the reference, which the code is asked for.

MkDocs calls this while it builds. On a code host the same links lead to the same files.
"""

import inspect
import logging
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import NoneType
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from search import Study
from search.cli import app
from search.notebook.trial import Trial
from search.policies import pruners, samplers
from search.problem.parts import Options
from search.workers import engines

ROOT: Final = Path(__file__).parents[1]
# Where each of these files of the repository stands in the site.
ELSEWHERE: Final = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "benchmarks/NOTES.md": "notes.md",
    "mlruns/README.md": "home.md",
}
LINK: Final = re.compile(r"(!?\[[^\]]*\])\(([^)\s]+)\)")
# What is not called by its name, as it is written.
SPECIAL: Final = {"__getitem__": "{}[number]", "__iter__": "for trial in {}"}
log = logging.getLogger("mkdocs.hooks.generated")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made."""
    made = {page: (ROOT / name).read_text("utf-8") for name, page in ELSEWHERE.items()}
    made |= {"reference/commands.md": commands(), "reference/methods.md": methods(), "reference/python.md": python()}
    for page, text in made.items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Lead links between files of the repository to where these stand in the site."""
    names = {there: here for here, there in ELSEWHERE.items()}
    written = names.get(page.file.src_uri, f"docs/{page.file.src_uri}")

    def led(found: re.Match[str]) -> str:
        label, target = found.groups()
        if "://" in target or target.startswith("#"):
            return found[0]
        path, hash_, anchor = target.partition("#")
        file = posixpath.normpath(posixpath.join(posixpath.dirname(written), path))
        there = ELSEWHERE.get(file, file.removeprefix("docs/") if file.startswith("docs/") else None)
        if there is not None:
            return f"{label}({posixpath.relpath(there, posixpath.dirname(page.file.src_uri) or '.')}{hash_}{anchor})"
        if not (ROOT / file).exists():
            log.warning("%s links to %s, which is not there", written, target)
        # A file of the code, which is no page.
        return f"{label[1:-1]} (`{file}`)" if label[1:-1] != file else f"`{file}`"

    return LINK.sub(led, markdown)


def commands() -> str:
    """Return the reference of the command line, as the program itself knows it."""
    program: Any = typer.main.get_command(app)
    panels: dict[str, list[Any]] = {}
    for command in program.commands.values():
        panels.setdefault(command.rich_help_panel, []).append(command)
    parts = ["# Reference of commands", "Each command stands behind `python -m search`, as behind `garment-search`."]
    for panel, found in panels.items():
        parts += [f"## {panel}", *(part for command in found for part in _command(command))]
    return _page(parts)


def methods() -> str:
    """Return what there is to search and to train with: what each file of a folder says of itself."""
    folders = {"--sampler": samplers, "--pruner": pruners, "--engine": engines}
    parts = ["# Reference of search methods", "Each is a file whose name is the value of the flag."]
    for flag, folder in folders.items():
        found = {name: import_module(f"{folder.__name__}.{name}").__doc__ or "" for name in folder.names()}
        parts += [
            f"## `{flag}`",
            _table(("value", "what it does"), [(f"`{name}`", said.strip()) for name, said in found.items()]),
        ]
    return _page(parts)


def _command(command: Any) -> Iterator[str]:
    shown = [one for one in command.params if not one.hidden]
    called = [_argument(one) for one in shown if one.param_type_name == "argument"]
    yield f"### {command.name}"
    yield _block("text", " ".join(["python -m search", command.name, *called, "[OPTIONS]"]))
    yield inspect.cleandoc(command.help)
    types = get_type_hints(command.callback)
    options = [_option(one, types[one.name]) for one in shown if one.param_type_name == "option"]
    yield _table(("option", "what it is for", "default"), options)


def _argument(argument: Any) -> str:
    name = f"{argument.metavar or argument.name.upper()}{' ...' if argument.nargs == -1 else ''}"
    return name if argument.required else f"[{name}]"


def _option(option: Any, kind: Any) -> tuple[str, str, str]:
    """Return what a table says of an option: how it is typed, what it is for, what it is where it is not given."""
    value = "" if option.is_flag else f" {option.metavar or _value(kind)}"
    names = " or ".join(f"`{name}{value}`" for name in (*option.opts, *option.secondary_opts))
    said = f"{option.help or ''}{f' Variable: `{option.envvar}`.' if option.envvar else ''}"
    known = option.show_default if isinstance(option.show_default, str) else option.default
    return names, said, f"{known}" if known and known is not True else ""


def _value(kind: Any) -> str:
    """Return a word for what an option of this type takes, or the words from which it is chosen."""
    kinds = [one for one in get_args(kind) if one is not NoneType]
    if get_origin(kind) is Literal:
        return "|".join(map(str, kinds))
    return _value(kinds[0]) if kinds else {str: "TEXT", int: "N", float: "NUMBER", Path: "PATH"}[kind]


def python() -> str:
    """Return the reference of the Python interface."""
    parts = ["# Reference of the Python interface", _block("python", "from search import Study")]
    begun = {Study: f"Study{_signature(Study.__init__)}".removesuffix(" -> None"), Trial: "study[number]"}
    for kind, call in begun.items():
        parts += [f"## {kind.__name__}", _block("python", call), inspect.getdoc(kind) or "", *_members(kind)]
    options = [(f"`{name}`", f"`{_readable(kind)}`") for name, kind in Options.__annotations__.items()]
    parts += ["## Options", inspect.getdoc(Options) or "", _table(("option", "type"), options)]
    return _page(parts)


def _members(kind: type) -> Iterator[str]:
    """Yield the heading, the signature and the docstring of all that a class gives away."""
    for name, member in vars(kind).items():
        about = inspect.cleandoc(getattr(member, "__doc__", None) or "")
        if isinstance(member, property) and member.fget:
            yield f"### {kind.__name__}.{name}"
            yield _block("python", f"{name}: {_readable(inspect.signature(member.fget).return_annotation)}")
        elif name in SPECIAL:
            yield f"### {SPECIAL[name].format(kind.__name__)}"
        elif inspect.isfunction(member) and not name.startswith("_"):
            yield f"### {kind.__name__}.{name}()"
            yield _block("python", f"{name}{_signature(member)}")
        else:
            continue
        yield about


def _signature(function: Callable[..., object]) -> str:
    found = inspect.signature(function)
    shown = [one for name, one in found.parameters.items() if name != "self"]
    return _plain(str(found.replace(parameters=shown)))


def _readable(kind: object) -> str:
    return _plain(inspect.formatannotation(kind))


def _plain(text: str) -> str:
    """Return types as one would write them, without the modules that they are from."""
    text = re.sub(r"\*<class '([\w.]+)'>", r"Unpack[\1]", text)
    text = re.sub(r": '(\w+)'(?=[,)])", r": \1", text)
    return re.sub(r"(?<!['\w])(?:[A-Za-z_]\w*\.)+(?=[A-Za-z_])", "", text)


def _block(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, ["---"] * len(heads), *rows))


def _page(parts: Iterable[str]) -> str:
    return "\n\n".join(filter(None, parts)) + "\n"
