"""Rows into another database, from the command line."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from tests.cli.conftest import Offramp


@pytest.fixture
def both(shop: Offramp) -> Offramp:
    """The shop, and an empty file."""
    (shop.directory / "target.db").touch()
    shop.quick("connection", "add", "target", f"sqlite:///{shop.directory / 'target.db'}")
    return shop


def rows(offramp: Offramp, name: str = "orders") -> int:
    with closing(sqlite3.connect(offramp.directory / "target.db")) as database:
        return int(database.execute(f"SELECT count(*) FROM {name}").fetchone()[0])


def test_from_dump_to_verify(both: Offramp) -> None:
    done = both("dump", "shop", "orders", "--to", "connection:target")
    assert done.out.strip() == "connection:target"
    there = rows(both)
    assert there > 0
    shown = both.quick("show", "1")
    assert "tables are made" in shown.out
    assert "main.orders" in shown.out
    assert "SHA-256" not in shown.out
    assert f"{there} rows, as published." in both("verify", "1").out
    assert both.quick("verify", "1", "--against-source", code=2)
    assert "has made no files" in both.quick("download", "1", "--to", "x", code=2).err
    with closing(sqlite3.connect(both.directory / "target.db")) as database, database:
        database.execute("DELETE FROM orders WHERE rowid = 1")
    report = both.quick("verify", "1", "--json", code=1).json["verify"]
    assert not report["ok"]
    assert f"{there} were published" in report["tables"][0]["detail"]


def test_what_is_there_by_choice(both: Offramp) -> None:
    url = f"sqlite:///{both.directory / 'target.db'}"
    both("dump", "shop", "orders", "--to", url)
    there = rows(both)
    refused = both("dump", "shop", "orders", "--to", url, code=1)
    assert "has a 'orders' already" in refused.err
    both("dump", "shop", "orders", "--to", url, "--tables", "replace")
    assert rows(both) == there


def test_a_dry_run_says_what_is_done(both: Offramp) -> None:
    found = both("dump", "shop", "orders", "--to", "connection:target", "--dry-run", "--json").json[
        "preflight"
    ]
    assert found["output"] == "connection:target"
    assert "orders is made there." in found["notes"]
    assert (both.directory / "target.db").stat().st_size == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--to", "connection:nowhere"), "nowhere"),
        (("--to", "connection:target", "--tables", "append"), "--content data"),
        (("--to", "connection:target", "--drop"), "Schema files are for exports into files"),
        (("--to", "connection:target", "--max-records", "5"), "for exports into files"),
        (("--to", "out", "--tables", "replace"), "--tables is for rows"),
        (("--to", "postgresql://me@host/db"), "No saved connection leads to"),
    ],
)
def test_what_makes_no_sense(both: Offramp, arguments: tuple[str, ...], words: str) -> None:
    refused = both.quick("dump", "shop", "orders", *arguments, code=None)
    assert refused.code in (2, 3)
    assert words in refused.err


def test_a_saved_export(both: Offramp) -> None:
    both.quick(
        "export",
        "create",
        "e",
        "--connection",
        "shop",
        "orders",
        "--to",
        "connection:target",
        "--tables",
        "replace",
    )
    for _ in range(2):
        both("run", "e", "--wait")
    assert rows(both) > 0
    toml = both.quick("export", "show", "e", "--toml").out
    assert "[export.e.into]" in toml
    assert "directory" not in toml
    (both.directory / "e.toml").write_text(toml)
    assert both.quick("export", "apply", "e.toml").out.startswith("= export e")
    assert "is used by export" in both.quick("connection", "remove", "target", code=2).err
    both.quick("export", "edit", "e", "--tables", "create")
    assert both.quick("export", "show", "e", "--json").json["export"]["into"]["existing"] == "create"
    both.quick("export", "edit", "e", "--to", "out", "--format", "jsonl")
    assert both.quick("export", "show", "e", "--json").json["export"]["into"] is None
