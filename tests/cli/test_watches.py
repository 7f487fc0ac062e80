"""Exports that run when there is new data: given, spelled back, and run by an engine in the background."""

from __future__ import annotations

import sqlite3
from itertools import product

import pytest

from core.model.convert import definitions_from_toml, definitions_to_toml
from core.model.settings import Export, ExportSettings
from core.model.watch import Watch
from tests.cli.conftest import Offramp
from tests.faults.processes import wait_for
from tui.cli import watch_options
from tui.cli.parser import build

SETTINGS = ExportSettings(connection="shop", objects=("t",))
WATCHES = [None, Watch(), Watch(probe_every=90, settle=0), Watch(min_interval=86_400, settle=7200)]


@pytest.mark.parametrize(("before", "after"), list(product(WATCHES, WATCHES)))
def test_edit_leads_from_one_to_the_other(before: Watch | None, after: Watch | None) -> None:
    args = build().parse_args(["export", "edit", "e", *watch_options.options(after, before)])
    assert watch_options.watch_from(args, before) == after


@pytest.mark.parametrize("watch", WATCHES)
def test_toml_and_back(watch: Watch | None) -> None:
    export = Export(name="e", directory="/out", settings=SETTINGS, watch=watch)
    assert definitions_from_toml(definitions_to_toml(exports=[export]), "f").exports == (export,)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--probe-every", "1m"), "--probe-every needs --on-new-data"),
        (("--on-new-data", "--cron", "@daily"), "can't both be meant"),
        (("--on-new-data", "--settle", "soon"), "is no span"),
        (("--on-new-data", "--probe-every", "0s"), "probe every of 0 s can't be"),
    ],
)
def test_what_makes_no_sense(offramp: Offramp, options: tuple[str, ...], words: str) -> None:
    offramp.quick("connection", "add", "shop", f"sqlite://{offramp.database()}")
    create = ("export", "create", "e", "--connection", "shop", "orders", "--to", "out")
    assert words in offramp.quick(*create, *options, code=2).err


@pytest.mark.parametrize("window", ["all", "new"])
def test_what_is_written_is_exported(offramp: Offramp, window: str) -> None:
    database = offramp.database()
    out = offramp.directory / "out"
    offramp.quick("connection", "add", "shop", f"sqlite://{database}")
    create = (
        "export",
        "create",
        "e",
        "--connection",
        "shop",
        "orders",
        "--to",
        str(out),
        "--content",
        "data",
    )
    watch = ("--on-new-data", "--probe-every", "1s", "--settle", "0s", "--min-interval", "0s")
    offramp(*create, "--window", window, *watch)

    def runs() -> list[str]:
        found = sorted(out.glob("e/2*/TABLE/orders.csv"), key=lambda path: path.parent.parent.name)
        return [path.read_text() for path in found]

    wait_for(lambda: len(runs()) == 1)
    assert offramp.quick("export", "list", "--json").json["exports"][0]["watch"]["probe_every"] == 1
    with sqlite3.connect(database) as raw:
        raw.execute("INSERT INTO orders(who, total) VALUES('new one', 1)")
    wait_for(lambda: len(runs()) == 2)
    first, second = runs()
    assert len(first.splitlines()) == 4
    assert "new one" in second
    assert len(second.splitlines()) == (2 if window == "new" else 5)
    looked = offramp.quick("export", "show", "e", "--json").json["source"]["looked"]
    wait_for(lambda: offramp.quick("export", "show", "e", "--json").json["source"]["looked"] != looked)
    assert len(runs()) == 2
    assert "no new data" in offramp.quick("export", "show", "e").out
    offramp.quick("export", "pause", "e")
    assert "while it is paused" in offramp.quick("export", "show", "e").out
    with sqlite3.connect(database) as raw:
        raw.execute("INSERT INTO orders(who, total) VALUES('paused', 1)")
    offramp("export", "resume", "e")
    wait_for(lambda: len(runs()) == 3)


def test_a_source_that_cannot_be_asked_is_shown_and_asked_less(offramp: Offramp) -> None:
    database = offramp.database()
    offramp.quick("connection", "add", "shop", f"sqlite://{database}")
    database.rename(database.with_name("gone"))
    create = ("export", "create", "e", "--connection", "shop", "orders", "--to", str(offramp.directory / "o"))
    offramp(*create, "--on-new-data", "--probe-every", "1s", "--settle", "0s")

    def failures() -> int:
        return int((offramp.quick("export", "show", "e", "--json").json["source"] or {}).get("failures", 0))

    wait_for(lambda: failures() == 2)
    assert "asked again in" in offramp.quick("export", "show", "e").out
    assert offramp.quick("ls", "--json").json["tasks"] == []
    database.with_name("gone").rename(database)
    wait_for(lambda: bool(offramp.quick("ls", "--json").json["tasks"]))
