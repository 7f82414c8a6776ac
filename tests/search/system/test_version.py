"""Which version is said to run."""

import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from search.system import version

PROJECT = Path(__file__).parents[3] / "pyproject.toml"


def test_a_checkout_says_what_its_project_says() -> None:
    assert version.version() == tomllib.loads(PROJECT.read_text("utf-8"))["project"]["version"]


def test_an_installation_says_what_was_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(version, "_PROJECT", tmp_path / "pyproject.toml")
    monkeypatch.setattr(metadata, "version", lambda name: {"garment-search": "7.0"}[name])
    assert version.version() == "7.0"


def test_neither_of_them_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(version, "_PROJECT", tmp_path / "pyproject.toml")
    monkeypatch.setattr(metadata, "version", missing)
    assert version.version() == "of unknown version: neither installed nor a checkout"


def test_the_changelog_tells_of_this_version() -> None:
    """What has been done since stands under its own heading."""
    changelog = (PROJECT.parent / "CHANGELOG.md").read_text("utf-8")
    first, second = [line for line in changelog.splitlines() if line.startswith("## ")][:2]
    assert first == "## [Unreleased]"
    assert second.startswith(f"## [{version.version()}] - 20")
