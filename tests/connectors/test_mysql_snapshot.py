"""Points in time, metadata locks, and what happens when they are gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pymysql
import pytest

from connectors.base import Sharing
from core.errors import ConnectionLost, SchemaChanged, SnapshotGone, SnapshotUnavailable
from core.model.task import Snapshot
from core.model.vocabulary import Consistency, Lock, ObjectRef, ObjectType
from tests.connectors.mysql_helpers import read_rows, request, session_of, table
from tests.servers.family import MysqlFamilyServer
from tests.servers.mariadb import MariadbServer
from tests.servers.oceanbase import OceanbaseServer


@pytest.fixture
def database(mysql_family: MysqlFamilyServer) -> str:
    name = mysql_family.new_database()
    mysql_family.run(
        "CREATE TABLE t (a int PRIMARY KEY)",
        "CREATE TABLE u (a int PRIMARY KEY)",
        "CREATE VIEW v AS SELECT a FROM t",
        "INSERT INTO t VALUES (1), (2)",
        "INSERT INTO u VALUES (1)",
        database=name,
    )
    return name


def test_all_reads_see_one_point_in_time(mysql_family: MysqlFamilyServer, database: str) -> None:
    view = ObjectRef(ObjectType.VIEW, "v")
    with session_of(mysql_family) as session:
        t, u = (session.describe(database, table(n)) for n in "tu")
        seen = session.describe(database, view)
        snapshot = session.begin()
        assert snapshot.reopens is (mysql_family.product == "oceanbase")
        assert read_rows(session, database, t) == [(b"1",), (b"2",)]
        mysql_family.run("INSERT INTO t VALUES (3)", "DELETE FROM u", database=database)
        assert read_rows(session, database, u) == [(b"1",)]
        assert read_rows(session, database, t) == [(b"1",), (b"2",)]
        assert sorted(read_rows(session, database, seen)) == [(b"1",), (b"2",)]
        session.end()
        assert read_rows(session, database, u) == []
        session.begin()
        assert len(read_rows(session, database, t)) == 3
        session.end()


def test_reads_without_a_point_in_time_see_what_is_there(
    mysql_family: MysqlFamilyServer, database: str
) -> None:
    with session_of(mysql_family) as session:
        t = session.describe(database, table("t"))
        assert len(read_rows(session, database, t)) == 2
        mysql_family.run("INSERT INTO t VALUES (3)", database=database)
        assert len(read_rows(session, database, t)) == 3


@pytest.mark.oceanbase
def test_a_point_in_time_is_reopened_by_another_session(oceanbase: OceanbaseServer) -> None:
    database = oceanbase.new_database()
    oceanbase.run("CREATE TABLE t (a int PRIMARY KEY)", "INSERT INTO t VALUES (1)", database=database)
    with session_of(oceanbase) as session:
        snapshot = session.begin()
    oceanbase.run("INSERT INTO t VALUES (2)", database=database)
    with session_of(oceanbase) as session:
        assert session.begin(snapshot) == snapshot
        assert read_rows(session, database, session.describe(database, table("t"))) == [(b"1",)]
        assert session.split(database, session.describe(database, table("t")), 1)[0].condition is not None
        life = session.snapshot_life()
        assert life is not None
        assert life >= 60


@pytest.mark.oceanbase
def test_a_point_in_time_that_is_gone(oceanbase: OceanbaseServer) -> None:
    """Whether it is older than what is kept, or older than the table."""
    database = oceanbase.new_database()
    oceanbase.run("CREATE TABLE t (a int PRIMARY KEY)", "INSERT INTO t VALUES (1)", database=database)
    with session_of(oceanbase) as session:
        shape = session.describe(database, table("t"))
        snapshot = session.begin()
        session.begin(Snapshot(id="1", taken_at=snapshot.taken_at, reopens=True))
        with pytest.raises((SnapshotGone, SchemaChanged)):
            read_rows(session, database, shape)
        oceanbase.run("TRUNCATE TABLE t", database=database)
        session.begin(snapshot)
        with pytest.raises(SchemaChanged):
            read_rows(session, database, shape)


@pytest.mark.mariadb
def test_mariadb_does_not_go_back(mariadb: MariadbServer) -> None:
    with session_of(mariadb) as session:
        snapshot = session.begin()
        assert snapshot.id is None  # its binary log is off
        session.end()
        with pytest.raises(SnapshotUnavailable):
            session.begin(snapshot)
        assert session.snapshot_life() is None


@pytest.fixture(scope="module")
def logging_mariadb() -> Iterator[MariadbServer]:
    server = MariadbServer("--log-bin=binlog", "--server-id=1", "--gtid-strict-mode=ON")
    yield server
    server.close()


@pytest.mark.mariadb
def test_the_binary_logs_position_names_the_point_in_time(logging_mariadb: MariadbServer) -> None:
    database = logging_mariadb.new_database()
    logging_mariadb.run("CREATE TABLE t (a int) ENGINE=InnoDB", "INSERT INTO t VALUES (1)", database=database)
    with session_of(logging_mariadb) as session:
        first, again = session.begin().id, session.begin().id
        assert first == again
        assert first is not None
        assert first.startswith("binlog.00000")
        assert " gtid 0-1-" in first
        logging_mariadb.run("INSERT INTO t VALUES (2)", database=database)
        assert session.begin().id != first


@pytest.mark.mariadb
def test_metadata_locks_are_let_go_after_each_object(mariadb: MariadbServer) -> None:
    database = mariadb.new_database()
    mariadb.run(
        "CREATE TABLE t (a int PRIMARY KEY)",
        "CREATE TABLE u (a int PRIMARY KEY)",
        "INSERT INTO t VALUES (1)",
        database=database,
    )
    with session_of(mariadb) as session:
        t, u = (session.describe(database, table(n)) for n in "tu")
        session.begin()
        assert len(read_rows(session, database, t)) == 1
        began = time.monotonic()
        mariadb.run(
            "SET lock_wait_timeout = 3", "ALTER TABLE t ADD COLUMN b int, ALGORITHM=COPY", database=database
        )
        assert time.monotonic() - began < 2
        # The point in time still holds for what comes next, and what was changed is said.
        mariadb.run("INSERT INTO u VALUES (5)", database=database)
        assert read_rows(session, database, u) == []
        with pytest.raises(SchemaChanged):
            read_rows(session, database, t)
        session.end()


def test_a_read_that_is_left_early_leaves_the_session_usable(
    mysql_family: MysqlFamilyServer, database: str
) -> None:
    pad = "x" * 4000
    values = ",".join(f"({i}, '{pad}')" for i in range(2000))
    mysql_family.run(
        "CREATE TABLE big (a int PRIMARY KEY, b text)", f"INSERT INTO big VALUES {values}", database=database
    )
    with session_of(mysql_family) as session:
        big, t = (session.describe(database, table(n)) for n in ("big", "t"))
        session.begin()
        mysql_family.run("INSERT INTO t VALUES (9)", database=database)
        for _ in range(3):
            chunks = session.read(request(database, big, chunk_bytes=10_000))
            next(chunks)
            chunks.close()  # type: ignore[attr-defined]
            assert read_rows(session, database, t) == [(b"1",), (b"2",)]
        session.end()
        assert len(read_rows(session, database, big)) == 2000


@pytest.mark.mariadb
def test_a_point_in_time_that_was_lost_with_its_connection(mariadb: MariadbServer) -> None:
    database = mariadb.new_database()
    mariadb.run("CREATE TABLE t (a int PRIMARY KEY)", database=database)
    with session_of(mariadb) as session:
        shape = session.describe(database, table("t"))
        session.begin()
        mariadb.run(f"KILL {session._link.wire.thread_id()}")
        with pytest.raises(ConnectionLost):
            read_rows(session, database, shape)
        with pytest.raises(ConnectionLost, match="point in time"):
            read_rows(session, database, shape)
        session.begin()
        assert read_rows(session, database, shape) == []


def test_consistency_that_can_be_had(mysql_family: MysqlFamilyServer) -> None:
    with session_of(mysql_family) as session:
        for consistency in Consistency:
            for lock in Lock:
                notes = session.check_consistency(consistency, lock, True)
                # What it costs, where it is taken, is said with the parts that want it.
                needless = lock is Lock.BRIEF and session.sharing is Sharing.SNAPSHOT
                assert needless == any("lock" in note for note in notes)
        assert session.check_consistency(Consistency.TASK, Lock.NEVER, True) != []


def test_engines_without_transactions_are_told(mysql_family: MysqlFamilyServer) -> None:
    database = mysql_family.new_database()
    mysql_family.run("CREATE TABLE m (a int PRIMARY KEY) ENGINE=MyISAM", database=database)
    with session_of(mysql_family) as session:
        warnings = session.describe(database, table("m")).warnings
    if mysql_family.product == "mariadb":
        assert "MyISAM" in warnings[0]
    else:
        assert warnings == ()  # OceanBase has one engine, whatever the name


def test_nothing_can_be_written(mysql_family: MysqlFamilyServer, database: str) -> None:
    with session_of(mysql_family) as session:
        session._link.use(database)
        for statement in ("INSERT INTO t VALUES (77)", "DELETE FROM t", "CREATE TABLE w (a int)"):
            with pytest.raises(pymysql.MySQLError) as caught:
                session._link.execute(statement)
            assert caught.value.args[0] == 1792


def test_a_slow_reader_keeps_its_stream(mysql_family: MysqlFamilyServer, database: str) -> None:
    """The server's own limits would have ended it: they are set for the session."""
    values = ",".join(f"({i}, REPEAT('x', 4000))" for i in range(4000))
    mysql_family.run(
        "CREATE TABLE big (a int PRIMARY KEY, b text)", f"INSERT INTO big VALUES {values}", database=database
    )
    globally = {"mariadb": "net_write_timeout = 1", "oceanbase": "ob_query_timeout = 1000000"}
    before = {"mariadb": "net_write_timeout = 60", "oceanbase": "ob_query_timeout = 10000000"}
    mysql_family.run(f"SET GLOBAL {globally[mysql_family.product]}")
    try:
        with session_of(mysql_family) as session:
            shape = session.describe(database, table("big"))
            rows = 0
            for chunk in session.read(request(database, shape, chunk_bytes=20_000)):
                if rows == 0:
                    time.sleep(3)
                rows += chunk.rows
            assert rows == 4000
    finally:
        mysql_family.run(f"SET GLOBAL {before[mysql_family.product]}")


def test_reading_does_not_wait_for_writers(mysql_family: MysqlFamilyServer, database: str) -> None:
    writer = mysql_family.admin(database, autocommit=False)
    with writer.cursor() as cursor:
        cursor.execute("UPDATE t SET a = a + 100")
        with session_of(mysql_family) as session:
            shape = session.describe(database, table("t"))
            session.begin()
            done: list[int] = []
            thread = threading.Thread(target=lambda: done.append(len(read_rows(session, database, shape))))
            thread.start()
            thread.join(5)
            assert done == [2]
            session.end()
    writer.rollback()
    writer.close()
