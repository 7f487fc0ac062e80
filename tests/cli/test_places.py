"""Runs that share a place, and the link to the latest, by the real engine and its workers."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def shop(offramp):
    offramp.database()
    offramp.quick("connection", "add", "shop", "sqlite:///shop.db")
    return offramp


def manifest(directory):
    return json.loads((directory / "manifest.json").read_text())


def test_each_run_replaces_the_one_before(shop):
    options = ("--fixed", "--if-exists", "replace", "--directories", "objects", "--prefix", "x_")
    shop.quick("export", "create", "e", "--connection", "shop", "orders", "log", "--to", "out", *options)
    place = shop.directory / "out" / "e"
    shop("run", "e", "--wait")
    assert manifest(place)["task"] == 1
    shop.quick("export", "edit", "e", "orders", "--empty-tables", "none")
    shop("run", "e", "--wait")
    assert manifest(place)["task"] == 2
    assert sorted(str(p.relative_to(place)) for p in place.rglob("*") if p.is_file()) == [
        "TABLE/orders/x_orders-schema.sql",
        "TABLE/orders/x_orders.csv",
        "manifest.json",
    ]
    assert [path.name for path in place.parent.iterdir()] == ["e"]
    shop.quick("verify", "2")
    assert "a later run has replaced its files" in shop.quick("verify", "1", code=2).err
    assert "a later run has replaced its files" in shop.quick("download", "1", "--to", "copy", code=2).err
    # What somebody else has put there isn't touched, and neither is what is beside it.
    (place / "notes.txt").write_text("mine")
    assert "notes.txt" in shop("run", "e", "--wait", code=1).err
    assert (place / "notes.txt").read_text() == "mine"
    assert manifest(place)["task"] == 2


def test_the_next_free_name_is_what_the_task_says(shop):
    shop.quick("export", "create", "e", "--connection", "shop", "orders", "--to", "out",
               "--fixed", "--if-exists", "new")  # fmt: skip
    for _ in range(3):
        shop("run", "e", "--wait")
    assert sorted(path.name for path in (shop.directory / "out").iterdir()) == ["e", "e-2", "e-3"]
    assert shop.quick("show", "3", "--json").json["task"]["output"] == str(shop.directory / "out" / "e-3")
    for number in "123":
        shop.quick("verify", number)
    # A dump prints the directory that it has got.
    out = shop("dump", "shop", "orders", "--to", "out/e", "--if-exists", "new").out
    assert out.strip() == str(shop.directory / "out" / "e-4")


def test_the_link_to_the_latest_run(shop):
    shop.quick("export", "create", "e", "--connection", "shop", "orders", "--to", "out", "--latest")
    link = shop.directory / "out" / "e" / "latest"
    for number in (1, 2):
        shop("run", "e", "--wait")
        assert manifest(link)["task"] == number
    assert len(list(link.parent.iterdir())) == 3
    shop.quick("verify", "out/e/latest")


def test_a_destination_that_is_not_there_is_never_taken_for_a_directory(shop):
    shop.quick("destination", "add", "lake", "/data/lake")
    for place, said in (
        ("lak:x", "Did you mean lake?"),
        ("vault:orders", "See: offramp destination list."),
        ("me@host:/data", "sftp://me@host/data"),
        ("s3:/bucket", "s3://bucket"),
    ):
        err = shop.quick("dump", "shop", "orders", "--to", place, code=3).err
        assert f"There is no destination {place.partition(':')[0]!r}." in err
        assert said in err
        assert shop.quick("export", "create", "e", "--connection", "shop", "orders", "--to", place, code=3)
    assert not [path for path in shop.directory.iterdir() if ":" in path.name]
    shop.quick("dump", "shop", "orders", "--to", "./vault:orders", "--dry-run")
