"""Objects of several files: limits, parts with files of their own, what a second attempt does with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import ConnectionLost, StatementFailed
from core.model.file_settings import Empty, FileSettings
from core.model.format_settings import Compression
from core.model.settings import CsvSettings
from core.model.task import Snapshot
from core.model.vocabulary import Consistency, Encoding, Format, ObjectStatus, OnError, Unencodable
from core.pipeline.verify import verify, verify_against_source
from tests.pipeline.conftest import Bench
from tests.pipeline.scripted import Thing, table, view
from tests.pipeline.test_resume import cut, mend

Make = Callable[..., Bench]
MANY = FileSettings(single=False)


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.pipeline.plan.ROWS_PER_PART", 4)
    monkeypatch.setattr("core.pipeline.cutting.ROWS_PER_FILE", 4)


def data(b: Bench) -> dict[str, bytes]:
    return {name: content for name, content in b.files().items() if not name.endswith("-schema.sql")}


def against_source(b: Bench) -> None:
    assert verify(b.output).ok
    with b.database.source().connect() as session:
        report = verify_against_source(b.output, session)
    assert report.ok, report.problems


def test_a_limit_of_rows_is_exact(bench: Make) -> None:
    b = bench(table("a", 10), table("b", 3), table("c", 0), files=FileSettings(max_records=3))
    manifest = b.good()
    assert {name: len(content.splitlines()) - 1 for name, content in data(b).items()} == {
        "TABLE/a-00001.csv": 3,
        "TABLE/a-00002.csv": 3,
        "TABLE/a-00003.csv": 3,
        "TABLE/a-00004.csv": 1,
        "TABLE/b-00001.csv": 3,
        "TABLE/c-00001.csv": 0,
    }
    assert [entry.part for entry in manifest.files if entry.object == "TABLE:a" and entry.part] == [
        1,
        2,
        3,
        4,
    ]
    assert manifest.objects[0].rows == 10
    against_source(b)


@pytest.mark.parametrize("compression", list(Compression))
def test_a_limit_of_bytes_counts_before_compression(bench: Make, compression: Compression) -> None:
    # 8 bytes of header, 6 of each row.
    b = bench(table("a", 10), files=FileSettings(max_size=26), compression=compression)
    manifest = b.good()
    assert [e.rows for e in manifest.files if e.kind == "data"] == [3, 3, 3, 1]
    against_source(b)


def test_limits_cut_sql_where_statements_stay_whole_and_load_in_order(bench: Make) -> None:
    b = bench(table("a", 5), table("b", 2), files=FileSettings(max_records=2), format=Format.SQL)
    manifest = b.good()
    assert data(b)["TABLE/a-00003.sql"].count(b"INSERT") == 1
    rows = [path for path in manifest.load if "schema" not in path]
    assert rows == [f"TABLE/a-{n:05}.sql" for n in (1, 2, 3)] + ["TABLE/b-00001.sql"]
    assert [line for line in data(b)["load.sql"].decode().splitlines() if "a-0" in line] == [
        f".read TABLE/a-{n:05}.sql" for n in (1, 2, 3)
    ]
    against_source(b)


def test_many_files_are_parts_one_for_each(bench: Make) -> None:
    b = bench(table("a", 10), table("b", 2), view("v", "a"), files=MANY)
    manifest = b.good()
    assert {name: len(content.splitlines()) - 1 for name, content in data(b).items()} == {
        "TABLE/a-00001.csv": 4,
        "TABLE/a-00002.csv": 4,
        "TABLE/a-00003.csv": 2,
        "TABLE/b-00001.csv": 2,
        "VIEW/v-00001.csv": 2,
    }
    assert manifest.objects[0].parts == (4, 4, 2)
    # As of one point in time, by one session: nothing else could be had.
    assert b.database.asked("begin") == ["", "", ""]
    item = b.journal.objects()[0]
    assert (item.processed_rows, item.total_rows, item.data_status) == (10, 10, ObjectStatus.SUCCESS)
    assert "reading TABLE:a: 2 of 3 parts done" in b.journal.stages
    assert [rows for number, rows, _ in b.journal.progressed if number == 0] == [2, 4, 6, 8, 10]
    against_source(b)


def test_limits_cut_parts_too(bench: Make) -> None:
    b = bench(table("a", 9), files=FileSettings(single=False, max_size=26))
    b.good()
    assert {name: len(content.splitlines()) - 1 for name, content in data(b).items()} == {
        "TABLE/a-00001.0001.csv": 3,
        "TABLE/a-00001.0002.csv": 1,
        "TABLE/a-00002.0001.csv": 3,
        "TABLE/a-00002.0002.csv": 1,
        "TABLE/a-00003.0001.csv": 1,
    }
    against_source(b)


def test_parts_fill_whole_files_where_rows_are_limited(bench: Make) -> None:
    b = bench(table("a", 10), files=FileSettings(single=False, max_records=3))
    manifest = b.good()
    assert [e.rows for e in manifest.files if e.kind == "data"] == [3, 3, 3, 1]
    assert manifest.objects[0].parts == (3, 3, 3, 1)


@pytest.mark.parametrize("single", [True, False])
def test_a_table_without_rows(bench: Make, tmp_path: Path, single: bool) -> None:
    b = bench(table("c", 0), files=FileSettings(single=single, max_records=5))
    b.good()
    (name,) = data(b)
    assert data(b)[name] == b"id,note\n"
    against_source(b)
    none = bench(
        table("c", 0),
        files=FileSettings(single=single, empty=Empty.NONE),
        output=tmp_path / "out" / "none",
    )
    manifest = none.good()
    assert data(none) == {}
    assert manifest.objects[0].rows == 0
    against_source(none)
    none.database.things[manifest.objects[0].ref].rows.append((b"1", b"new"))
    with none.database.source().connect() as session:
        (verdict,) = verify_against_source(none.output, session).verdicts
    assert "0 rows were written, 1 are read" in verdict.words


def test_an_empty_part_leaves_no_file(bench: Make) -> None:
    """With a time for each part, rows may go between the plan and the reading."""
    b = bench(table("a", 10), files=MANY, consistency=Consistency.PART)
    a = next(iter(b.database.things.values()))

    def hook(step: str, about: str) -> None:
        if (step, about) == ("read", "TABLE:a 0:4"):
            del a.rows[4:]

    b.database.hook = hook
    manifest = b.good()
    assert list(data(b)) == ["TABLE/a-00001.csv"]
    assert manifest.objects[0].parts == (4, 0, 0)


@pytest.mark.parametrize("reopens", [True, False])
def test_parts_that_are_done_are_not_read_again(bench: Make, tmp_path: Path, *, reopens: bool) -> None:
    how = Consistency.OBJECT if reopens else Consistency.PART
    whole = bench(table("a", 12), output=tmp_path / "out" / "w", files=MANY, consistency=how, reopens=reopens)
    whole.good()
    b = bench(table("a", 12), files=MANY, consistency=how, reopens=reopens)
    cut(b, "TABLE:a 4:8")
    error = b.run().error
    assert error is not None
    assert error.transient
    assert [part.files for part in b.journal.objects()[0].parts] == [1, None, None]
    mend(b)
    manifest = b.good()
    assert b.database.asked("read") == ["TABLE:a 4:8", "TABLE:a 8:"]
    assert b.database.asked("split") == []
    assert data(b) == data(whole)
    assert manifest.objects[0].parts == (4, 4, 4)


def test_a_part_whose_file_is_gone_is_read_again(bench: Make) -> None:
    b = bench(table("a", 12), files=MANY, consistency=Consistency.PART)
    cut(b, "TABLE:a 8:")
    b.run()
    mend(b)
    (work,) = [p for p in b.output.parent.iterdir() if p.name.startswith(".partial")]
    (work / "TABLE" / "a-00001.csv").write_bytes(b"shorter")
    b.good()
    assert b.database.asked("read") == ["TABLE:a 0:4", "TABLE:a 8:"]
    against_source(b)


def test_one_point_in_time_that_is_gone_takes_the_parts_with_it(bench: Make) -> None:
    b = bench(table("a", 12), files=MANY)
    cut(b, "TABLE:a 8:")
    b.run()
    mend(b)
    b.good()
    assert b.database.asked("read") == ["TABLE:a 0:4", "TABLE:a 4:8", "TABLE:a 8:"]


@pytest.mark.parametrize("at", ["0:4", "4:8", "8:12", "12:"])
@pytest.mark.parametrize("form", [Format.CSV, Format.SQL])
def test_files_of_a_limit_go_on_after_a_part(bench: Make, tmp_path: Path, at: str, form: Format) -> None:
    """The limit (5 rows) and the parts (4 rows) end in different places."""
    files = FileSettings(max_records=5)
    whole = bench(table("a", 14), output=tmp_path / "out" / "w", reopens=True, files=files, format=form)
    whole.good()
    b = bench(table("a", 14), reopens=True, files=files, format=form)
    cut(b, f"TABLE:a {at}")
    b.run()
    mend(b)
    b.good()
    assert b.database.asked("read")[0] == f"TABLE:a {at}"
    assert data(b) == data(whole)


def test_a_finished_file_that_is_gone_begins_the_object_anew(bench: Make) -> None:
    b = bench(table("a", 14), reopens=True, files=FileSettings(max_records=5))
    cut(b, "TABLE:a 12:")
    b.run()
    mend(b)
    (work,) = [p for p in b.output.parent.iterdir() if p.name.startswith(".partial")]
    (work / "TABLE" / "a-00001.csv").unlink()
    b.good()
    assert b.database.asked("read")[0] == "TABLE:a 0:4"
    against_source(b)


@pytest.mark.parametrize(
    "files", [MANY, FileSettings(max_records=2), FileSettings(single=False, max_size=26)]
)
def test_what_fails_leaves_nothing(bench: Make, files: FileSettings) -> None:
    b = bench(table("a", 9), table("b", 2), files=files, on_error=OnError.CONTINUE)
    there: list[str] = []

    def hook(step: str, about: str) -> None:
        if step == "read" and about in ("TABLE:a 8:", "TABLE:a all"):
            raise StatementFailed("It is broken.")
        if step == "read" and "TABLE:b" in about:
            (work,) = [p for p in b.output.parent.iterdir() if p.name.startswith(".partial")]
            there.extend(p.name for p in (work / "TABLE").iterdir() if p.suffix == ".csv")

    b.database.hook = hook
    error = b.run().error
    assert error is not None
    assert error.code == "incomplete"
    assert [name for name in there if name.startswith("a")] == []
    assert all("a-" not in name for name in data(b))


@pytest.mark.parametrize("files", [MANY, FileSettings(max_records=2), FileSettings()])
def test_what_policies_did_is_told_once_for_all_files(bench: Make, files: FileSettings) -> None:
    rows = [(str(n).encode(), "é".encode()) for n in range(10)]
    thing: Thing = table("a")
    thing.rows = rows  # type: ignore[assignment]
    b = bench(
        thing,
        files=files,
        encoding=Encoding.ASCII,
        on_unencodable=Unencodable.REPLACE,
        consistency=Consistency.PART,
    )
    cut(b, "TABLE:a 4:8", step="last")
    b.run()
    mend(b)
    manifest = b.good()
    assert manifest.objects[0].warnings == ("Column note: 10 characters that ASCII lacks were written as ?.",)


def test_the_connection_lost_for_good_is_the_objects_failure(bench: Make) -> None:
    b = bench(table("a", 9), files=MANY)
    cut(b, "TABLE:a 4:8", ConnectionLost("Cut."))
    b.run()
    item = b.journal.objects()[0]
    assert (item.data_status, item.processed_rows) == (ObjectStatus.FAILURE, 4)
    assert isinstance(item.snapshot, Snapshot)


def test_a_task_of_one_point_in_time_begins_once(bench: Make) -> None:
    b = bench(
        table("a", 9), table("b", 5), files=MANY, consistency=Consistency.TASK, csv=CsvSettings(header=False)
    )
    b.good()
    assert b.database.asked("begin") == [""]
    assert len(data(b)) == 5
