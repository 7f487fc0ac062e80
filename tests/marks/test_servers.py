"""What servers tell of marks: exact values, facts about columns, open transactions, signs of change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from connectors.base import Credentials, Session
from connectors.marks import MarkColumn, Marks
from connectors.sources.mysql import MysqlSource
from connectors.sources.postgresql import PostgresqlSource
from core.model.mark import MarkKind
from core.model.vocabulary import ObjectRef, ObjectType
from tests.roundtrip.running import server_source
from tests.servers.family import MysqlFamilyServer
from tests.servers.mariadb import MariadbServer
from tests.servers.postgresql import PostgresqlServer

ORDERS = ObjectRef(ObjectType.TABLE, "orders")
SOON = timedelta(seconds=10)


class Asked:
    """A session with a server, and what it tells of the table `orders`."""

    def __init__(self, session: Session, database: str) -> None:
        self.session = session
        self.database = database
        assert session.marks is not None
        self.marks: Marks = session.marks
        self.shape = session.describe(database, ORDERS)
        self.columns = {column.name: column for column in self.marks.columns(database, self.shape)}

    def newest(self, name: str) -> str | None:
        return self.marks.newest(self.database, self.shape, self.columns[name])

    def meets(self, name: str, value: str) -> int:
        """How many rows have exactly this value."""
        column: MarkColumn = self.columns[name]
        condition = self.marks.condition(self.database, self.shape, column, value, value)
        return self.marks.ahead(self.database, self.shape, column, condition).rows


@pytest.fixture
def family(mysql_family: MysqlFamilyServer) -> Iterator[tuple[MysqlFamilyServer, Asked]]:
    name = mysql_family.new_database()
    mysql_family.run(
        "CREATE TABLE orders(id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, total DECIMAL(30,10), ratio DOUBLE,"
        " what VARCHAR(20), day DATE, at DATETIME(6), changed TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP"
        " ON UPDATE CURRENT_TIMESTAMP, KEY(at, day))",
        "INSERT INTO orders VALUES(9223372036854775809, 12345678901234567890.0123456789, 1.5, 'x',"
        " '2026-11-22', '2026-11-22 10:00:00.000001', '2026-11-22 10:00:00')",
        database=name,
    )
    with server_source(mysql_family, name).connect() as session:
        yield mysql_family, Asked(session, name)


def test_family_columns(family: tuple[MysqlFamilyServer, Asked]) -> None:
    _, asked = family
    found = asked.columns
    assert set(found) == {"id", "total", "day", "at", "changed"}
    own, changed, at = found["id"], found["changed"], found["at"]
    assert (own.automatic, own.unique, own.indexed, own.nullable) == (True, True, True, False)
    assert (changed.touched, changed.coarse, changed.indexed) == (True, "whole seconds", False)
    assert (at.indexed, at.unique, at.coarse, at.nullable, at.kind) == (True, False, "", True, MarkKind.TIME)
    assert found["day"].coarse == "whole days"
    assert not found["day"].indexed
    for name, value in (
        ("id", "9223372036854775809"),
        ("total", "12345678901234567890.0123456789"),
        ("day", "2026-11-22"),
        ("at", "2026-11-22 10:00:00.000001"),
        ("changed", "2026-11-22 10:00:00"),
    ):
        assert asked.newest(name) == value
        assert asked.meets(name, value) == 1


def test_family_open_transactions(family: tuple[MysqlFamilyServer, Asked]) -> None:
    server, asked = family
    writer: Any = server.admin(asked.database, autocommit=False)
    try:
        with writer.cursor() as cursor:
            cursor.execute("INSERT INTO orders(what) VALUES('open')")
            told = asked.marks.open_transactions(MarkKind.NUMBER)
            assert told is not None
            assert told.since is not None
            assert timedelta(0) <= told.now - told.since < SOON
        writer.rollback()
    finally:
        writer.close()
    with asked.session:
        again = asked.marks.open_transactions(MarkKind.NUMBER)
    assert again is not None


@pytest.mark.mariadb
def test_an_account_of_mariadb_that_is_not_told(mariadb: MariadbServer) -> None:
    name = mariadb.new_database()
    mariadb.run(
        "CREATE TABLE orders(id INT PRIMARY KEY)",
        "CREATE OR REPLACE USER marker@'%' IDENTIFIED BY 'secret'",
        f"GRANT SELECT ON `{name}`.* TO marker@'%'",
        database=name,
    )
    connection = mariadb.connection("shop", name)
    plain = type(connection)(
        name="shop", mode=connection.mode, unix_socket=mariadb.socket, user="marker", database=name
    )
    with MysqlSource(plain, Credentials(password="secret")).connect() as session:
        asked = Asked(session, name)
        assert asked.marks.open_transactions(MarkKind.NUMBER) is None
        assert asked.newest("id") is None


@pytest.mark.mariadb
def test_mariadb_signs(mariadb: MariadbServer) -> None:
    name = mariadb.new_database()
    mariadb.run("CREATE TABLE orders(id INT PRIMARY KEY)", "INSERT INTO orders VALUES(1)", database=name)
    with server_source(mariadb, name).connect() as session:
        asked = Asked(session, name)
        # Changed this very second: another change of it couldn't be told.
        assert asked.marks.sign(name, [ORDERS]) is None
        assert asked.marks.sign(name, [ObjectRef(ObjectType.VIEW, "orders")]) is None


@pytest.fixture
def postgresql_asked(postgresql: PostgresqlServer) -> Iterator[tuple[str, Asked]]:
    name = postgresql.new_database()
    postgresql.run(
        "CREATE DOMAIN money_of AS numeric",
        "CREATE TABLE orders(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, old serial, total money_of,"
        " ratio float8, what text, day date, at timestamptz, plain timestamp(0))",
        "ALTER SEQUENCE orders_old_seq CACHE 20",
        "CREATE UNIQUE INDEX ON orders(at) WHERE what IS NULL",
        "CREATE INDEX ON orders(day, at)",
        "INSERT INTO orders(total, ratio, what, day, at, plain) VALUES(12345678901234567890.0123456789, 1.5, 'x',"
        " '2026-11-22', '2026-11-22 10:00:00.000001+00', '2026-11-22 10:00:00')",
        database=name,
    )
    source = PostgresqlSource(postgresql.connection("shop", name), postgresql.credentials())
    with source.connect() as session:
        yield name, Asked(session, "public")


@pytest.mark.postgresql
def test_postgresql_columns(postgresql_asked: tuple[str, Asked]) -> None:
    _, asked = postgresql_asked
    found = asked.columns
    assert set(found) == {"id", "old", "total", "day", "at", "plain"}
    assert (found["id"].automatic, found["id"].unique, found["id"].nullable) == (True, True, False)
    assert found["old"].automatic
    assert any("20 numbers" in text for text in found["old"].hazards)
    # An index of some rows only finds none of the others.
    assert (found["at"].indexed, found["at"].unique) == (False, False)
    assert (found["day"].indexed, found["plain"].coarse) == (True, "whole seconds")
    for name, value in (
        ("id", "1"),
        ("total", "12345678901234567890.0123456789"),
        ("day", "2026-11-22"),
        ("at", "2026-11-22 10:00:00.000001+00"),
        ("plain", "2026-11-22 10:00:00"),
    ):
        assert asked.newest(name) == value
        assert asked.meets(name, value) == 1


@pytest.mark.postgresql
def test_postgresql_open_transactions(
    postgresql: PostgresqlServer, postgresql_asked: tuple[str, Asked]
) -> None:
    name, asked = postgresql_asked
    assert asked.marks.open_transactions(MarkKind.TIME) is not None
    writer = postgresql.admin(name)
    writer.autocommit = False
    try:
        writer.execute("SELECT 1")
        told = asked.marks.open_transactions(MarkKind.TIME)
        assert told is not None
        assert told.since is not None
        assert timedelta(0) <= told.now - told.since < SOON
        before = asked.marks.sign("public", [ORDERS])
        writer.execute("INSERT INTO orders(what) VALUES('open')")
        number = asked.marks.open_transactions(MarkKind.NUMBER)
        assert number is not None
        assert number.since == told.since
        writer.commit()
    finally:
        writer.close()
    assert before is not None
    assert asked.marks.open_transactions(MarkKind.TIME) is not None


@pytest.mark.postgresql
def test_a_role_of_postgresql_that_is_not_told(
    postgresql: PostgresqlServer, postgresql_asked: tuple[str, Asked]
) -> None:
    name, _ = postgresql_asked
    postgresql.run(
        "DO $$ BEGIN CREATE ROLE marker LOGIN PASSWORD 'secret'; EXCEPTION WHEN duplicate_object THEN END $$",
        "GRANT SELECT ON orders TO marker",
        database=name,
    )
    connection = postgresql.connection("shop", name, user="marker")
    other = postgresql.admin(name)
    try:
        with PostgresqlSource(connection, Credentials(password="secret")).connect() as session:
            asked = Asked(session, "public")
            assert asked.marks.open_transactions(MarkKind.NUMBER) is None
            assert asked.newest("id") == "1"
    finally:
        other.close()
