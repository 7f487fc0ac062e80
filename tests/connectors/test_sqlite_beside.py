"""Large tables read by two processes: the same files as by one, whatever is in them and whatever happens."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.base import CHUNK_BYTES, ReadRequest, TableShape
from connectors.sources.sqlite import beside, companion, reading
from connectors.sources.sqlite import session as sessions
from connectors.sources.sqlite.session import SqliteSession
from core import formats
from core.chunk import Chunk
from core.errors import ConnectionLost
from core.model.settings import ExportSettings
from core.model.task import PartPlan
from core.model.vocabulary import Format, ObjectRef
from tests.connectors.sqlite_helpers import WHOLE, make, source, table, view, writer

FORMATS = (Format.CSV, Format.SQL, Format.JSONL, Format.PARQUET, Format.ARROW)


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other process takes over behind the first row, and is waited for."""
    monkeypatch.setattr(sessions, "LARGE_ROWS", 0)
    monkeypatch.setattr(beside, "PATIENCE", 60.0)
    monkeypatch.setattr(beside, "WAIT_SECONDS", 60.0)
    monkeypatch.setattr(reading, "FETCH_BYTES", 4096)


class Counted:
    """How many rows came from the other process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rows = 0
        rows = companion.Companion.rows

        def counting(*given: object, **named: object) -> Iterator[object]:
            for number, content in rows(*given, **named):  # type: ignore[arg-type]
                self.rows += number
                yield number, content

        monkeypatch.setattr(companion.Companion, "rows", counting)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(monkeypatch)


def file_of(
    session: SqliteSession, ref: ObjectRef, form: Format, part: PartPlan = WHOLE, chunk_bytes: int = 1
) -> bytes:
    """The bytes of an export of one table, but for what a part has around it."""
    wanted = ExportSettings(connection="file", format=form, objects=(str(ref),))
    shape = session.describe("main", ref)
    session.begin()
    try:
        if not form.is_text:
            shape = session.settle("main", shape)
        request = ReadRequest("main", shape, part, chunk_bytes=chunk_bytes)
        encoder = formats.open_encoder(wanted, session.dialect, "main", shape)
        rows: Iterator[Chunk] = session.read(request) if form.is_text else session.read_typed(request)
        pieces = [encoder.begin()]
        for chunk in rows:
            pieces += map(bytes, encoder.encode(chunk))
        return b"".join([*pieces, encoder.flush(), encoder.end()])
    finally:
        session.end()


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """By the session itself, as if every table were small."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sessions, "LARGE_ROWS", 1 << 62)
        patch.setattr(reading, "FETCH_BYTES", 32 << 20)
        yield


def assert_same(
    session: SqliteSession, ref: ObjectRef, *, forms: tuple[Format, ...] = FORMATS, part: PartPlan = WHOLE
) -> None:
    for form in forms:
        found = file_of(session, ref, form, part)
        with alone():
            assert found == file_of(session, ref, form, part, CHUNK_BYTES), form


TEXTS = st.text(alphabet=st.sampled_from("a\"',\n\r\t\\\0 é猫🚢;N"), max_size=6) | st.sampled_from(
    ["NULL", "\\N", "\ufeff", "1.0", "-0", "1e999", " x "]
)
REALS = st.floats(allow_nan=False) | st.sampled_from(
    [0.0, -0.0, 1e15, 1e16, 1e17, 123456789012345680.0, 5e-324, math.inf, -math.inf, 0.1, 1e-5, 1e-4, 100.0]
)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
BLOBS = st.binary(max_size=6)
ANY = TEXTS | REALS | INTEGERS | BLOBS
BY_TYPE: dict[str, st.SearchStrategy[object]] = {
    "INTEGER": INTEGERS,
    "REAL": REALS,
    "TEXT": TEXTS,
    "BLOB": BLOBS,
    "NUMERIC": REALS,
    "DATETIME": TEXTS,
    "ANY": TEXTS,
}


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[tuple[object, ...]]]:
    """Declared types, and rows of which most fit; often uniform, sometimes with one value that isn't."""
    declared = draw(st.lists(st.sampled_from(["", "DECIMAL(9,2)", *BY_TYPE]), min_size=1, max_size=4))
    columns = [
        BY_TYPE[kind] if kind in BY_TYPE else draw(st.sampled_from([*BY_TYPE.values(), ANY]))
        for kind in declared
    ]
    row = st.tuples(*(column | st.none() for column in columns))
    rows = draw(st.lists(row, min_size=2, max_size=30))
    if draw(st.booleans()):
        at = draw(st.integers(0, len(rows) - 1))
        column = draw(st.integers(0, len(declared) - 1))
        odd = list(rows[at])
        odd[column] = draw(ANY)
        rows[at] = tuple(odd)
    return declared, rows


def test_whatever_is_in_a_table_both_ways_make_the_same_files(
    tmp_path: Path, eager: None, counted: Counted
) -> None:
    path = make(tmp_path / "f.db", "CREATE TABLE other(x)")
    with source(path).connect() as session, writer(path) as other:

        @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
        @given(tables(), st.sampled_from(FORMATS))
        def compare(found: tuple[list[str], list[tuple[object, ...]]], form: Format) -> None:
            declared, rows = found
            columns = ", ".join(f"c{number} {kind}" for number, kind in enumerate(declared))
            other.execute("DROP TABLE IF EXISTS t")
            other.execute(f"CREATE TABLE t({columns})")
            other.execute("BEGIN")
            other.executemany(f"INSERT INTO t VALUES({','.join('?' * len(declared))})", rows)
            other.execute("COMMIT")
            assert_same(session, table("t"), forms=(form,))

        compare()
    assert counted.rows


HOSTILE = (
    "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, x REAL, s TEXT, b BLOB, d DATE, any_,"
    " g TEXT AS (s || '!') STORED, later TEXT DEFAULT 'é''', empty TEXT)"
)


def hostile_rows(count: int) -> Iterator[tuple[object, ...]]:
    texts = ['"', "a,b", "line\nbreak", "nul\0inside", "", "NULL", "\\N", "é猫🚢", " x ", "\ufeff", "';--"]
    reals = [0.1, -0.0, 1e16, 1e15, 123456789012345680.0, 5e-324, math.inf, -math.inf, 7.0, -1.5e-7]
    for i in range(count):
        yield (
            i,
            None if i % 7 == 3 else (-1) ** i * (2**63 - 1 - i),
            None if i % 11 == 4 else reals[i % len(reals)],
            None if i % 5 == 4 else texts[i % len(texts)],
            None if i % 6 == 5 else bytes([i % 256, 0, 255]) * (i % 4),
            f"2024-01-{i % 28 + 1:02}",
            b"" if i % 2 else None,
        )


INSERT = "INSERT INTO t (id, n, x, s, b, d, any_) VALUES (?,?,?,?,?,?,?)"


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_all_of_a_uniform_table_comes_from_the_other_process(
    tmp_path: Path, eager: None, counted: Counted, journal: str
) -> None:
    rows = {INSERT: [*hostile_rows(600)]}
    path = make(tmp_path / "a file?#%.db", f"PRAGMA journal_mode={journal};{HOSTILE}", rows)
    with source(path).connect() as session:
        assert_same(session, table("t"))
        assert counted.rows >= 4 * 590
        with writer(path) as other:  # bytes that are no UTF-8
            other.execute("UPDATE t SET s = CAST(X'FF00FE' AS TEXT) WHERE id = 500")
        assert_same(session, table("t"), forms=(Format.SQL,))


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("CREATE TABLE t (a INTEGER, b TEXT AS (a * 1.1) VIRTUAL)", "made when it is read"),
        ("PRAGMA encoding='UTF-16'; CREATE TABLE t (a INTEGER, b TEXT AS ('x') STORED)", "UTF-16"),
        ("CREATE TABLE t (a INTEGER, b REAL DEFAULT 0.1)", "may be read differently"),
        ("CREATE TABLE t (a INTEGER, b REAL DEFAULT '0.1')", "may be read differently"),
    ],
)
def test_what_another_library_may_read_differently_is_read_by_the_session(
    tmp_path: Path, eager: None, counted: Counted, monkeypatch: pytest.MonkeyPatch, script: str, why: str
) -> None:
    said: list[str] = []
    monkeypatch.setattr(beside.log, "debug", lambda text, *given: said.append(text % given))
    path = make(tmp_path / "f.db", script, {"INSERT INTO t (a) VALUES (?)": [(i,) for i in range(20)]})
    with source(path).connect() as session:
        assert_same(session, table("t"), forms=(Format.CSV, Format.PARQUET))
    assert counted.rows == 0
    assert any("read by one process" in words and why in words for words in said)


def test_views_conditions_and_keys_of_any_type(tmp_path: Path, eager: None, counted: Counted) -> None:
    path = make(
        tmp_path / "f.db",
        "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT); CREATE INDEX covering ON t (b); CREATE VIEW v AS SELECT * FROM t;"
        "CREATE TABLE k (x REAL, y TEXT, PRIMARY KEY (x, y)) WITHOUT ROWID;"
        "CREATE TABLE other_order (x TEXT COLLATE NOCASE PRIMARY KEY) WITHOUT ROWID;",
        {
            "INSERT INTO t VALUES (?,?)": [(i, str(i)) for i in range(50)],
            "INSERT INTO k VALUES (?,?)": [(i / 10, str(i)) for i in range(50)],
            "INSERT INTO other_order VALUES (?)": [(c,) for c in "bCaDeFgHiJ"],
        },
    )
    with source(path).connect() as session:
        assert_same(session, view("v"), forms=(Format.CSV, Format.PARQUET))
        key = session.split("main", session.describe("main", table("k")), 20)
        assert len(key) == 3
        for part in key:
            assert_same(session, table("k"), forms=(Format.CSV,), part=part)
        assert counted.rows == 0
        assert_same(session, table("k"), forms=(Format.CSV,))
        assert counted.rows > 40
        counted.rows = 0
        assert_same(session, table("other_order"), forms=(Format.CSV,))
        assert counted.rows
        counted.rows = 0
        assert_same(session, table("t"), forms=(Format.CSV, Format.ARROW))
        assert counted.rows > 80
        counted.rows = 0
        for part in session.split("main", session.describe("main", table("t")), 20):
            assert_same(session, table("t"), forms=(Format.CSV,), part=part)
        assert counted.rows > 40


def test_one_value_of_another_type_far_behind(tmp_path: Path, eager: None, counted: Counted) -> None:
    path = make(tmp_path / "f.db", HOSTILE, {INSERT: [*hostile_rows(1_500)]})
    with writer(path) as other, source(path).connect() as session:
        other.execute("UPDATE t SET any_ = X'01' WHERE id = 0")
        other.execute("CREATE TABLE before AS SELECT id, n, x, s, b, d, any_ FROM t WHERE id = 1400")
        for odd in ("n = 'text'", "n = 1.5", "s = X'00'", "b = 'text'", "any_ = 7", "d = 1", "x = 'text'"):
            other.execute(f"UPDATE t SET {odd} WHERE id = 1400")
            counted.rows = 0
            found = file_of(session, table("t"), Format.SQL, chunk_bytes=4_000)
            assert 1_300 < counted.rows < 1_400, odd
            parquet = file_of(session, table("t"), Format.PARQUET, chunk_bytes=4_000)
            with alone():
                assert found == file_of(session, table("t"), Format.SQL, chunk_bytes=CHUNK_BYTES)
                assert parquet == file_of(session, table("t"), Format.PARQUET, chunk_bytes=CHUNK_BYTES)
            column = odd.partition(" ")[0]
            other.execute(f"UPDATE t SET {column} = (SELECT {column} FROM before) WHERE id = 1400")


@pytest.mark.parametrize("value", ["7", "1.5", "'text'", "X'00'", "''", "X''"])
def test_the_first_value_that_it_reads_does_not_say_what_the_others_are(
    tmp_path: Path, eager: None, counted: Counted, value: str
) -> None:
    path = make(tmp_path / "f.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, i, x, s, b)")
    with writer(path) as other, source(path).connect() as session:
        other.executemany("INSERT INTO t VALUES (?, 1, 0.5, 's', x'01')", ((i,) for i in range(40)))
        taken = len(next(reading_of(session, session.describe("main", table("t")), 1)))
        for column in "ixsb":
            other.execute(f"UPDATE t SET {column} = {value} WHERE id = ?", (taken,))
            assert_same(session, table("t"), forms=(Format.SQL, Format.PARQUET))
            other.execute(f"UPDATE t SET {column} = (SELECT {column} FROM t WHERE id = 0) WHERE id = {taken}")
    assert counted.rows


def test_without_memory_that_both_see_frames_go_through_the_pipe(
    tmp_path: Path, eager: None, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "memfd_create")
    path = make(tmp_path / "f.db", HOSTILE, {INSERT: [*hostile_rows(600)]})
    with source(path).connect() as session:
        assert_same(session, table("t"))
    assert counted.rows >= 4 * 590


def numbers(path: Path, count: int, journal: str = "delete") -> Path:
    return make(
        path,
        f"PRAGMA journal_mode={journal}; CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT)",
        {"INSERT INTO t VALUES (?,?)": [(i, f"row {i}") for i in range(count)]},
    )


def reading_of(session: SqliteSession, shape: TableShape, chunk_bytes: int = 1_000) -> Iterator[list[int]]:
    """The ids of each chunk."""
    for chunk in session.read(ReadRequest("main", shape, WHOLE, chunk_bytes=chunk_bytes)):
        yield [int(chunk.value(row, 0) or b"") for row in range(chunk.rows)]


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_killed_in_the_middle_no_row_is_lost_or_doubled(
    tmp_path: Path, eager: None, counted: Counted
) -> None:
    path = numbers(tmp_path / "f.db", 5_000)
    with source(path).connect() as session:
        for _ in range(3):  # lost twice, it isn't started again
            rows = reading_of(session, session.describe("main", table("t")))
            ids = next(rows) + next(rows)
            if (pid := session._beside.pid) is not None:
                os.kill(pid, signal.SIGKILL)
            for more in rows:
                ids += more
            assert ids == [*range(5_000)]
        assert session._beside.pid is None
    assert 0 < counted.rows < 5_000


def test_an_abort_ends_it_at_once(tmp_path: Path, eager: None) -> None:
    path = numbers(tmp_path / "f.db", 5_000)
    with source(path).connect() as session:
        shape = session.describe("main", table("t"))
        rows = reading_of(session, shape)
        next(rows), next(rows)
        pid = session._beside.pid
        assert pid is not None
        asked = threading.Thread(target=session.cancel)
        asked.start()
        asked.join()
        with pytest.raises(ConnectionLost, match="interrupted"):
            for _ in rows:
                pass
        assert gone(pid)
        # What comes next isn't concerned.
        assert sum(map(len, reading_of(session, shape))) == 5_000
        session.cancel()
        assert sum(map(len, reading_of(session, shape))) == 5_000
        last = session._beside.pid
        assert last is not None
    assert gone(last)


def test_a_reader_that_is_given_up_lets_go(tmp_path: Path, eager: None) -> None:
    path = numbers(tmp_path / "f.db", 5_000)
    with source(path).connect() as session, writer(path) as other:
        shape = session.describe("main", table("t"))
        session.begin()
        rows = reading_of(session, shape)
        next(rows), next(rows)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("DELETE FROM t")
        rows.close()  # type: ignore[attr-defined]
        session.end()
        other.execute("DELETE FROM t WHERE id >= 100")
        assert [i for ids in reading_of(session, shape) for i in ids] == [*range(100)]
        # Both have let go of the file when the transaction has ended.
        session.begin()
        assert sum(map(len, reading_of(session, shape))) == 100
        session.end()
        other.execute("DELETE FROM t")


@pytest.mark.parametrize("commits", [1, 1_000])
def test_commits_while_a_transaction_begins(
    tmp_path: Path, eager: None, counted: Counted, monkeypatch: pytest.MonkeyPatch, commits: int
) -> None:
    """Between the session's beginning and the other's: it begins anew, or reads by itself."""
    path = numbers(tmp_path / "f.db", 5_000, "wal")
    monkeypatch.setattr(beside, "LARGE_FILE", 0)
    begin = companion.Companion.begin
    with source(path).connect() as session, writer(path) as other:
        done = 0

        def racing(self: companion.Companion) -> None:
            nonlocal done
            if done < commits:
                done += 1
                other.execute("INSERT INTO t VALUES (?, 'new')", (10_000 + done,))
            begin(self)

        monkeypatch.setattr(companion.Companion, "begin", racing)
        shape = session.describe("main", table("t"))
        session.begin()
        seen = session._driver.execute("SELECT count(*) FROM t").fetchone()[0]
        other.execute("INSERT INTO t VALUES (99999, 'later')")
        ids = [i for chunk in reading_of(session, shape) for i in chunk]
        session.end()
    assert len(ids) == seen
    assert 99_999 not in ids
    assert done == min(commits, sessions.TRIES)
    assert seen == 5_000 + done - (done > 1)
    assert (counted.rows > 4_000) == (commits == 1)


def test_commits_before_it_is_there_in_a_small_file(tmp_path: Path, eager: None, counted: Counted) -> None:
    path = numbers(tmp_path / "f.db", 5_000, "wal")
    with source(path).connect() as session, writer(path) as other:
        shape = session.describe("main", table("t"))
        session.begin()
        other.execute("DELETE FROM t WHERE id > 10")
        assert sum(map(len, reading_of(session, shape))) == 5_000
        assert counted.rows == 0
        session.end()
        assert sum(map(len, reading_of(session, shape))) == 11


def test_large_values_among_small_ones(tmp_path: Path, eager: None, counted: Counted) -> None:
    path = make(tmp_path / "f.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, b BLOB, s TEXT)")
    with writer(path) as other:
        other.execute("BEGIN")
        other.executemany("INSERT INTO t VALUES (?,?,?)", ((i, b"x", "y") for i in range(3_000)))
        other.execute("UPDATE t SET b = zeroblob(64 << 20) WHERE id = 2000")
        other.execute("UPDATE t SET s = hex(zeroblob(1 << 20)) WHERE id = 2900")
        other.execute("COMMIT")
    with source(path).connect() as session:
        shape = session.describe("main", table("t"))
        sizes = [
            (
                int(chunk.value(row, 0) or b""),
                len(chunk.value(row, 1) or b""),
                len(chunk.value(row, 2) or b""),
            )
            for chunk in session.read(ReadRequest("main", shape, WHOLE, chunk_bytes=1))
            for row in range(chunk.rows)
        ]
    assert [row for row, *_ in sizes] == [*range(3_000)]
    assert [size for size in sizes if size[1:] != (1, 1)] == [(2000, 64 << 20, 1), (2900, 1, 2 << 20)]
    assert counted.rows > 1_900


_READER = """
import sys, time
from pathlib import Path
from connectors.base import ReadRequest
from connectors.sources.sqlite import beside, reading, session as sessions
from tests.connectors.sqlite_helpers import WHOLE, source, table
sessions.LARGE_ROWS, beside.PATIENCE, reading.FETCH_BYTES = 0, 60, 4096
session = source(Path(sys.argv[1])).connect()
rows = session.read(ReadRequest("main", session.describe("main", table("t")), WHOLE, chunk_bytes=1000))
next(rows), next(rows)
print(session._beside.pid, flush=True)
time.sleep(300)
"""


def test_it_ends_with_who_started_it(tmp_path: Path) -> None:
    path = numbers(tmp_path / "f.db", 200_000)
    child = subprocess.Popen([sys.executable, "-c", _READER, path], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    pid = int(child.stdout.readline())
    assert not gone(pid)
    held = {str(place.readlink()) for place in Path(f"/proc/{pid}/fd").iterdir()}
    others = ("/dev/null", "/memfd:offramp (deleted)")
    assert {name for name in held if name.startswith("/") and name not in others} <= {str(path)}
    assert str(path) not in Path(f"/proc/{pid}/cmdline").read_text()
    os.kill(pid, signal.SIGTERM)  # an abort's: it is its parent's to end it
    child.kill()
    child.wait()
    child.stdout.close()
    until = time.monotonic() + 60
    while not gone(pid):
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.parametrize("odd", [250, 1_399, None])
def test_both_look_for_a_value_of_another_type(
    tmp_path: Path, eager: None, monkeypatch: pytest.MonkeyPatch, odd: int | None
) -> None:
    """Before a file with types is begun: each looks at a share."""
    looked = []
    look = companion.Companion.look

    def looking(self: companion.Companion, statement: str) -> None:
        looked.append(statement)
        look(self, statement)

    monkeypatch.setattr(companion.Companion, "look", looking)
    path = make(tmp_path / "f.db", HOSTILE, {INSERT: [*hostile_rows(1_400)]})
    with writer(path) as other, source(path).connect() as session:
        other.execute("UPDATE t SET any_ = X'01' WHERE id = 0")
        other.execute("UPDATE t SET n = 'text' WHERE id = ?", (odd,))
        session.begin()
        shape = session.settle("main", session.describe("main", table("t")))
        session.end()
        assert len(looked) == 1
        assert any("several types" in words for words in shape.warnings) == (odd is not None)
        with alone():
            session.begin()
            assert session.settle("main", session.describe("main", table("t"))) == shape
            session.end()
        assert len(looked) == 1


def test_a_file_that_becomes_wal_while_a_transaction_begins(
    tmp_path: Path, eager: None, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = numbers(tmp_path / "f.db", 3_000)
    before, begin = beside.Beside.before, companion.Companion.begin
    with source(path).connect() as session, writer(path) as other:

        def switching(self: beside.Beside) -> None:
            before(self)
            other.execute("PRAGMA journal_mode=wal")

        def late(self: companion.Companion) -> None:
            other.execute("DELETE FROM t WHERE id > 10")
            begin(self)

        shape = session.describe("main", table("t"))
        monkeypatch.setattr(beside.Beside, "before", switching)
        monkeypatch.setattr(companion.Companion, "begin", late)
        assert [i for ids in reading_of(session, shape) for i in ids] == [*range(3_000)]
    assert counted.rows == 0
