"""What a stranger reads: README and the pages of `docs`. Commands, names and links in them are right."""

import ast
import inspect
import posixpath
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import pytest
import typer
from typer.exceptions import TyperException

from search import Study
from search.cli import app
from search.notebook.trial import Trial
from search.policies import pruners, samplers
from search.problem.parts import Options
from search.problem.settings import Place
from search.workers import engines
from tests.advice.following import parses

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "mlruns/README.md")]
PAGES += sorted((ROOT / "docs").glob("*.md"))
PROGRAM = re.compile(r"(?:\$ )?(?:\.venv/bin/)?(?:python -m search|garment-search) (.+)")
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
# Of other programs: uv, pip, MLflow's server.
FOREIGN = {"--no-cache"}
# What a table leaves out of a command, since another one in the same cell has it.
VERBS = {"show", "best", "import", "promote", "run", "compare"}


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def spans(text: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))


def commands(text: str) -> Iterator[str]:
    """Yield every command of ours: lines of blocks, and what stands in backticks."""
    for block in (*blocks(text, "sh"), *blocks(text, "text")):
        for line in block.replace("\\\n", " ").splitlines():
            if found := PROGRAM.fullmatch(line.strip()):
                yield found[1]
    heads, text = in_tables(text)
    yield from heads
    for span in spans(text):
        found = PROGRAM.fullmatch(span)
        if found:
            yield found[1]
        elif span.partition(" ")[0] in VERBS and " " in span:
            yield span


def in_tables(text: str) -> tuple[list[str], str]:
    """Return the commands that a table's head begins and its rows end, and the text without such heads."""
    found, begun = [], {}
    for line, after in pairwise([*text.splitlines(), ""]):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if after.startswith("|---"):
            heads = {column: PROGRAM.fullmatch(cell.strip("`")) for column, cell in enumerate(cells)}
            begun = {column: head[1] for column, head in heads.items() if head}
            text = text.replace(line, "") if begun else text
        elif line.startswith("| "):
            found += [f"{head} {cells[column].split('`')[1]}" for column, head in begun.items()]
        else:
            begun = begun if line.startswith("|---") else {}
    return found, text


def shown() -> Iterator[object]:
    """Every command on every page; what may be left out or is chosen from is given."""
    for page in PAGES:
        for command in dict.fromkeys(commands(page.read_text("utf-8"))):
            yield pytest.param(re.sub(r"[\[\]]|\.\.\.", "", command), id=f"{name_of(page)}: {command}")


@pytest.mark.parametrize("command", [*shown()])
def test_a_command_is_one_that_the_program_takes(command: str) -> None:
    words = shlex.split(command, comments=True)
    if "--help" not in words and words != ["--version"]:
        parses(words)


def test_a_command_that_the_program_does_not_take_is_seen() -> None:
    found = list(commands("```sh\npython -m search show mlp --wide  # a comment\n```\nand `garment-search lst`"))
    assert found == ["show mlp --wide  # a comment", "lst"]
    with pytest.raises(TyperException):
        parses(shlex.split(found[0], comments=True))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_flag_alone_is_one_of_some_command(page: Path) -> None:
    program = typer.main.get_command(app)
    known = {
        flag
        for command in (program, *program.commands.values())  # type: ignore[attr-defined]  # it is a group
        for option in command.params
        for flag in (*option.opts, *option.secondary_opts)
    }
    named = {flag for span in spans(page.read_text("utf-8")) if span.startswith("--") for flag in FLAG.findall(span)}
    assert named - known - {"--help"} - FOREIGN == set()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_word_for_make_is_one_of_its_own(page: Path) -> None:
    text = page.read_text("utf-8")
    written = re.findall(r"^\w[\w-]*(?=:)", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    # Blocks of CONTRIBUTING are indented.
    assert set(re.findall(r"(?:`|^ *)make ([a-z-]+)", text, re.MULTILINE)) <= set(written)


def test_python_on_the_pages_names_what_is_there() -> None:
    """Options of `run`, and members of a study and of a trial."""
    trees = [ast.parse(block) for page in PAGES for block in blocks(page.read_text("utf-8"), "python")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    assert len(trees) >= 2
    of_study = {node.attr for node in nodes if isinstance(node, ast.Attribute) and "tudy" in ast.unparse(node.value)}
    assert of_study <= {*dir(Study), *dir(Trial)}
    options = {
        keyword.arg
        for node in nodes
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".run")
        for keyword in node.keywords
    }
    assert options <= set(Options.__annotations__)


def test_the_sampler_draws_for_a_study_of_a_readers_own(tmp_path: Path) -> None:
    (block,) = blocks((ROOT / "docs" / "searching.md").read_text("utf-8"), "python")
    script = tmp_path / "mine.py"
    script.write_text(block, "utf-8")
    mine = runpy.run_path(str(script))["mine"]
    assert len(mine.trials) == 30
    assert mine.best_value > 0.9
    assert {trial.user_attrs["source"] for trial in mine.trials} >= {"random", "leaders"}


def test_the_readme_is_read_within_minutes() -> None:
    assert len((ROOT / "README.md").read_bytes()) <= 10_000


def test_readers_find_every_page_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    pages = [*(name_of(page) for page in PAGES if page.parent == ROOT / "docs"), "CHANGELOG.md"]
    assert [page for page in pages if f"]({page})" not in readme] == []


def test_the_places_and_their_variables_are_told_once_and_rightly() -> None:
    settings = (ROOT / "docs/settings.md").read_text("utf-8")
    for flag in inspect.signature(Place.at).parameters:
        assert f"`--{flag.replace('_', '-')} " in settings


class Links(HTMLParser):
    """What a page of the site leads to or loads, and the places in it that can be led to."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.leads: list[str] = []
        self.loads: list[str] = []
        self.places: set[str] = set()
        self.feed(page.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.places |= {given["id"]} if given.get("id") else set()
        target = given.get("href") or given.get("src")
        if target:
            (self.leads if tag == "a" else self.loads).append(target)


class Site:
    """The pages that are built, by their paths."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pages = {file.relative_to(folder).as_posix(): Links(file) for file in folder.rglob("*.html")}
        # What is served where a page is missing stands nowhere in particular.
        del self.pages["404.html"]

    def is_there(self, page: str, target: str) -> bool:
        """Return whether what a page leads to is there: the file, and the place in it."""
        path, _, place = unquote(target).partition("#")
        there = posixpath.normpath(posixpath.join(posixpath.dirname(page), path)) if path else page
        is_place = not place or there not in self.pages or place in self.pages[there].places
        return (self.folder / there).is_file() and is_place


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder)]
    built = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (built.returncode, built.stdout + built.stderr) == (0, "")
    return Site(folder)


def test_every_link_of_the_site_leads_somewhere(site: Site) -> None:
    inside = [(page, link) for page, found in site.pages.items() for link in found.leads if "://" not in link]
    assert len(inside) > len(site.pages)
    assert [(page, link) for page, link in inside if not site.is_there(page, link)] == []
    assert not site.is_there("index.html", "speed.html#nowhere")
    assert not site.is_there("index.html", "nowhere.html")


def test_the_site_needs_no_network_to_be_read(site: Site) -> None:
    assert [(page, what) for page, found in site.pages.items() for what in found.loads if "//" in what] == []
    assert all(found.loads for found in site.pages.values())


def test_the_reference_has_every_command_and_every_member(site: Site) -> None:
    program = typer.main.get_command(app)
    commands = set(program.commands)  # type: ignore[attr-defined]  # it is a group
    assert commands <= site.pages["reference/commands.html"].places
    members = {f"study{name}" for name in vars(Study) if not name.startswith("_")}
    assert members <= site.pages["reference/python.html"].places


def test_the_reference_has_whatever_draws_prunes_and_trains(site: Site) -> None:
    page = (site.folder / "reference/methods.html").read_text("utf-8")
    names = {*samplers.names(), *pruners.names(), *engines.names()}
    assert {name for name in names if f"<code>{name}</code>" not in page} == set()
