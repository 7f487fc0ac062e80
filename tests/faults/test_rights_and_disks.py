"""Objects that may not be read, places that can't be written."""

from __future__ import annotations

import json

import pytest

from tests.faults.conftest import Mount, Shop

pytestmark = pytest.mark.mariadb


def test_a_missing_privilege_ends_the_task_before_anything_is_read(shop: Shop) -> None:
    shop.connect_reader()
    shop.allow(f"SELECT (id, name) ON {shop.database}.staff")
    failed = shop.dump("reader", "orders", "staff", "--content", "data", code=1)
    assert "1 of 2 objects can't be exported" in failed.err
    assert "No right for reading TABLE:staff" in failed.err
    assert "Ask for SELECT" in failed.err
    assert shop.task()["status"] == "Failed"
    shop.nothing_left()
    shop.allow(f"SELECT ON {shop.database}.staff")
    shop.completes()


def test_with_continue_the_others_are_published_and_retry_reads_the_rest(shop: Shop) -> None:
    shop.connect_reader()
    shop.allow(f"SELECT (id) ON {shop.database}.staff")
    # `pace` is wholly hidden from this account, so that it can't be told from a table that isn't there.
    wanted = ("orders", "staff", "pace", "--content", "data", "--on-error", "continue")
    failed = shop.dump("reader", *wanted, code=1)
    assert "2 of 3 objects failed, 1 published" in failed.err
    manifest = json.loads((shop.out / "manifest.json").read_text())
    assert manifest["complete"] is False
    assert [f["path"] for f in manifest["files"]] == ["TABLE/orders.csv"]
    notes = {o["name"]: o for o in shop.offramp.quick("show", "1", "--json").json["task"]["objects"]}
    assert notes["orders"]["data_status"] == "success"
    for name in ("staff", "pace"):
        assert notes[name]["data_status"] == "failure"
        assert f"`{name}`" in notes[name]["error"]["message"]
    before = (shop.out / "TABLE/orders.csv").stat()
    shop.allow(f"SELECT ON {shop.database}.*")
    shop.completes()
    assert json.loads((shop.out / "manifest.json").read_text())["complete"] is True
    after = (shop.out / "TABLE/orders.csv").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns), "it was read again"


def test_a_disk_that_fills_up(shop: Shop, mount: Mount) -> None:
    # Statistics of a table that was just made say that it is small, and so does the check before reading.
    shop.server.run(
        "CREATE TABLE large (id INT PRIMARY KEY, t VARCHAR(300)) STATS_AUTO_RECALC = 0",
        "INSERT INTO large SELECT seq, REPEAT('x', 300) FROM seq_1_to_30000",
        database=shop.database,
    )
    mount.change("size=4m")
    out = mount.path / "out"
    failed = shop.dump("shop", "large", "--content", "data", "--retry-limit", "0", to=out, code=1)
    assert "No room" in failed.err or "are free" in failed.err
    assert "Make room" in failed.err
    assert shop.task()["status"] == "Failed"
    shop.nothing_left(out)
    mount.change("size=64m")
    shop.completes(1, out)
    assert len((out / "TABLE/large.csv").read_bytes().splitlines()) == 30_001


def test_a_directory_that_cannot_be_written(shop: Shop, mount: Mount) -> None:
    mount.change("ro")
    out = mount.path / "out"
    failed = shop.dump("shop", "orders", to=out, code=1)
    assert str(mount.path) in failed.err
    assert "Read-only file system" in failed.err
    assert "Give this account the right, or choose another place" in failed.err
    assert shop.task()["status"] == "Failed"
    shop.nothing_left(out)
    mount.change("rw")
    shop.completes(1, out)
