"""Only what is new, on the command line: given, spelled back, shown, moved."""

from __future__ import annotations

import shlex
import sqlite3
from itertools import product

import pytest

from core.model.convert import definitions_from_toml, definitions_to_toml
from core.model.mark import MarkSettings, NullMarks, Window
from core.model.settings import Export, ExportSettings
from tests.cli.conftest import Offramp
from tui.cli import spelling
from tui.cli.parser import build
from tui.cli.settings import settings_from

PLAIN = ExportSettings(connection="shop", objects=("t",))
WANTED = [
    PLAIN,
    ExportSettings(connection="shop", objects=("t",), window=Window.NEW),
    ExportSettings(
        connection="shop",
        objects=("t",),
        window=Window.NEW,
        mark=MarkSettings(column="id", overlap="10m,5000", nulls=NullMarks.EACH),
    ),
    ExportSettings(
        connection="shop",
        objects=("t",),
        window=Window.NEW,
        mark=MarkSettings(column="-at", columns={"orders": "updated", "kinds": "", "a=b": "c"}),
    ),
]


def read(line: str, base: ExportSettings | None = None) -> ExportSettings:
    args = build().parse_args(shlex.split(line)[1:])
    return settings_from(args, args.connection, base)


@pytest.mark.parametrize(("before", "after"), list(product(WANTED, WANTED)))
def test_edit_leads_from_one_to_the_other(before: ExportSettings, after: ExportSettings) -> None:
    assert read(spelling.edit_line(after, "e", "/out", before), before) == after
    assert read(spelling.create_line(after, "e", "/out")) == after


@pytest.mark.parametrize("wanted", WANTED)
def test_toml_and_back(wanted: ExportSettings) -> None:
    export = Export(name="e", directory="/out", settings=wanted)
    assert definitions_from_toml(definitions_to_toml(exports=[export]), "f").exports == (export,)


def insert(shop: Offramp, *names: str) -> None:
    with sqlite3.connect(shop.directory / "shop.db") as raw:
        raw.executemany("INSERT INTO orders(who, total) VALUES(?, 1)", [(name,) for name in names])


def test_from_the_first_run_to_the_next(offramp: Offramp) -> None:
    database = offramp.database()
    offramp.quick("connection", "add", "shop", f"sqlite://{database}")
    create = (
        "export",
        "create",
        "e",
        "--connection",
        "shop",
        "orders",
        "--to",
        str(offramp.directory / "out"),
    )
    offramp.quick(*create, "--content", "data", "--window", "new", "--mark", "orders=id")
    look = offramp.quick("export", "mark", "e", "--look", "--json").json["next"]
    assert (look[0]["object"], look[0]["column"], look[0]["rows"]) == ("TABLE:orders", "id", 3)
    first = offramp("run", "e", "--wait", "--json").json["task"]["id"]
    insert(offramp, "new")
    (ahead,) = offramp.quick("export", "mark", "e", "--look", "--json").json["next"]
    assert (ahead["mark"], ahead["rows"], ahead["lowest"], ahead["again"]) == ("3", 1, "4", 1)
    assert "4 … 4" in offramp.quick("export", "mark", "e", "--look").out
    offramp("run", "e", "--wait")
    (mark,) = offramp.quick("export", "mark", "e", "--json").json["marks"]
    assert (mark["value"], mark["column"]) == ("4", "id")
    offramp.quick("export", "mark", "e", "--set", "orders=1")
    assert offramp.quick("export", "mark", "e", "--look", "--json").json["next"][0]["rows"] == 3
    offramp.quick("export", "mark", "e", "--rewind", str(first))
    assert offramp.quick("export", "mark", "e", "--json").json["marks"] == []
    moves = offramp.quick("export", "mark", "e", "--moves", "--json").json["moves"]
    assert [move["cause"] for move in moves] == ["rewind", "set", "run", "run"]
    offramp.quick("export", "mark", "e", "--forget", "orders", code=3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--window", "some"), "is wrong"),
        (("--overlap", "a while"), "is no overlap"),
        (("--null-marks", "never"), "is wrong"),
    ],
)
def test_what_makes_no_sense(offramp: Offramp, options: tuple[str, ...], words: str) -> None:
    offramp.quick("connection", "add", "shop", f"sqlite://{offramp.database()}")
    create = ("export", "create", "e", "--connection", "shop", "orders", "--to", "out")
    assert words in offramp.quick(*create, *options, code=2).err


def test_an_export_of_all_rows_has_no_marks(offramp: Offramp) -> None:
    offramp.quick("connection", "add", "shop", f"sqlite://{offramp.database()}")
    create = ("export", "create", "e", "--connection", "shop", "orders", "--to", "out", "--mark", "id")
    assert "--mark changes nothing" in offramp.quick(*create).err
    assert "takes all rows" in offramp.quick("export", "mark", "e", "--set", "orders=1", code=2).err
    assert "has no mark yet" in offramp.quick("export", "mark", "e").err
