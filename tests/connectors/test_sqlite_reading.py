"""Rows to chunks: sizes, memory, order, and reads that are ended from outside."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from connectors.sources.sqlite import reading
from core.errors import ConnectionLost, SchemaChanged, ValueTooLarge
from tests.connectors.sqlite_helpers import cells, chunks, make, read_all, source, table, view, writer


def long_ago_and_large(path: Path, large: int, place: int = 3_000, rows: int = 6_000) -> Path:
    """Tiny rows with one large value among them."""
    with writer(path) as connection:
        connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, a, b TEXT)")
        connection.execute("BEGIN")
        values = ((i, i % 7, "x" * large if i == place else f"row {i}") for i in range(rows))
        connection.executemany("INSERT INTO t VALUES(?,?,?)", values)
        connection.execute("COMMIT")
    return path


@pytest.mark.parametrize("large", [10, 2_000, 70_000, 3_000_000])
@pytest.mark.parametrize("huge", [reading.HUGE_BYTES, 1_000_000])
def test_no_row_is_lost_or_doubled_around_a_large_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: int, huge: int
) -> None:
    monkeypatch.setattr(reading, "HUGE_BYTES", huge)
    path = long_ago_and_large(tmp_path / "f.db", large)
    with source(path).connect() as session:
        shape = session.describe("main", table("t"))
        found = list(chunks(session, shape, chunk_bytes=100_000))
    keys = [int(c.value(r, 0) or b"") for c in found for r in range(c.rows)]
    assert keys == list(range(6_000))
    sizes = [c.value(r, 2) for c in found for r in range(c.rows)]
    assert len(sizes[3_000] or b"") == large
    assert sizes[2_999] == b"row 2999"
    assert sizes[3_001] == b"row 3001"


def test_a_read_without_a_snapshot_sees_one_state_too(tmp_path: Path) -> None:
    """The second statement, after a large value, must not see what was written since the first."""
    path = long_ago_and_large(make(tmp_path / "f.db", "PRAGMA journal_mode=wal"), 500_000)
    with source(path).connect() as session, writer(path) as other:
        shape = session.describe("main", table("t"))
        reader = chunks(session, shape, chunk_bytes=1_000)
        rows = next(reader).rows
        other.execute("DELETE FROM t WHERE id < 1000")
        rows += sum(c.rows for c in reader)
        assert rows == 6_000
        assert sum(c.rows for c in chunks(session, shape)) == 5_000


def test_chunks_are_about_as_large_as_asked(tmp_path: Path) -> None:
    path = long_ago_and_large(tmp_path / "f.db", 10, rows=60_000)
    with source(path).connect() as session:
        shape = session.describe("main", table("t"))
        sizes = [int(c.ends[-1, -1]) for c in chunks(session, shape, chunk_bytes=100_000)]
    assert len(sizes) > 3
    assert all(30_000 < size < 200_000 for size in sizes[:-1])


def test_a_large_row_makes_a_chunk_of_its_own(tmp_path: Path) -> None:
    path = long_ago_and_large(tmp_path / "f.db", 5_000_000, place=100, rows=200)
    with source(path).connect() as session:
        shape = session.describe("main", table("t"))
        assert [c.rows for c in chunks(session, shape)] == [100, 1, 99]


def test_rows_behind_one_another_that_are_huge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "HUGE_BYTES", 2_000_000)
    with writer(tmp_path / "f.db") as connection:
        connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, b)")
        sizes = [5, 2_500_000, 2_500_000, 5, 5, 1_500_000, 2_500_000]
        connection.executemany("INSERT INTO t VALUES(?, ?)", enumerate("x" * size for size in sizes))
        connection.commit()
    with source(tmp_path / "f.db").connect() as session:
        shape = session.describe("main", table("t"))
        found = [
            (c.value(r, 0), len(c.value(r, 1) or b"")) for c in chunks(session, shape) for r in range(c.rows)
        ]
    assert found == [(b"%d" % number, size) for number, size in enumerate(sizes)]


_MEMORY = """
import resource, sys
from pathlib import Path
from tests.connectors.sqlite_helpers import chunks, source, table, view
with source(Path(sys.argv[1])).connect() as session:
    shape = session.describe("main", table(sys.argv[2]))
    for chunk in chunks(session, shape):
        assert chunk.rows
        before = None
        break
    del chunk
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows = 0
    for chunk in chunks(session, shape):
        rows += chunk.rows
        del chunk
print(rows, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) << 10)
"""


@pytest.mark.parametrize(("rows", "large", "size"), [(5_000, 6, 16 << 20), (200_000, 1, 64 << 20)])
def test_memory_is_bounded_by_bytes(tmp_path: Path, rows: int, large: int, size: int) -> None:
    """Large values in a row after many tiny ones: at most what one fetch may hold and three times the row."""
    path = tmp_path / "f.db"
    with writer(path) as connection:
        connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, b BLOB)")
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO t VALUES(?, 'x')", ((i,) for i in range(rows)))
        connection.executemany(
            "INSERT INTO t VALUES(?, zeroblob(?))", ((rows + i, size) for i in range(large))
        )
        connection.execute("COMMIT")
    done = subprocess.run(
        [sys.executable, "-P", "-c", _MEMORY, str(path), "t"],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "MALLOC_ARENA_MAX": "1"},
    )  # fmt: skip
    count, grown = map(int, done.stdout.split())
    assert count == rows + large
    assert grown <= 3 * size + reading.FETCH_BYTES, f"{grown / 2**20:.0f} MiB"


def test_a_row_that_no_chunk_can_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "CHUNK_LIMIT", 4_000_000)
    path = long_ago_and_large(tmp_path / "f.db", 5_000_000, place=1, rows=3)
    with source(path).connect() as session:
        shape = session.describe("main", table("t"))
        with pytest.raises(ValueTooLarge, match="past the limit"):
            list(chunks(session, shape))


def test_views_without_an_order_are_read_once(tmp_path: Path) -> None:
    path = long_ago_and_large(tmp_path / "f.db", 100_000)
    make(path, "CREATE VIEW v AS SELECT id, b FROM t ORDER BY random()")
    with source(path).connect() as session:
        shape = session.describe("main", view("v"))
        keys = sorted(int(c.value(r, 0) or b"") for c in chunks(session, shape) for r in range(c.rows))
    assert keys == list(range(6_000))


def test_rows_come_in_key_order_even_beside_a_covering_index(tmp_path: Path) -> None:
    path = make(
        tmp_path / "f.db",
        "CREATE TABLE t(a, b); CREATE INDEX covering ON t(b, a);"
        "CREATE TABLE w(a TEXT, b INT, PRIMARY KEY(b, a)) WITHOUT ROWID;",
        {
            "INSERT INTO t VALUES(?,?)": [(i, -i) for i in range(100)],
            "INSERT INTO w VALUES(?,?)": [(f"k{i:03}", i % 3) for i in range(100)],
        },
    )
    with source(path).connect() as session:
        shape = session.describe("main", table("t"))
        rows = [row for c in chunks(session, shape) for row in cells(c, shape)]
        assert [int(a[1]) for a, _ in rows if a] == list(range(100))
        keys = [(int(b[1]), a[1]) for a, b in read_all(session, table("w")) if a and b]
    assert keys == sorted(keys)
    assert len(keys) == 100


def test_nothing_at_all(tmp_path: Path) -> None:
    path = make(tmp_path / "f.db", "CREATE TABLE t(a, b TEXT)")
    with source(path).connect() as session:
        shape = session.describe("main", table("t"))
        assert shape.rows == 0
        assert list(chunks(session, shape)) == []


def test_1017_columns(tmp_path: Path) -> None:
    names = [f"c{i}" for i in range(1017)]
    path = make(tmp_path / "f.db", f"CREATE TABLE t({', '.join(names)})")
    with writer(path) as connection:
        places = ",".join("?" * 1017)
        connection.execute("BEGIN")
        connection.executemany(
            f"INSERT INTO t VALUES({places})", ([r * i for i in range(1017)] for r in range(300))
        )
        connection.execute("COMMIT")
    with source(path).connect() as session:
        rows = read_all(session, table("t"))
    assert len(rows) == 300
    assert all(int(cell[1]) == r * i for r, row in enumerate(rows) for i, cell in enumerate(row) if cell)


def test_cancel_from_another_thread_ends_a_long_statement(tmp_path: Path) -> None:
    path = make(
        tmp_path / "f.db",
        "CREATE VIEW endless AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
        " SELECT max(i) AS most FROM n",
    )
    with source(path).connect() as session:
        shape = session.describe("main", view("endless"))
        timer = threading.Timer(0.3, session.cancel)
        timer.start()
        began = time.monotonic()
        with pytest.raises(ConnectionLost, match="interrupted"):
            list(chunks(session, shape))
        assert time.monotonic() - began < 5
        timer.join()
        session.cancel()  # nothing runs: nothing happens
        assert session.databases() == ["main"]
        assert session.objects("main")


def test_cancel_between_two_chunks(tmp_path: Path) -> None:
    path = long_ago_and_large(tmp_path / "f.db", 10, rows=60_000)
    with source(path).connect() as session:
        session.begin()
        reader = chunks(session, session.describe("main", table("t")), chunk_bytes=10_000)
        next(reader)
        session.cancel()
        with pytest.raises(ConnectionLost):
            for _ in reader:
                pass
        session.end()


def test_a_read_that_is_left_lets_go_of_the_file(tmp_path: Path) -> None:
    path = long_ago_and_large(tmp_path / "f.db", 10, rows=60_000)
    with source(path).connect() as session:
        reader = chunks(session, session.describe("main", table("t")), chunk_bytes=10_000)
        next(reader)
        reader.close()
        with writer(path) as other:
            other.execute("DELETE FROM t")


def test_what_has_changed_since_it_was_described(tmp_path: Path) -> None:
    """A quoted name that isn't there must not come back as text."""
    path = make(tmp_path / "f.db", "CREATE TABLE t(a, gone); INSERT INTO t VALUES(1, 2)")
    with source(path).connect() as session:
        shape = session.describe("main", table("t"))
        with writer(path) as other:
            other.execute("ALTER TABLE t DROP COLUMN gone")
        with pytest.raises(SchemaChanged, match="gone"):
            list(chunks(session, shape))
        with writer(path) as other:
            other.execute("ALTER TABLE t RENAME TO u")
        with pytest.raises(SchemaChanged, match="TABLE:t"):
            list(chunks(session, shape))
