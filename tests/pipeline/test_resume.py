"""What a second attempt does not read again, and when it must."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import ConnectionLost, SnapshotGone
from core.model.load import LoadSettings
from core.model.vocabulary import Consistency, Format, ObjectRef, ObjectStatus, ObjectType, OnError
from tests.pipeline.conftest import Bench
from tests.pipeline.scripted import table

Make = Callable[..., Bench]
A = ObjectRef(ObjectType.TABLE, "a")


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.pipeline.plan.ROWS_PER_PART", 4)


def cut(b: Bench, read: str, error: Exception | None = None, step: str = "chunk") -> None:
    """Lose the connection in the middle of this read (`TABLE:a 4:8`)."""
    now = [""]

    def hook(asked: str, about: str) -> None:
        if asked == "read":
            now[0] = about
        if asked == step and now[0] == read:
            raise error or ConnectionLost("Cut.")

    b.database.hook = hook


def mend(b: Bench) -> None:
    b.database.hook = lambda _step, _subject: None
    b.database.calls.clear()


def late(b: Bench) -> None:
    """Somebody writes between two attempts."""
    b.database.things[A].rows[0] = (b"0", b"late")
    b.database.things[A].rows.append((b"99", b"late"))


def test_an_object_goes_on_after_its_last_part_as_of_the_same_time(bench: Make, tmp_path: Path) -> None:
    undisturbed = bench(table("a", 10), output=tmp_path / "out" / "u", reopens=True, format=Format.SQL)
    undisturbed.good()
    b = bench(table("a", 10), table("b", 2), reopens=True, format=Format.SQL)
    cut(b, "TABLE:a 4:8")
    error = b.run().error
    assert error is not None
    assert error.transient
    item = b.journal.objects()[0]
    assert (item.data_status, item.processed_rows) == (ObjectStatus.FAILURE, 4)
    assert item.error == error
    mend(b)
    late(b)
    manifest = b.good()
    assert b.database.asked("read") == ["TABLE:a 4:8", "TABLE:a 8:", "TABLE:b 0:"]
    assert b.database.asked("begin") == ["1000", ""]
    assert b.files()["TABLE/a.sql"] == undisturbed.files()["TABLE/a.sql"]
    assert manifest.objects[0].parts == (4, 4, 2)
    assert [rows for number, rows, _ in b.journal.progressed if number == 0] == [2, 4, 6, 8, 10]


def test_done_objects_are_not_read_again(bench: Make) -> None:
    b = bench(table("a", 3), table("b", 3))
    cut(b, "TABLE:b all")
    b.run()
    mend(b)
    b.good()
    assert b.database.asked("read") == ["TABLE:b all"]
    assert b.database.asked("check_readable") == ["TABLE:b"]


def test_an_object_whose_time_is_gone_begins_anew(bench: Make) -> None:
    b = bench(table("a", 10), reopens=True)
    cut(b, "TABLE:a 8:")
    b.run()
    mend(b)
    late(b)
    b.database.snapshots.clear()
    b.good()
    assert b.database.asked("read") == ["TABLE:a 0:4", "TABLE:a 4:8", "TABLE:a 8:"]
    assert b.files()["TABLE/a.csv"].count(b"late") == 2
    assert any("begins anew" in line for line in b.lines(logging.WARNING))


def test_without_a_snapshot_that_reopens_the_object_begins_anew(bench: Make) -> None:
    b = bench(table("a", 10))
    cut(b, "TABLE:a all")
    b.run()
    mend(b)
    late(b)
    b.good()
    assert b.files()["TABLE/a.csv"].count(b"late") == 2


def test_part_consistency_goes_on_without_one(bench: Make) -> None:
    b = bench(table("a", 10), consistency=Consistency.PART)
    cut(b, "TABLE:a 4:8")
    b.run()
    mend(b)
    late(b)
    b.good()
    assert b.database.asked("read") == ["TABLE:a 4:8", "TABLE:a 8:"]
    assert b.files()["TABLE/a.csv"].count(b"late") == 1
    assert len(b.database.asked("begin")) == len(b.database.asked("end")) == 2


def test_a_task_as_of_one_time_goes_on_where_that_reopens(bench: Make) -> None:
    b = bench(table("a", 3), table("b", 10), consistency=Consistency.TASK, reopens=True)
    cut(b, "TABLE:b 4:8")
    b.run()
    mend(b)
    b.database.things[ObjectRef(ObjectType.TABLE, "b")].rows.append((b"99", b"late"))
    manifest = b.good()
    assert b.database.asked("begin") == ["1000"]
    assert b.database.asked("read") == ["TABLE:b 4:8", "TABLE:b 8:"]
    assert manifest.snapshot is not None
    assert manifest.snapshot.id == "1000"
    assert b"late" not in b.files()["TABLE/b.csv"]


def test_a_task_as_of_one_time_begins_anew_where_that_is_gone(bench: Make) -> None:
    for reopens in (False, True):
        b = bench(table("a", 3), table("b", 3), consistency=Consistency.TASK, reopens=reopens)
        cut(b, "TABLE:b 0:" if reopens else "TABLE:b all")
        b.run()
        mend(b)
        late(b)
        b.database.snapshots.clear()
        b.good()
        assert [read.split()[0] for read in b.database.asked("read")] == ["TABLE:a", "TABLE:b"]
        assert b.files()["TABLE/a.csv"].count(b"late") == 2
        for path in sorted(b.output.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()


def test_a_snapshot_that_goes_while_reading_fails_and_a_retry_takes_another(bench: Make) -> None:
    b = bench(table("a", 3), table("b", 10), consistency=Consistency.TASK, reopens=True)
    cut(b, "TABLE:b 4:8", SnapshotGone("Snapshot 1000 is gone."))
    error = b.run().error
    assert error is not None
    assert (error.code, error.transient) == ("snapshot-gone", False)
    assert not b.output.exists()
    assert b.beside == []
    assert b.journal.objects()[1].error == error
    mend(b)
    b.good()
    assert b.database.asked("begin") == [""]


def test_a_published_part_of_one_time_is_not_mixed_with_another(bench: Make) -> None:
    b = bench(table("a"), table("b"), consistency=Consistency.TASK, on_error=OnError.CONTINUE)
    from core.errors import BrokenObject

    cut(b, "TABLE:b all", BrokenObject("Broken."))
    assert b.failed() == "incomplete"
    mend(b)
    assert b.failed() == "snapshot-unavailable"
    assert b.journal.outcome is not None
    assert b.journal.outcome[1], "what was published still is"
    assert sorted(b.files()) == ["TABLE/a-schema.sql", "TABLE/a.csv"]
    assert b.beside == []


def test_a_published_part_is_completed_as_of_the_same_time_where_it_reopens(bench: Make) -> None:
    from core.errors import BrokenObject

    b = bench(table("a"), table("b"), consistency=Consistency.TASK, on_error=OnError.CONTINUE, reopens=True)
    cut(b, "TABLE:b 0:", BrokenObject("Broken."))
    assert b.failed() == "incomplete"
    mend(b)
    b.database.things[ObjectRef(ObjectType.TABLE, "b")].rows.append((b"99", b"late"))
    assert b.good().complete
    assert b"late" not in b.files()["TABLE/b.csv"]


def test_a_definition_that_changed_between_attempts_begins_the_object_anew(bench: Make) -> None:
    b = bench(table("a", 10), reopens=True)
    cut(b, "TABLE:a 4:8")
    b.run()
    mend(b)
    b.database.things[A].create = ("CREATE TABLE a (new)",)
    b.good()
    assert b.database.asked("read") == ["TABLE:a 0:4", "TABLE:a 4:8", "TABLE:a 8:"]


def test_files_that_somebody_took_away_are_made_again(bench: Make) -> None:
    b = bench(table("a", 3), table("b", 3))
    cut(b, "TABLE:b all")
    b.run()
    (work,) = b.beside
    (b.output.parent / work / "TABLE" / "a.csv").write_bytes(b"short")
    mend(b)
    b.good()
    assert sorted(b.database.asked("read")) == ["TABLE:a all", "TABLE:b all"]


def test_statements_of_so_many_rows_make_the_same_file(bench: Make, tmp_path: Path) -> None:
    """Also where nothing could be gone on from: the point in time is one session's."""
    whole = bench(table("a", 10), output=tmp_path / "out" / "w", reopens=False)
    whole.good()
    b = bench(table("a", 10), reopens=False, load=LoadSettings(statement_rows=3))
    b.good()
    assert b.database.asked("read") == ["TABLE:a 0:3", "TABLE:a 3:6", "TABLE:a 6:9", "TABLE:a 9:"]
    assert b.database.asked("begin") == [""]
    assert b.files() == whole.files()
