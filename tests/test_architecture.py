"""The rooms of the house and the arrows between them, read off the imports."""

import ast
import re
import tomllib
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = {
    "search": {"models", "tracking"},
    "models": set(),
    "tracking": set(),
    "benchmarks": {"search", "models", "tracking"},
}
# The rooms of the search, from the ground up.
FLOORS = (
    *("system", "problem", "policies", "workers", "store", "recording", "analysis", "output", "driver"),
    *("report", "doctor", "registry", "bundle", "ui", "commands", "notebook", "api", "cli"),
)
OWNERS = {"optuna": "search", "keras": "models", "tensorflow": "models", "mlflow": "tracking"}
# What is compared with uses the libraries as people do, all in one place.
WITHOUT_OWNERS = {"benchmarks"}
# Neither may be needed by what a worker imports.
NOT_IN_WORKERS = {"optuna", "mlflow", "typer", "rich"}
# To read a file with one of these is to run it.
RUN_WHAT_THEY_LOAD = {"pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
DANGEROUS_NAMES = {"eval", "exec", "enable_unsafe_deserialization"}
DANGEROUS_CALLS = {"yaml.load", "os.system", "os.popen"}
SAFE_OPTIONS = {"safe_mode": True, "shell": False, "allow_pickle": False}


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


def test_every_package_of_ours_is_installed() -> None:
    named = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]
    there = {".".join(file.parent.relative_to(ROOT).parts) for file in modules().values()}
    assert sorted(named) == sorted(name for name in there if name.partition(".")[0] != "benchmarks")


@pytest.mark.parametrize("name", modules())
def test_arrows_between_rooms_go_one_way(name: str) -> None:
    room = name.partition(".")[0]
    reached = {found.partition(".")[0] for found in imports(read(modules()[name]), everywhere=True)}
    assert reached & (set(ROOMS) | {"tests"}) <= ROOMS[room] | {room}


@pytest.mark.parametrize("name", [name for name in modules() if name.startswith("search.")])
def test_a_room_of_the_search_imports_from_rooms_below_alone(name: str) -> None:
    room = name.split(".")[1]
    if room == "__main__":
        return
    below = set(FLOORS[: FLOORS.index(room) + 1])
    found = {other.split(".")[1] for other in imports(read(modules()[name]), everywhere=True) if other[:7] == "search."}
    assert found <= below


def test_what_lies_beside_the_rooms_is_where_one_enters() -> None:
    assert {file.stem for file in (ROOT / "search").glob("*.py")} == {"__init__", "__main__", "api"}


@pytest.mark.parametrize("name", modules())
def test_each_big_library_is_imported_in_one_room_only(name: str) -> None:
    room = name.partition(".")[0]
    if room in WITHOUT_OWNERS:
        return
    reached = {found.partition(".")[0] for found in imports(without_types(read(modules()[name])), everywhere=True)}
    assert {library for library in reached if OWNERS.get(library, room) != room} == set()


def test_modules_import_each_other_without_cycles() -> None:
    ours = modules()
    graph = {
        name: {found for found in imports(read(file), everywhere=False) if found in ours} - {name, parent(name)}
        for name, file in ours.items()
    }
    require_no_cycle(graph)


def test_nor_do_they_where_functions_import() -> None:
    ours = modules()
    graph = {
        name: {sibling(found, ours) or name for found in imported(without_types(read(file)), everywhere=True)} - {name}
        for name, file in ours.items()
    }
    require_no_cycle(graph)


def require_no_cycle(graph: Mapping[str, set[str]]) -> None:
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"import cycle: {' -> '.join(error.args[1])}")


def chain(*, everywhere: bool) -> list[str]:
    """The longest chain of modules of the search in which each imports the next, not for its types alone."""
    ours = {name: file for name, file in modules().items() if name.partition(".")[0] == "search"}
    longest: dict[str, list[str]] = {}

    def begin(name: str) -> list[str]:
        if name not in longest:
            tree = without_types(read(ours[name]))
            found = {sibling(other, ours) for other in imported(tree, everywhere=everywhere)} - {None, name}
            longest[name] = [name, *max((begin(other) for other in sorted(found)), key=len, default=[])]
        return longest[name]

    return max((begin(name) for name in ours), key=len)


def imported(tree: ast.AST, *, everywhere: bool) -> Iterator[tuple[str, str]]:
    """Every import: of which module, and which name out of it."""
    for node in ast.walk(tree) if everywhere else at_import(tree):
        if isinstance(node, ast.Import):
            yield from ((name.name, "") for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, name.name) for name in node.names)


def sibling(found: tuple[str, str], ours: Mapping[str, Path]) -> str | None:
    """The module of ours that an import is of: `from package import sibling` is of the sibling."""
    package, name = found
    return next((module for module in (f"{package}.{name}", package) if module in ours), None)


@pytest.mark.parametrize(("everywhere", "most"), [(False, 10), (True, 12)])
def test_no_module_of_the_search_is_far_from_what_it_stands_on(everywhere: bool, most: int) -> None:
    """Whoever changes one reads what it stands on. What functions import counts, too: a chain is not to hide there."""
    found = chain(everywhere=everywhere)
    assert len(found) <= most, " -> ".join(found)


def test_what_a_worker_imports_leads_to_neither_store() -> None:
    ours = modules()
    reached, ahead = (
        set(),
        ["search.workers.worker", "search.workers.engines.processes", "search.workers.engines.inline"],
    )
    while ahead:
        name = ahead.pop()
        reached.add(name)
        found = set(imports(read(ours[name]), everywhere=False))
        assert {library.partition(".")[0] for library in found} & NOT_IN_WORKERS == set(), name
        ahead += [module for module in found if module in ours and module not in reached]


def dangers(tree: ast.AST) -> Iterator[str]:
    """What runs code that is not in this repository: out of a file, a text, or a shell."""
    for name in imports(tree, everywhere=True):
        if name.partition(".")[0] in RUN_WHAT_THEY_LOAD or name in DANGEROUS_CALLS:
            yield name
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute | ast.alias) and words(node).split(".")[-1] in DANGEROUS_NAMES:
            yield words(node)
        elif isinstance(node, ast.Call):
            yield from {words(node.func)} & DANGEROUS_CALLS
            yield from (ast.unparse(option) for option in node.keywords if not safe(option))


def words(node: ast.expr | ast.alias) -> str:
    return node.name if isinstance(node, ast.alias) else ast.unparse(node)


def safe(option: ast.keyword) -> bool:
    """Whether an option is none of the risky ones, or written out as its safe value."""
    wanted = SAFE_OPTIONS.get(option.arg or "")
    return wanted is None or (isinstance(option.value, ast.Constant) and option.value.value is wanted)


@pytest.mark.parametrize("name", modules())
def test_nothing_runs_code_out_of_a_file_a_text_or_a_shell(name: str) -> None:
    assert list(dangers(read(modules()[name]))) == []


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from joblib import load",
        "def later():\n    import cloudpickle as harmless",
        "eval(text)",
        "builtins.exec(text)",
        "yaml.load(stream, Loader=yaml.SafeLoader)",
        "keras.config.enable_unsafe_deserialization()",
        "from keras.config import enable_unsafe_deserialization as harmless",
        "keras.saving.load_model(file, safe_mode=False)",
        "keras.saving.load_model(file, safe_mode=chosen)",
        "subprocess.run(words, shell=True)",
        "os.system(words)",
        "from os import popen",
        "np.load(file, allow_pickle=True)",
    ],
)
def test_each_way_to_run_foreign_code_is_seen(code: str) -> None:
    assert list(dangers(ast.parse(code))) != []


@pytest.mark.parametrize(
    "code",
    [
        "evaluate(network)",
        "network.evaluate(split)",
        "np.load(file, allow_pickle=False)",
        "subprocess.run(words, shell=False)",
        "yaml.safe_load(stream)",
        "# never pickle.load, never eval(",
    ],
)
def test_harmless_code_is_left_alone(code: str) -> None:
    assert list(dangers(ast.parse(code))) == []


@pytest.mark.parametrize("name", [name for name in modules() if name.startswith("search.")])
def test_what_the_stores_are_marked_with_is_named_in_one_module(name: str) -> None:
    """Tags of runs begin like modules of ours, and attributes of studies and trials are looked up by their names."""
    tree = read(modules()[name])
    words = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    tags = {word for word in words if re.fullmatch(r"search\.[a-z_]+", word)} - {parent(one) for one in modules()}
    looked_up = {
        node.slice.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Constant)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr in ("user_attrs", "system_attrs")
    }
    assert name == "search.store.attributes" or tags | looked_up == set()
