"""How a task runs from end to end, and what its directory then holds."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import BrokenObject, ConnectionLost, LostClaim, NoPrivilege, Unreachable
from core.model.secret import CommandSecret
from core.model.settings import SchemaSettings, SqlSettings, SysAccount
from core.model.vocabulary import Consistency, Content, Format, ObjectRef, ObjectStatus, ObjectType, OnError
from tests.pipeline.conftest import Bench, tree
from tests.pipeline.scripted import Thing, table, view

Make = Callable[..., Bench]
ORDERS = ObjectRef(ObjectType.TABLE, "orders")


def failing(step: str, subject: str, error: Exception) -> Callable[[str, str], None]:
    """A hook that raises at one step of one object."""

    def hook(asked: str, about: str) -> None:
        if asked == step and about.startswith(subject):
            raise error

    return hook


def test_a_task_publishes_its_files_and_its_manifest(bench: Make) -> None:
    b = bench(table("orders", 5), table("empty", 0), view("recent", "orders"))
    manifest = b.good()
    assert sorted(b.files()) == [
        "TABLE/empty-schema.sql",
        "TABLE/empty.csv",
        "TABLE/orders-schema.sql",
        "TABLE/orders.csv",
        "VIEW/recent-schema.sql",
        "VIEW/recent.csv",
    ]
    assert manifest.complete
    assert [(str(o.ref), o.rows) for o in manifest.objects] == [
        ("TABLE:empty", 0),
        ("TABLE:orders", 5),
        ("VIEW:recent", 2),
    ]
    for entry in manifest.files:
        data = (b.output / entry.path).read_bytes()
        assert (entry.bytes, entry.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert b.files()["TABLE/orders.csv"].count(b"\n") == 6
    assert b.files()["TABLE/empty.csv"].count(b"\n") == 1
    assert b.beside == []
    assert all(o.done and o.total_exact for o in b.journal.objects())


def test_the_manifest_has_the_promised_keys_in_plain_json(bench: Make) -> None:
    b = bench(table("orders", 5))
    b.good()
    raw = json.loads((b.output / "manifest.json").read_text())
    assert (raw["task"], raw["connection"], raw["complete"], raw["consistency"]) == (
        7,
        "shop",
        True,
        "object",
    )
    assert raw["settings"]["csv"]["separator"] == ","
    (thing,) = raw["objects"]
    assert (thing["type"], thing["name"], thing["rows"]) == ("TABLE", "orders", 5)
    assert thing["columns"] == [{"name": "id", "type": "text"}, {"name": "note", "type": "text"}]
    assert thing["snapshot"]["id"] == "1000"
    assert {"path", "object", "kind", "rows", "bytes", "sha256"} <= set(raw["files"][0])


def test_no_secret_nor_where_it_comes_from_is_in_the_manifest(bench: Make) -> None:
    account = SysAccount(account="root", secret=CommandSecret("echo canary"))
    b = bench(table("orders"), sys_account=account)
    manifest = b.good()
    assert b"canary" not in (b.output / "manifest.json").read_bytes()
    assert manifest.settings["sys_account"] == {"account": "root"}


def test_files_are_for_this_account_only_whatever_the_umask(bench: Make) -> None:
    before = os.umask(0)
    try:
        b = bench(table("orders"))
        b.good()
    finally:
        os.umask(before)
    modes = {oct(p.stat().st_mode & 0o777) for p in b.output.rglob("*") if p.is_file()}
    assert modes == {"0o600"}
    assert {oct(p.stat().st_mode & 0o777) for p in (b.output, b.output / "TABLE")} == {"0o700"}


def test_schema_only_reads_no_row_and_takes_no_snapshot(bench: Make) -> None:
    b = bench(table("orders"), content=Content.SCHEMA, consistency=Consistency.TASK)
    manifest = b.good()
    assert sorted(b.files()) == ["TABLE/orders-schema.sql"]
    assert not b.database.asked("begin")
    assert not b.database.asked("read")
    assert manifest.objects[0].rows is None
    assert manifest.objects[0].columns


def test_data_only_takes_what_has_data_and_asks_for_no_schema(bench: Make) -> None:
    trigger = Thing(ObjectRef(ObjectType.TRIGGER, "t"), columns=())
    b = bench(table("orders"), trigger, content=Content.DATA)
    b.good()
    assert sorted(b.files()) == ["TABLE/orders.csv"]
    assert not b.database.asked("ddl")


def test_sql_output_brings_a_script_that_loads_all_in_order(bench: Make) -> None:
    trigger = Thing(ObjectRef(ObjectType.TRIGGER, "t"), columns=())
    b = bench(view("v", "orders"), trigger, table("orders"), table("customers"), format=Format.SQL)
    manifest = b.good()
    expected = [
        "TABLE/customers-schema.sql",
        "TABLE/orders-schema.sql",
        "TABLE/customers.sql",
        "TABLE/orders.sql",
        "VIEW/v-schema.sql",
        "TRIGGER/t-schema.sql",
    ]
    assert list(manifest.load) == expected
    lines = (b.output / "load.sql").read_text().splitlines()
    assert [line for line in lines if not line.startswith("--")] == [f".read {path}" for path in expected]
    assert [e.kind for e in manifest.files if e.path == "load.sql"] == ["load"]


def test_a_table_that_needs_another_comes_after_it(bench: Make) -> None:
    b = bench(table("a", needs=(ObjectRef(ObjectType.TABLE, "z"),)), table("z"), format=Format.SQL)
    assert [o.name for o in b.good().objects] == ["z", "a"]


def test_a_merged_schema_has_foreign_keys_after_all_tables_and_triggers_last(bench: Make) -> None:
    a = ObjectRef(ObjectType.TABLE, "a")
    z = ObjectRef(ObjectType.TABLE, "z")
    b = bench(
        Thing(a, foreign_keys=("ALTER a TO z",), needs=(z,)),
        Thing(z, foreign_keys=("ALTER z TO a",), needs=(a,)),
        view("v2", "a"),
        Thing(ObjectRef(ObjectType.VIEW, "v1"), needs=(ObjectRef(ObjectType.VIEW, "v2"),)),
        Thing(ObjectRef(ObjectType.TRIGGER, "t"), columns=(), needs=(a,)),
        content=Content.SCHEMA,
        schema=SchemaSettings(merge=True, drop=True),
    )
    manifest = b.good()
    assert sorted(b.files()) == ["schema.sql"]
    lines = [x for x in b.files()["schema.sql"].decode().splitlines() if not x.startswith("--")]
    short = [line.partition("(")[0].replace(" IF EXISTS", "").strip(" ;") for line in lines]
    assert short == [
        "BEGIN",
        'DROP TRIGGER "t"',
        'DROP VIEW "v1"',
        'DROP VIEW "v2"',
        'DROP TABLE "z"',
        'DROP TABLE "a"',
        'CREATE TABLE "a"',
        'CREATE TABLE "z"',
        'CREATE VIEW "v2"',
        'CREATE VIEW "v1"',
        "ALTER a TO z",
        "ALTER z TO a",
        'CREATE TRIGGER "t"',
        "COMMIT",
    ]
    assert manifest.load == ("schema.sql",)
    assert not (b.output / "load.sql").exists()


def test_each_object_has_its_own_snapshot_or_all_share_one(bench: Make, tmp_path: Path) -> None:
    b = bench(table("a"), table("b"))
    assert [o.snapshot.id for o in b.good().objects if o.snapshot] == ["1000", "1001"]
    b = bench(table("a"), table("b"), consistency=Consistency.TASK, output=tmp_path / "out" / "two")
    manifest = b.good()
    assert manifest.snapshot is not None
    assert manifest.snapshot.id == "1000"
    assert [o.snapshot for o in manifest.objects] == [None, None]
    assert b.database.asked("begin") == [""]


def test_all_objects_are_as_of_one_time(bench: Make) -> None:
    b = bench(table("a"), table("b"), consistency=Consistency.TASK)

    def write_more(step: str, subject: str) -> None:
        if step == "read" and subject.startswith("TABLE:a"):
            b.database.things[ObjectRef(ObjectType.TABLE, "b")].rows.append((b"9", b"late"))

    b.database.hook = write_more
    b.good()
    assert b"late" not in b.files()["TABLE/b.csv"]


def test_stages_progress_and_log_tell_what_is_done(bench: Make) -> None:
    b = bench(table("orders", 5))
    b.good()
    assert b.journal.stages == [
        "checking the output directory",
        "connecting",
        "checking the objects",
        "writing the schema of TABLE:orders",
        "reading TABLE:orders",
        "publishing 2 files",
    ]
    assert [rows for _, rows, _ in b.journal.progressed] == [2, 4, 5]
    assert any(line.startswith("TABLE:orders: 5 rows, ") for line in b.lines(logging.INFO))


def test_ignore_and_continue_publishes_the_others_and_retry_reads_only_what_is_missing(bench: Make) -> None:
    b = bench(table("a"), table("b"), table("c"), on_error=OnError.CONTINUE, format=Format.SQL)
    b.database.hook = failing("read", "TABLE:b", BrokenObject("TABLE:b is broken."))
    error = b.run().error
    assert error is not None
    assert error.code == "incomplete"
    assert error.message.startswith("1 of 3 objects failed, 2 published.")
    assert "TABLE:b is broken." in error.message
    assert b.journal.outcome == (error, True)
    manifest = b.manifest()
    assert not manifest.complete
    assert [o.error.code if o.error else None for o in manifest.objects] == [None, "broken-object", None]
    assert "TABLE/b.sql" not in b.files()
    assert b"TABLE/b.sql" not in b.files()["load.sql"]
    first = (b.output / "TABLE/a.sql").stat()

    b.database.hook = lambda _step, _subject: None
    b.database.calls.clear()
    manifest = b.good()
    assert b.database.asked("read") == ["TABLE:b all"]
    assert manifest.complete
    assert (b.output / "TABLE/a.sql").stat().st_ino == first.st_ino
    assert b"TABLE/b.sql" in b.files()["load.sql"]
    assert sorted(e.path for e in manifest.files) == sorted(b.files())
    assert b.beside == []


def test_stopping_at_the_first_failure_publishes_nothing(bench: Make) -> None:
    b = bench(table("a"), table("b"), table("c"))
    b.database.hook = failing("read", "TABLE:b", BrokenObject("TABLE:b is broken."))
    assert b.failed() == "broken-object"
    assert not b.output.exists()
    assert [o.data_status for o in b.journal.objects()] == [
        ObjectStatus.SUCCESS,
        ObjectStatus.FAILURE,
        ObjectStatus.WAITING,
    ]
    b.database.hook = lambda _step, _subject: None
    b.database.calls.clear()
    b.good()
    assert b.database.asked("read") == ["TABLE:b all", "TABLE:c all"]
    assert b.beside == []


def test_nothing_is_read_where_an_object_cant_be(bench: Make) -> None:
    b = bench(table("a"), table("b"))
    b.database.hook = failing("check_readable", "TABLE:b", NoPrivilege("No SELECT on b."))
    assert b.failed() == "preflight-failed"
    assert not b.database.asked("read")
    assert b.beside == []
    assert [o.error.code if o.error else None for o in b.journal.objects()] == [None, "no-privilege"]


def test_where_everything_fails_nothing_is_published(bench: Make) -> None:
    b = bench(table("a"), table("b"), on_error=OnError.CONTINUE)
    b.database.hook = failing("read", "TABLE", BrokenObject("Broken."))
    assert b.failed() == "incomplete"
    assert not b.output.exists()
    assert b.beside == []


def test_a_lost_claim_leaves_everything_to_the_other_attempt(bench: Make) -> None:
    b = bench(table("a"))

    def lose(step: str, _subject: str) -> None:
        b.journal.lost = b.journal.lost or step == "last"

    b.database.hook = lose
    with pytest.raises(LostClaim):
        b.run()
    assert not b.output.exists()
    assert b.journal.outcome is None


@pytest.mark.parametrize("step", ["connect", "databases", "objects", "describe", "check_readable", "ddl"])
def test_transient_errors_before_reading_leave_nothing_and_a_retry_works(bench: Make, step: str) -> None:
    b = bench(table("a"))
    b.database.hook = failing(step, "", Unreachable("Gone.") if step == "connect" else ConnectionLost("Cut."))
    journal = b.run()
    assert journal.error is not None
    assert journal.error.transient
    assert b.beside == []
    assert not b.output.exists()
    b.database.hook = lambda _step, _subject: None
    b.good()


def test_a_bug_fails_the_task_without_its_words(bench: Make) -> None:
    b = bench(table("a"))
    b.database.hook = failing("read", "TABLE:a", ZeroDivisionError("canary"))
    assert b.failed() == "internal"
    assert "canary" not in str(b.journal.error)
    assert not b.output.exists()


def test_changed_definitions_fail_the_object(bench: Make) -> None:
    b = bench(table("a"))

    def alter(step: str, _subject: str) -> None:
        if step == "chunk":
            b.database.things[ObjectRef(ObjectType.TABLE, "a")].create = ("CREATE TABLE a (other)",)

    b.database.hook = alter
    assert b.failed() == "schema-changed"
    assert not b.output.exists()
    b.database.hook = lambda _step, _subject: None
    b.good()


def test_a_definition_that_changes_before_its_object_begins_is_taken_as_it_is(bench: Make) -> None:
    b = bench(table("a"), table("b"))

    def alter(step: str, subject: str) -> None:
        if step == "read" and subject.startswith("TABLE:a"):
            b.database.things[ObjectRef(ObjectType.TABLE, "b")].create = ("CREATE TABLE b (new)",)

    b.database.hook = alter
    b.good()
    assert b"CREATE TABLE b (new)" in b.files()["TABLE/b-schema.sql"]
    assert any("changed since it was planned" in line for line in b.lines(logging.WARNING))


def test_dropped_tables_fail_with_their_name(bench: Make) -> None:
    b = bench(table("a"), table("b"), on_error=OnError.CONTINUE)

    def drop(step: str, subject: str) -> None:
        if step == "read" and subject.startswith("TABLE:a"):
            b.database.things.pop(ObjectRef(ObjectType.TABLE, "b"), None)

    b.database.hook = drop
    b.run()
    assert [o.error.code if o.error else None for o in b.manifest().objects] == [None, "not-found"]


def test_batch_commits_and_parts_are_said_to_the_manifest(
    bench: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.pipeline.plan.ROWS_PER_PART", 2)
    b = bench(table("a", 5), reopens=True, format=Format.SQL, sql=SqlSettings(batch_commit=3))
    assert b.good().objects[0].parts == (2, 2, 1)


def test_the_same_database_gives_the_same_bytes(bench: Make, tmp_path: Path) -> None:
    one = bench(table("a", 9), view("v"), format=Format.SQL)
    one.good()
    two = bench(view("v"), table("a", 9), format=Format.SQL, output=tmp_path / "out" / "two")
    two.good()
    assert one.files() == two.files()
    assert tree(one.output).keys() == tree(two.output).keys()
