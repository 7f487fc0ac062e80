"""Getting in, one point in time beside a writer, parts, and what goes wrong."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from connectors.base import Credentials
from connectors.sources.sqlite import SqliteSource
from connectors.sources.sqlite.opening import uri
from core.errors import (
    ConnectError,
    ConnectionLost,
    NotFound,
    SnapshotGone,
    SourceError,
    StatementFailed,
    Unreachable,
    Unsupported,
)
from core.model.connection import Connection
from core.model.settings import SysAccount
from core.model.vocabulary import Consistency, Lock, Mode
from tests.connectors.sqlite_helpers import chunks, make, read_all, source, table, writer

PATHS = [
    "plain.db", "what?.db", "a#b.db", "100%.db", "%41.db", "it's \"x\".db", "a b.db", "é中.db", "a&mode=rwc.db",
    "new\nline.db", "semi;colon.db", "-dash.db", ":memory:", "a\\b.db", "?mode=rwc", "\udcff.db",
]  # fmt: skip


def numbers(path: Path, mode: str = "delete", rows: int = 1000) -> Path:
    return make(
        path,
        f"PRAGMA journal_mode={mode}; CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)",
        {"INSERT INTO t VALUES(?, 'first')": [(i,) for i in range(rows)]},
    )


@pytest.mark.parametrize("name", PATHS)
def test_hostile_paths(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    numbers(tmp_path / "made.db").rename(path)
    assert uri(path).endswith("?mode=ro")
    with source(path).connect() as session:
        assert len(read_all(session, table("t"))) == 1000
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", PATHS)
def test_a_missing_file_is_not_made(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConnectError, match="does not exist") as caught:
        source(tmp_path / name).connect()
    assert not caught.value.transient
    assert list(tmp_path.iterdir()) == []


def test_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers(tmp_path / "f.db")
    monkeypatch.chdir(tmp_path)
    with source(Path("f.db")).connect() as session:
        monkeypatch.chdir("/")
        session.begin()
        assert len(read_all(session, table("t"))) == 1000


def test_nothing_can_be_written(tmp_path: Path) -> None:
    path = numbers(tmp_path / "f.db")
    before = path.read_bytes()
    with source(path).connect() as session:
        for statement in ("DELETE FROM t", "CREATE TABLE u(a)", "PRAGMA user_version = 7", "VACUUM"):
            with pytest.raises(SourceError):
                session._ask.rows(statement, about="a test")
        read_all(session, table("t"))
    assert path.read_bytes() == before


def test_what_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text(
        "this is no database, but long enough to have a header of 100 bytes" * 20
    )
    (tmp_path / "encrypted.db").write_bytes(os.urandom(8192))
    for name in ("text.db", "encrypted.db"):
        with pytest.raises(Unsupported, match="not a SQLite database"):
            source(tmp_path / name).connect()
    with pytest.raises(ConnectError, match="is a directory"):
        source(tmp_path).connect()
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(ConnectError, match="not a regular file"):
        source(tmp_path / "fifo").connect()
    with pytest.raises(ConnectError, match="does not exist"):
        source(tmp_path / "text.db" / "below").connect()


def test_a_library_that_is_too_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 26, 0))
    with pytest.raises(Unsupported, match="too old"):
        source(numbers(tmp_path / "f.db")).connect()


def test_an_empty_file_is_an_empty_database(tmp_path: Path) -> None:
    (tmp_path / "f.db").touch()
    with source(tmp_path / "f.db").connect() as session:
        assert session.objects("main") == []


def test_a_damaged_schema_and_damaged_rows(tmp_path: Path) -> None:
    path = numbers(tmp_path / "f.db", rows=50_000)
    good = bytearray(path.read_bytes())
    schema, rows = good[:], good[:]
    schema[100:300] = b"\xff" * 200
    rows[4096 * 60 : 4096 * 61] = b"\xee" * 4096
    (tmp_path / "schema.db").write_bytes(schema)
    (tmp_path / "rows.db").write_bytes(rows)
    with pytest.raises(ConnectError, match="damaged"):
        source(tmp_path / "schema.db").connect()
    with source(tmp_path / "rows.db").connect() as session:
        shape = session.describe("main", table("t"))
        with pytest.raises(StatementFailed, match="damaged"):
            list(chunks(session, shape))


_AS_NOBODY = """
import os, sys
from pathlib import Path
from tests.connectors.sqlite_helpers import source
from core.errors import OfframpError
os.setgid(65534)
os.setuid(65534)
try:
    with source(Path(sys.argv[1])).connect() as session:
        print("in", len(session.objects("main")))
except OfframpError as error:
    print(type(error).__name__, error)
"""


def as_nobody(path: Path) -> str:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-P", "-c", _AS_NOBODY, str(path)],
        capture_output=True, text=True, check=True, cwd=root, env={"PYTHONPATH": str(root)},
    )  # fmt: skip
    return done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user to be refused")
def test_files_that_one_may_not_read(tmp_path: Path) -> None:
    for part in (tmp_path, *tmp_path.parents):
        if part.stat().st_mode & 0o005 != 0o005 and str(part).startswith("/tmp/"):
            part.chmod(0o755)
    path = numbers(tmp_path / "f.db")
    wal = numbers(tmp_path / "wal.db", "wal")
    path.chmod(0o644)
    wal.chmod(0o644)
    assert as_nobody(path) == "in 1\n"
    # In WAL mode SQLite makes files beside the database, which this user may not.
    assert "LoginRefused" in (answer := as_nobody(wal))
    assert "WAL mode" in answer
    path.chmod(0o600)
    assert "LoginRefused" in (answer := as_nobody(path))
    assert "may not be read" in answer
    (tmp_path / "closed").mkdir(mode=0o700)
    assert "LoginRefused" in as_nobody(tmp_path / "closed" / "f.db")


@pytest.mark.parametrize("mode", ["delete", "truncate", "wal"])
def test_one_point_in_time_beside_a_writer(tmp_path: Path, mode: str) -> None:
    path = numbers(tmp_path / "f.db", mode, rows=30_000)
    with source(path).connect() as session, writer(path) as other:
        shape = session.describe("main", table("t"))
        first = session.begin()
        assert first.id
        assert not first.reopens
        reader = chunks(session, shape, chunk_bytes=10_000)
        begun = next(reader)
        other.execute("PRAGMA busy_timeout = 100")
        if mode == "wal":
            other.execute("UPDATE t SET v = 'second'")
            other.execute("DELETE FROM t WHERE id < 20000")
            other.execute("CREATE TABLE later(a)")
        else:
            # The writer waits for us: that is what a rollback journal costs, and is said beforehand.
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("UPDATE t SET v = 'second'")
        rest = list(reader)
        assert begun.rows + sum(c.rows for c in rest) == 30_000
        assert {c.value(r, 1) for c in rest for r in range(c.rows)} == {b"first"}
        # Another read in the same transaction, after the writer has committed, sees the same.
        assert sum(c.rows for c in chunks(session, shape)) == 30_000
        assert [i.ref.name for i in session.objects("main")] == ["t"]
        session.end()
        if mode != "wal":
            other.execute("UPDATE t SET v = 'second'")
            other.execute("DELETE FROM t WHERE id < 20000")
        second = session.begin()
        assert second.id != first.id
        assert sum(c.rows for c in chunks(session, shape)) == 10_000
        with pytest.raises(SnapshotGone):
            session.begin(reopen=first)
        session.end()
        session.end()


def test_the_snapshots_id_stays_where_nothing_was_written(tmp_path: Path) -> None:
    path = numbers(tmp_path / "f.db")
    with source(path).connect() as session:
        first = session.begin()
        assert session.begin().id == first.id
        session.end()


def test_consistency_costs_what_it_says(tmp_path: Path) -> None:
    with source(numbers(tmp_path / "f.db")).connect() as session:
        for consistency in Consistency:
            (words,) = session.check_consistency(consistency, Lock.NEVER, True)
            assert "wait while each" in words
        assert session.check_consistency(Consistency.TASK, Lock.NEVER, False) == []
        assert session.snapshot_life() is None
    with source(numbers(tmp_path / "wal.db", "wal")).connect() as session:
        assert session.check_consistency(Consistency.TASK, Lock.NEVER, True) == []


def test_a_lock_that_does_not_go_is_transient(tmp_path: Path) -> None:
    path = numbers(tmp_path / "f.db")
    with source(path).connect() as session, writer(path) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(ConnectionLost, match="locked") as caught:
            session.begin()
        assert caught.value.transient
        with pytest.raises(Unreachable, match="locked"):
            source(path).connect()
        other.execute("ROLLBACK")
        session.begin()
        session.end()


def test_an_unfinished_transaction_of_a_dead_program(tmp_path: Path) -> None:
    """A hot journal can only be rolled back by who may write."""
    path = numbers(tmp_path / "f.db", rows=30_000)
    with writer(path) as other:
        other.execute("PRAGMA cache_size = 5")
        other.execute("BEGIN")
        other.execute("UPDATE t SET v = 'half'")
        dead = tmp_path / "dead.db"
        dead.write_bytes(path.read_bytes())
        (tmp_path / "dead.db-journal").write_bytes((tmp_path / "f.db-journal").read_bytes())
    with pytest.raises(ConnectError, match="unfinished transaction"):
        source(dead).connect()
    with writer(dead) as other:
        other.execute("SELECT count(*) FROM t").fetchone()
    with source(dead).connect() as session:
        assert {row[1] and row[1][1] for row in read_all(session, table("t"))} == {b"first"}


def key_sums(path: Path, rows_per_part: int, statement: str, name: str = "t") -> tuple[int, list[int]]:
    """Reads all parts; checks that they hold every row once; how many parts, and the rows of each."""
    with source(path).connect() as session, writer(path) as other:
        shape = session.describe("main", table(name))
        parts = session.split("main", shape, rows_per_part)
        assert [part.number for part in parts] == list(range(len(parts)))
        session.begin()
        rows = [
            [
                tuple(c.value(r, i) for i in range(c.columns))
                for c in chunks(session, shape, p)
                for r in range(c.rows)
            ]
            for p in parts
        ]
        session.end()
        other.text_factory = bytes
        expected = other.execute(statement).fetchall()
    together = [row for part in rows for row in part]
    assert sorted(together) == sorted(
        tuple(v if isinstance(v, bytes) else str(v).encode() for v in r) for r in expected
    )
    assert all(part.rows in (None, len(found)) for part, found in zip(parts, rows, strict=True))
    return len(parts), [len(part) for part in rows]


def test_parts_by_rowid(tmp_path: Path) -> None:
    path = make(
        tmp_path / "f.db",
        "CREATE TABLE sparse(id INTEGER PRIMARY KEY); CREATE TABLE t(a); CREATE TABLE empty(a);"
        "CREATE TABLE taken(rowid, _rowid_ TEXT, oid)",
        {
            "INSERT INTO sparse VALUES(?)": [
                (v,) for v in (-(2**63), -5, 0, 1, 2, 3, 10**12, 2**63 - 2, 2**63 - 1)
            ],
            "INSERT INTO t VALUES(?)": [("same",)] * 1003,
            "INSERT INTO taken VALUES(?, ?, 1)": [("x", "y")] * 10,
        },
    )
    assert key_sums(path, 2, "SELECT * FROM sparse", "sparse") == (5, [2, 2, 2, 2, 1])
    assert key_sums(path, 250, "SELECT * FROM t") == (5, [250, 250, 250, 250, 3])
    assert key_sums(path, 1003, "SELECT * FROM t") == (1, [1003])
    assert key_sums(path, 1, "SELECT * FROM empty", "empty") == (1, [0])
    with source(path).connect() as session:
        assert len(session.split("main", session.describe("main", table("taken")), 1)) == 1
        assert len(read_all(session, table("taken"))) == 10
        labels = [p.label for p in session.split("main", session.describe("main", table("t")), 600)]
    assert labels == ["rowid from the first to before 601", "rowid from 601"]


def test_the_number_of_parts_is_bounded(tmp_path: Path) -> None:
    path = numbers(tmp_path / "f.db", rows=5_000)
    count, rows = key_sums(path, 1, "SELECT * FROM t")
    assert (count, set(rows)) == (1000, {5})


@pytest.mark.parametrize(
    "key",
    ["k TEXT, n INT, PRIMARY KEY(k, n)", "k TEXT COLLATE NOCASE, n, PRIMARY KEY(n, k)", "k, n, PRIMARY KEY(k DESC, n DESC)"],
)  # fmt: skip
def test_parts_by_the_key_of_a_table_without_rowid(tmp_path: Path, key: str) -> None:
    texts = ["a", "B", "b'", "C", "é", "zz", "", " ", "10", "9", "1e3"]
    path = make(
        tmp_path / "f.db",
        f"CREATE TABLE t({key}) WITHOUT ROWID",
        {"INSERT INTO t VALUES(?,?)": [(text, number) for text in texts for number in range(-3, 9)]},
    )
    count, rows = key_sums(path, 10, "SELECT * FROM t")
    assert count == 14
    assert sum(rows) == len(texts) * 12


def test_keys_that_cannot_be_cut_stay_whole(tmp_path: Path) -> None:
    path = make(
        tmp_path / "f.db",
        "CREATE TABLE mixed(k TEXT, n INT, PRIMARY KEY(k, n DESC)) WITHOUT ROWID;"
        "CREATE TABLE t(k, PRIMARY KEY(k COLLATE NOCASE)) WITHOUT ROWID;"
        "CREATE TABLE nul(k TEXT PRIMARY KEY) WITHOUT ROWID",
        {
            "INSERT INTO mixed VALUES(?, ?)": [("a", i) for i in range(20)],
            "INSERT INTO t VALUES(?)": [("a",), ("B",), ("c",), ("D",), (b"x",), (3,)],
            "INSERT INTO nul VALUES(?)": [(f"k\0{i}",) for i in range(9)],
        },
    )
    assert key_sums(path, 5, "SELECT * FROM mixed", "mixed")[0] == 1
    assert key_sums(path, 2, "SELECT * FROM t")[0] == 1
    assert key_sums(path, 2, "SELECT * FROM nul", "nul") == (1, [9])


def test_parts_over_keys_of_every_storage_class(tmp_path: Path) -> None:
    keys: list[object] = [
        -(2**63),
        -1,
        0,
        5,
        2**63 - 1,
        -1.5,
        1e300,
        float("inf"),
        "",
        "5",
        "a'b",
        b"",
        b"\x00",
        b"z",
    ]
    path = make(
        tmp_path / "f.db",
        "CREATE TABLE t(k PRIMARY KEY, v) WITHOUT ROWID",
        {"INSERT INTO t VALUES(?, 'x')": [(key,) for key in keys]},
    )
    with source(path).connect() as session:
        shape = session.describe("main", table("t"))
        parts = session.split("main", shape, 1)
        counts = [sum(c.rows for c in chunks(session, shape, part)) for part in parts]
    assert counts == [1] * len(keys)


def test_no_other_database(tmp_path: Path) -> None:
    with source(numbers(tmp_path / "f.db")).connect() as session:
        assert session.databases() == ["main"]
        with pytest.raises(NotFound, match="'other'"):
            session.describe("other", table("t"))


def test_the_connection_test(tmp_path: Path) -> None:
    steps = list(source(numbers(tmp_path / "f.db")).test())
    assert [(s.name, s.ok) for s in steps] == [
        ("file", True), ("open", True), ("version", True), ("rights", True), ("snapshot", True),
    ]  # fmt: skip
    assert "wait" in steps[-1].detail
    assert [(s.name, s.ok) for s in source(tmp_path / "gone").test()] == [("file", False)]
    (tmp_path / "no.db").write_text("no database" * 100)
    assert [(s.name, s.ok) for s in source(tmp_path / "no.db").test()] == [("file", True), ("open", False)]


def test_a_sys_account_is_for_oceanbase(tmp_path: Path) -> None:
    connection = Connection(name="file", mode=Mode.SQLITE, path=str(tmp_path / "f.db"))
    (step,) = SqliteSource(
        connection, Credentials(), sys_account=SysAccount(account="root")
    ).test_sys_account()
    assert not step.ok
    assert "OceanBase" in step.detail
