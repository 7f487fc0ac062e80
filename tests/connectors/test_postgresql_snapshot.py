"""Points in time of PostgreSQL, and parts along a key as the server itself compares it."""

from __future__ import annotations

import msgspec
import pytest

from connectors.sources.postgresql.session import PostgresqlSession
from core.errors import ConnectionLost, SchemaChanged, SnapshotUnavailable
from core.model.task import Snapshot
from core.model.vocabulary import Consistency, Lock, ObjectRef, ObjectType
from tests.connectors.postgresql_helpers import read_rows, session_of, table
from tests.servers.postgresql import PostgresqlServer

pytestmark = pytest.mark.postgresql


@pytest.fixture
def database(postgresql: PostgresqlServer) -> str:
    name = postgresql.new_database()
    postgresql.run(
        "CREATE TABLE t (id int PRIMARY KEY, x text)",
        "INSERT INTO t SELECT i, 'old' FROM generate_series(1, 100) i",
        database=name,
    )
    return name


def test_rows_are_as_of_the_point_in_time(postgresql: PostgresqlServer, database: str) -> None:
    with session_of(postgresql, database) as session:
        shape = session.describe("public", table("t"))
        snapshot = session.begin()
        postgresql.run(
            "UPDATE t SET x = 'new'", "DELETE FROM t WHERE id > 50", "INSERT INTO t VALUES (1000, 'new')",
            "VACUUM t", database=database,
        )  # fmt: skip
        assert {row[1] for row in read_rows(session, shape)} == {b"old"}
        assert len(read_rows(session, shape)) == 100
        # No lock is held between two reads.
        postgresql.run("SET lock_timeout = '5s'", "ALTER TABLE t ADD COLUMN y int", database=database)
        session.end()
        assert not snapshot.reopens
        with pytest.raises(ConnectionLost, match="held the point in time"):
            session.begin(snapshot)
        with pytest.raises(SnapshotUnavailable):
            session.begin(Snapshot(id="1:1:", taken_at=snapshot.taken_at, reopens=False))
        session.begin()
        assert len(read_rows(session, session.describe("public", table("t")))) == 51
        session.end()


def test_other_sessions_join_the_point_in_time(postgresql: PostgresqlServer, database: str) -> None:
    with session_of(postgresql, database) as first, session_of(postgresql, database) as second:
        snapshot = first.begin()
        assert snapshot.joins
        postgresql.run("DELETE FROM t WHERE id > 50", "CREATE TABLE u (x int)", database=database)
        assert second.begin(snapshot) == snapshot
        shape = second.describe("public", table("t"))
        assert len(read_rows(second, shape)) == 100
        # What was joined lives on by itself, whatever becomes of the first.
        first.end()
        assert len(read_rows(second, shape)) == 100
        with session_of(postgresql, database) as late, pytest.raises(ConnectionLost):
            late.begin(snapshot)
        postgresql.run("TRUNCATE t", database=database)
        with pytest.raises(SchemaChanged):
            read_rows(second, shape)
        second.end()


def test_another_snapshot_of_the_same_name_is_not_joined(postgresql: PostgresqlServer, database: str) -> None:
    with session_of(postgresql, database) as first, session_of(postgresql, database) as second:
        snapshot = first.begin()
        postgresql.run("INSERT INTO t VALUES (2000, 'new')", database=database)
        other = msgspec.structs.replace(snapshot, id="1:1:")
        with pytest.raises(ConnectionLost):
            second.begin(other)
        assert len(read_rows(second, second.describe("public", table("t")))) == 101


@pytest.mark.parametrize(
    "change",
    [
        "TRUNCATE t",
        "ALTER TABLE t ALTER x TYPE varchar(7)",
        "ALTER TABLE t ALTER id TYPE bigint",
        "DROP TABLE t",
        "ALTER TABLE t RENAME TO u; CREATE TABLE t (id int, x text)",
        "ALTER TABLE t RENAME TO u; CREATE VIEW t AS SELECT 1 AS id, 'mine' AS x",
    ],
)
def test_what_is_rewritten_or_replaced_meanwhile_is_not_read(
    postgresql: PostgresqlServer, database: str, change: str
) -> None:
    with session_of(postgresql, database) as session:
        shape = session.describe("public", table("t"))
        session.begin()
        postgresql.run(*change.split("; "), database=database)
        if change.endswith("varchar(7)"):
            # Text becomes varchar with a new file: the old rows would be gone.
            assert postgresql.run("SELECT count(*) FROM t", database=database) == [(100,)]
        with pytest.raises(SchemaChanged):
            read_rows(session, shape)
        session.end()


def test_partitions_that_come_or_go_meanwhile_are_noticed(postgresql: PostgresqlServer) -> None:
    name = postgresql.new_database()
    postgresql.run(
        "CREATE TABLE p (id int) PARTITION BY LIST (id)", "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)",
        "CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2)", "INSERT INTO p VALUES (1), (2)",
        "CREATE TABLE p3 AS SELECT 3 AS id", database=name,
    )  # fmt: skip
    for change in (
        "ALTER TABLE p ATTACH PARTITION p3 FOR VALUES IN (3)",
        "ALTER TABLE p DETACH PARTITION p3",
        "TRUNCATE p2",
    ):
        with session_of(postgresql, name) as session:
            shape = session.describe("public", table("p"))
            session.begin()
            before = read_rows(session, shape)
            postgresql.run(change, database=name)
            with pytest.raises(SchemaChanged, match="p has been"):
                read_rows(session, shape)
            assert before


def test_a_materialized_view_that_is_refreshed_meanwhile_is_noticed(
    postgresql: PostgresqlServer, database: str
) -> None:
    postgresql.run("CREATE MATERIALIZED VIEW m AS SELECT * FROM t", database=database)
    with session_of(postgresql, database) as session:
        shape = session.describe("public", ObjectRef(ObjectType.MATERIALIZED_VIEW, "m"))
        session.begin()
        assert len(read_rows(session, shape)) == 100
        postgresql.run("REFRESH MATERIALIZED VIEW m", database=database)
        with pytest.raises(SchemaChanged):
            read_rows(session, shape)


def test_what_a_consistency_costs_is_said(postgresql: PostgresqlServer, database: str) -> None:
    with session_of(postgresql, database) as session:
        assert "VACUUM" in session.check_consistency(Consistency.TASK, Lock.NEVER, True)[0]
        assert session.check_consistency(Consistency.TASK, Lock.NEVER, False) == []
        assert "isn't needed" in session.check_consistency(Consistency.OBJECT, Lock.BRIEF, True)[0]
        assert session.snapshot_life() is None


# Parts

KEYS = {
    "int": ("id int PRIMARY KEY", "SELECT i * 37 % 1009 FROM generate_series(1, 1000) i"),
    "text": (
        "id text COLLATE \"und-x-icu\" PRIMARY KEY",
        "SELECT chr(97 + i % 26) || chr(65 + i % 23) || i || E'''\\\\' FROM generate_series(1, 1000) i",
    ),
    "char": ("id char(8) PRIMARY KEY", "SELECT 'a ' || i FROM generate_series(1, 1000) i"),
    "uuid": ("id uuid PRIMARY KEY", "SELECT md5(i::text)::uuid FROM generate_series(1, 1000) i"),
    "numeric": ("id numeric PRIMARY KEY", "SELECT i / 7.0 FROM generate_series(1, 999) i UNION SELECT 'NaN'"),
    "float": ("id float8 PRIMARY KEY", "SELECT i / 7.0 FROM generate_series(1, 999) i UNION SELECT 'Infinity'"),
    "timestamptz": (
        "id timestamptz PRIMARY KEY",
        "SELECT '2021-10-31'::timestamptz + i * interval '7 min' FROM generate_series(1, 999) i UNION SELECT '-infinity'",
    ),
    "bytea": ("id bytea PRIMARY KEY", "SELECT decode(md5(i::text), 'hex') FROM generate_series(1, 1000) i"),
    "inet": ("id inet PRIMARY KEY", "SELECT '10.0.0.0'::inet + i FROM generate_series(1, 1000) i"),
    "composite": (
        "id int, more varchar(20), flag boolean, PRIMARY KEY (id, more, flag)",
        "SELECT i % 3, 'x' || i % 200, i % 2 = 0 FROM generate_series(1, 1200) i ON CONFLICT DO NOTHING",
    ),
    "domain": ("id small PRIMARY KEY", "SELECT i FROM generate_series(1, 1000) i"),
    "enum": ("id grade, n int, PRIMARY KEY (id, n)", "SELECT 'z'::grade, i FROM generate_series(1, 1000) i"),
    "partitioned": ("id int PRIMARY KEY) PARTITION BY HASH (id", "SELECT i FROM generate_series(1, 1000) i"),
}  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
def test_every_row_is_in_one_part(postgresql: PostgresqlServer, key: str) -> None:
    columns, rows = KEYS[key]
    name = postgresql.new_database()
    postgresql.run(
        "CREATE DOMAIN small AS int CHECK (VALUE < 5000)", "CREATE TYPE grade AS ENUM ('z', 'a')",
        f'CREATE TABLE "odd "" name" ({columns})',
        *[f'CREATE TABLE part{n} PARTITION OF "odd "" name" FOR VALUES WITH (MODULUS 2, REMAINDER {n})'
          for n in range(2) if key == "partitioned"],
        f'INSERT INTO "odd "" name" {rows}', database=name,
    )  # fmt: skip
    with session_of(postgresql, name) as session:
        shape = session.describe("public", table('odd " name'))
        whole = read_rows(session, shape)
        parts = session.split("public", shape, 150)
        assert len(parts) >= len(whole) // 150
        found = [read_rows(session, shape, part) for part in parts]
        assert sorted(row for part in found for row in part) == sorted(whole)
        # Each but the last is what was asked for.
        assert {len(part) for part in found[:-1]} == {150}
        assert uses_index(session, parts[1].condition or "")


def uses_index(session: PostgresqlSession, condition: str) -> bool:
    """Whether a large table would be found by its key: sequential scans are only forbidden."""
    with session._link.letting_go():
        session._link.execute("SET LOCAL enable_seqscan = off")
        plan = session._link.rows(f'EXPLAIN SELECT * FROM public."odd "" name" WHERE {condition}')
    text = "\n".join(line for (line,) in plan)
    return "Index Cond" in text and "Filter" not in text


def test_what_can_not_be_cut_is_whole(postgresql: PostgresqlServer) -> None:
    name = postgresql.new_database()
    postgresql.run(
        "CREATE EXTENSION citext",
        # Without a search path, its comparison isn't found, but that of text, whose order is another.
        "CREATE TABLE words (id citext PRIMARY KEY)", "INSERT INTO words SELECT chr(65 + i % 58) || i FROM generate_series(1, 500) i",
        "CREATE TABLE patterns (id text NOT NULL)", "CREATE UNIQUE INDEX ON patterns (id text_pattern_ops)",
        "INSERT INTO patterns SELECT i FROM generate_series(1, 500) i",
        "CREATE TABLE keyless (id int)", "INSERT INTO keyless SELECT i FROM generate_series(1, 500) i",
        database=name,
    )  # fmt: skip
    with session_of(postgresql, name) as session:
        for each, key in (("words", ("id",)), ("patterns", ("id",)), ("keyless", ())):
            shape = session.describe("public", table(each))
            assert shape.key == key
            (part,) = session.split("public", shape, 100)
            assert part.condition is None
            assert len(read_rows(session, shape, part)) == 500


def test_parts_are_whole_while_rows_come_and_go(postgresql: PostgresqlServer, database: str) -> None:
    with session_of(postgresql, database) as session:
        shape = session.describe("public", table("t"))
        parts = session.split("public", shape, 20)
        postgresql.run(
            "INSERT INTO t VALUES (-5, ''), (5000, '')",
            "DELETE FROM t WHERE id IN (20, 40)",
            database=database,
        )
        ids = [int(row[0] or 0) for part in parts for row in read_rows(session, shape, part)]
    assert sorted(ids) == sorted({-5, 5000, *range(1, 101)} - {20, 40})
