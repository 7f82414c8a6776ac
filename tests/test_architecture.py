"""The rooms of the house and the arrows between them, read off the imports."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = {"search": {"models", "tracking"}, "models": set(), "tracking": set()}
OWNERS = {"optuna": "search", "keras": "models", "tensorflow": "models", "mlflow": "tracking"}
# Neither may be needed by what a worker imports.
NOT_IN_WORKERS = {"optuna", "mlflow", "typer", "rich"}


def modules() -> dict[str, Path]:
    files = (file for room in ROOMS for file in (ROOT / room).rglob("*.py"))
    return {".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file for file in files}


def imports(tree: ast.AST, *, everywhere: bool) -> Iterator[str]:
    """Every imported name in full; with `everywhere`, also what functions import."""
    nodes = ast.walk(tree) if everywhere else at_import(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def at_import(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when a module is imported; TYPE_CHECKING blocks and functions do not."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from at_import(node)


def without_types(tree: ast.AST) -> ast.AST:
    """What is imported for annotations only never runs."""

    class Cut(ast.NodeTransformer):
        def visit_If(self, node: ast.If) -> ast.AST | None:
            return None if "TYPE_CHECKING" in ast.unparse(node.test) else node

    return Cut().visit(tree)


def parent(name: str) -> str:
    """The package of a module; `from package import sibling` runs no more of it than importing the module did."""
    return name.rpartition(".")[0]


def read(file: Path) -> ast.AST:
    return ast.parse(file.read_text("utf-8"))


@pytest.mark.parametrize("name", modules())
def test_arrows_between_rooms_go_one_way(name: str) -> None:
    room = name.partition(".")[0]
    reached = {found.partition(".")[0] for found in imports(read(modules()[name]), everywhere=True)}
    assert reached & (set(ROOMS) | {"tests"}) <= ROOMS[room] | {room}


@pytest.mark.parametrize("name", modules())
def test_each_big_library_is_imported_in_one_room_only(name: str) -> None:
    room = name.partition(".")[0]
    reached = {found.partition(".")[0] for found in imports(without_types(read(modules()[name])), everywhere=True)}
    assert {library for library in reached if OWNERS.get(library, room) != room} == set()


def test_modules_import_each_other_without_cycles() -> None:
    ours = modules()
    graph = {
        name: {found for found in imports(read(file), everywhere=False) if found in ours} - {name, parent(name)}
        for name, file in ours.items()
    }
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"import cycle: {' -> '.join(error.args[1])}")


def test_what_a_worker_imports_leads_to_neither_store() -> None:
    ours = modules()
    reached, ahead = set(), ["search.worker", "search.engines.processes", "search.engines.inline"]
    while ahead:
        name = ahead.pop()
        reached.add(name)
        found = set(imports(read(ours[name]), everywhere=False))
        assert {library.partition(".")[0] for library in found} & NOT_IN_WORKERS == set(), name
        ahead += [module for module in found if module in ours and module not in reached]


def test_no_file_turns_safe_loading_off() -> None:
    forbidden = ("enable_unsafe_deserialization", "safe_mode=False", "pickle.load", "dill", "yaml.load(", "eval(")
    for name, file in modules().items():
        assert [word for word in forbidden if word in file.read_text("utf-8")] == [], name
