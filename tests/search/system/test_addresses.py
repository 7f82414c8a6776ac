"""Addresses: two stores in one database, and passwords."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.problem.settings import Place
from search.system.addresses import same
from search.system.errors import UsageError
from search.system.redaction import redacted
from tracking import databases


@pytest.mark.parametrize(
    "other",
    ["sqlite:///{0}/real/a.db", "sqlite:///{0}/./real/a.db", "sqlite:///{0}/link/a.db", "sqlite:///{0}/hard.db"],
)
def test_one_file_is_one_database_whatever_leads_to_it(other: str, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.db").touch()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.link(tmp_path / "real" / "a.db", tmp_path / "hard.db")
    assert same(f"sqlite+pysqlite:///{tmp_path}/real/a.db", other.format(tmp_path))
    assert not same(f"sqlite:///{tmp_path}/real/b.db", other.format(tmp_path))


def test_a_relative_address_leads_to_a_file_that_is_still_to_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert same("sqlite:///a.db", f"sqlite:///{tmp_path}/a.db")
    assert same("sqlite:///./x/../a%20b.db", f"sqlite:///{tmp_path}/a b.db")


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("postgresql://a:x@Host:5432/db", "postgresql+psycopg://b:y@host:5432/db?sslmode=require", True),
        ("postgresql://host/one", "postgresql://host/two", False),
        ("postgresql://host/db", "mysql://host/db", False),
        ("sqlite:////a.db", "memory:", False),
        ("sqlite:////a.db", "http://host/a.db", False),
    ],
)
def test_servers_are_told_apart_by_kind_host_and_database(one: str, other: str, alike: bool) -> None:
    assert same(one, other) is alike


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://anna:secret@host/db", "postgresql://anna:***@host/db"),
        ("postgresql://anna:sec@ret/@host/db", "postgresql://anna:***@host/db"),
        ("postgresql://host/db?user=anna&password=secret&x=1", "postgresql://host/db?user=anna&password=***&x=1"),
        ("--storage=postgresql://anna:secret@host/db", "--storage=postgresql://anna:***@host/db"),
        ("postgresql://anna@host/db", "postgresql://anna@host/db"),
        ("sqlite:////home/a:b@c/x.db", "sqlite:////home/a:b@c/x.db"),
        ("--fix", "--fix"),
    ],
)
def test_passwords_are_not_shown_and_nothing_else_is_changed(text: str, shown: str) -> None:
    assert redacted(text) == shown


@given(password=st.text(min_size=1, max_size=20).map(lambda text: f"<{text}>"))
def test_no_password_is_shown_whatever_is_in_it(password: str) -> None:
    assert password not in redacted(f"postgresql://anna:{password}@host/db")


def test_a_password_on_the_command_line_is_refused_and_one_in_the_environment_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address = "postgresql://anna:secret@host/db"
    monkeypatch.delenv("OPTUNA_STORAGE", raising=False)
    with pytest.raises(UsageError, match="give the address in the variable OPTUNA_STORAGE instead") as refused:
        Place.at(None, address, None)
    assert "secret" not in str(refused.value)
    monkeypatch.setenv("OPTUNA_STORAGE", address)
    assert Place.at(None, address, None).storage == address


@pytest.mark.parametrize(
    "address", ["sqlite:////a.db?mode=ro", "sqlite:///a%3Fb.db", "sqlite://", "sqlite:///:memory:"]
)
def test_an_address_of_no_file_is_refused_with_its_flag(address: str) -> None:
    with pytest.raises(UsageError, match="--storage sqlite:.*: does not name a file"):
        Place.at(None, address, None)
    with pytest.raises(UsageError, match="--tracking-uri sqlite:.*: does not name a file"):
        Place.at(None, None, address)


def test_a_home_with_a_percent_sign_holds_both_databases(tmp_path: Path) -> None:
    place = Place.at(tmp_path / "100%25", None, None)
    assert databases.file_of(place.storage) == tmp_path / "100%25" / "optuna.db"
    assert databases.file_of(place.tracking_uri) == tmp_path / "100%25" / "mlflow.db"
