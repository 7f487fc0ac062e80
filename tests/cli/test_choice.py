"""Choices of columns and rows, and queries, through the command line."""

from __future__ import annotations

import json

CHOICE = (
    "--exclude-columns", "orders=total", "--where", "TABLE:orders=id < 3 OR who LIKE '%3%'",
    "--query", "per=SELECT total > 2 AS much, count(*) AS n FROM orders GROUP BY 1 ORDER BY 1;",
)  # fmt: skip


def test_dump_takes_what_was_chosen(shop):
    shop("dump", "shop", "--to", "out", "--content", "data", *CHOICE, "orders")
    out = shop.directory / "out"
    lines = (out / "TABLE/orders.csv").read_text().splitlines()
    assert [line.partition(",")[0] for line in lines] == ["id", "1", "2", "3"]
    assert lines[0] == "id,who"
    assert (out / "QUERY/per.csv").read_text() == "much,n\n0,1\n1,2\n"
    manifest = json.loads((out / "manifest.json").read_text())
    found = {item["name"]: item for item in manifest["objects"]}
    assert found["orders"]["where"].startswith("id < 3")
    assert found["per"]["query"].startswith("SELECT total > 2")
    assert shop.quick("verify", "out").code == 0
    shown = shop.quick("show", "1").out
    assert "QUERY/per.csv" in shown


def test_a_dry_run_tells_what_the_server_would_refuse(shop):
    done = shop.quick("dump", "shop", "--to", "o", "orders", "--where", "orders=id = ", "--dry-run", code=1)
    assert "condition" in done.out + done.err
    done = shop.quick("dump", "shop", "--to", "o", "--query", "q=DELETE FROM orders", "--dry-run", code=1)
    assert "QUERY:q" in done.out + done.err
    done = shop.quick("dump", "shop", "--to", "o", "orders", "--columns", "ordre=id", "--dry-run", code=3)
    assert "orders" in done.err
    done = shop.quick("dump", "shop", "--to", "o", "orders", "--columns", "orders", "--dry-run", code=2)
    assert "NAME=" in done.err


def test_a_saved_export_keeps_edits_and_loses_its_choice(shop):
    shop.quick("export", "create", "n", "--connection", "shop", "--to", "out", "orders", *CHOICE)
    tree = shop.quick("export", "show", "n", "--json").json["export"]
    assert tree["choices"]["orders"]["exclude"] == ["total"]
    shop.quick("export", "edit", "n", "--columns", "orders=who, id", "--where", "TABLE:orders=")
    tree = shop.quick("export", "show", "n", "--json").json["export"]
    assert tree["choices"] == {"orders": {"columns": ["who", "id"], "exclude": [], "where": None}}
    text = shop.quick("export", "show", "n", "--toml").out
    assert "[export.n.choices.orders]" in text
    shop.quick("export", "remove", "n")
    (shop.directory / "n.toml").write_text(text)
    shop.quick("export", "apply", "n.toml", "--yes")
    assert shop.quick("export", "show", "n", "--json").json["export"]["queries"] == tree["queries"]
    shop.quick("export", "edit", "n", "--query", "per=", "--columns", "orders=")
    tree = shop.quick("export", "show", "n", "--json").json["export"]
    assert (tree["queries"], tree["choices"]) == ({}, {})
