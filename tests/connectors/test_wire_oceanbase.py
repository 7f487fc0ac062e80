"""Reading from a real OceanBase server: its rows, its large rows, and its ways to end a statement."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pymysql
import pytest
from pymysql.converters import encoders

from connectors.sources.mysql.wire import read_text
from tests.connectors.test_wire_rows import rows_of
from tests.servers.oceanbase import OceanbaseServer

pytestmark = pytest.mark.oceanbase

ENDLESS = "SELECT a.* FROM wire_rows a, wire_rows b, wire_rows c"


@pytest.fixture(scope="module")
def database(oceanbase: OceanbaseServer) -> str:
    name = oceanbase.new_database()
    oceanbase.run(
        "CREATE TABLE wire_rows (id INT PRIMARY KEY, a VARCHAR(500), b LONGTEXT, c DOUBLE, d DECIMAL(30,10))",
        "INSERT INTO wire_rows WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 900) "
        "SELECT n, REPEAT('ä', n % 200), IF(n % 3, REPEAT('x', n * 80), NULL), SQRT(n), n / 7 FROM r",
        database=name,
    )
    return name


@pytest.fixture
def connection(oceanbase: OceanbaseServer, database: str) -> Iterator[Any]:
    connection = oceanbase.admin(database, read_timeout=60, use_unicode=False, conv=dict(encoders))
    yield connection
    connection._force_close()


def read(connection: Any, statement: str, columns: int) -> list[list[bytes | None]]:
    return [values for chunk in read_text(connection, statement, columns) for values in rows_of(chunk)]


def test_the_same_rows_as_pymysql(connection: Any) -> None:
    statement = "SELECT * FROM wire_rows ORDER BY id"
    with connection.cursor() as cursor:
        cursor.execute(statement)
        expected = [list(values) for values in cursor.fetchall()]
    assert len(expected) == 900
    assert read(connection, statement, 5) == expected


def test_a_row_of_several_packets(connection: Any) -> None:
    rows = read(connection, "SELECT REPEAT('xyz', 11000000), 'small'", 2)
    assert rows == [[b"xyz" * 11_000_000, b"small"]]
    assert read(connection, "SELECT 1", 1) == [[b"1"]]


def test_kill_query(connection: Any, oceanbase: OceanbaseServer) -> None:
    chunks = read_text(connection, ENDLESS, 5)
    next(chunks)
    oceanbase.run(f"KILL QUERY {connection.thread_id()}")
    with pytest.raises(pymysql.err.MySQLError) as caught:
        for _ in chunks:
            pass
    assert caught.value.args[0] == 1317
    assert read(connection, "SELECT 1", 1) == [[b"1"]]


def test_the_statements_time_runs_out_amid_the_rows(connection: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET ob_query_timeout = 1000000")
    chunks = read_text(connection, ENDLESS, 5)
    assert next(chunks).rows > 0
    with pytest.raises(pymysql.err.MySQLError) as caught:
        for _ in chunks:
            pass
    assert caught.value.args[0] == 4012
