"""Reading from a real MariaDB server: over a socket, TCP and TLS, and with kills amid the rows."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from connectors.sources.mysql.wire import read_text
from core.errors import ConnectionLost
from tests.connectors.test_wire_rows import rows_of
from tests.servers.mariadb import MariadbServer

pytestmark = pytest.mark.mariadb

# Some seconds of rows for a reader that isn't hindered, so that something can happen in between.
ENDLESS = "SELECT seq, REPEAT('x', seq % 300), NULL FROM seq_1_to_100000000"


@pytest.fixture
def connect(mariadb: MariadbServer) -> Iterator[Callable[..., Any]]:
    """Open a connection: by `socket`, `tcp` or `tls`."""
    opened = []

    def open_one(how: str = "socket", **options: Any) -> Any:
        options = {"database": "mysql", "charset": "utf8mb4", "password": mariadb.password.encode()} | options
        options = {"read_timeout": 20} | options
        if how == "socket":
            options |= {"unix_socket": mariadb.socket, "ssl_disabled": True}
        else:
            options |= {"host": mariadb.host, "port": mariadb.port}
            options |= (
                {"ssl_disabled": True} if how == "tcp" else {"ssl_ca": mariadb.ca, "ssl_verify_cert": True}
            )
        opened.append(pymysql.connect(user=mariadb.user, **options))
        return opened[-1]

    yield open_one
    for connection in opened:
        connection._force_close()


def read(connection: Any, statement: str, columns: int, **options: Any) -> list[list[bytes | None]]:
    rows = []
    for chunk in read_text(connection, statement, columns, **options):
        rows += rows_of(chunk)
    return rows


HOW = pytest.mark.parametrize("how", ["socket", "tcp", "tls"])


@HOW
@pytest.mark.parametrize("chunk_bytes", [1 << 20, 5000])
def test_the_same_rows_as_pymysql(connect: Callable[..., Any], how: str, chunk_bytes: int) -> None:
    statement = (
        "SELECT seq, IF(seq % 5, REPEAT(CHAR(seq % 256), seq % 700), NULL), '', SHA2(seq, 512), "
        "UNHEX(SHA1(seq)), REPEAT('a', IF(seq % 1000, 0, 70000)) FROM seq_1_to_20000"
    )
    connection = connect(how)
    assert (connection._secure and how == "tls") or how != "tls"
    raw = connect(how, use_unicode=False, conv={}, autocommit=None)
    with raw.cursor() as cursor:
        cursor.execute(statement)
        expected = [list(values) for values in cursor.fetchall()]
    assert read(connection, statement, 6, chunk_bytes=chunk_bytes) == expected
    # In step for the next statement.
    assert read(connection, "SELECT 1 WHERE FALSE", 1) == []
    assert read(connection, "SELECT 'after'", 1) == [[b"after"]]


def test_extreme_values(connect: Callable[..., Any]) -> None:
    literals = {
        "CAST('12345678901234567890123456789012345.123456789012345678901234567890' AS DECIMAL(65,30))": b"12345678901234567890123456789012345.123456789012345678901234567890",
        "18446744073709551615": b"18446744073709551615",
        "CAST('-838:59:59.999999' AS TIME(6))": b"-838:59:59.999999",
        "CAST('0000-00-00' AS DATE)": b"0000-00-00",
        "4.9e-324": b"5e-324",
        "X'00FF1A0A0D275C22'": b"\x00\xff\x1a\n\r'\\\"",
        "_latin1 X'E4'": "ä".encode(),
        "'NULL'": b"NULL",
        "NULL": None,
    }
    connection = connect(sql_mode="ALLOW_INVALID_DATES")
    assert read(connection, "SELECT " + ", ".join(literals), len(literals)) == [list(literals.values())]


@HOW
def test_a_row_of_several_packets(connect: Callable[..., Any], how: str) -> None:
    statement = (
        "SELECT seq, IF(seq % 3 = 0, REPEAT('0123456789abcdef', 1048576 + seq * 262144), 'small') "
        "FROM seq_1_to_9"
    )
    connection = connect(how)
    lengths = []
    for chunk in read_text(connection, statement, 2):
        for number, value in rows_of(chunk):
            assert number is not None
            assert value is not None
            lengths.append((int(number), len(value)))
            assert value == b"small" or value == b"0123456789abcdef" * (len(value) // 16)
    assert lengths == [(n, 16 * (1048576 + n * 262144) if n % 3 == 0 else 5) for n in range(1, 10)]


@pytest.mark.parametrize("size", [0xFFFFFF - 5, 0xFFFFFF - 4, 0xFFFFFF - 3, 0xFFFFFF])
def test_a_row_about_as_long_as_a_packet(connect: Callable[..., Any], size: int) -> None:
    rows = read(connect(), f"SELECT REPEAT('z', {size}) UNION ALL SELECT 'next'", 1)
    assert [len(values[0] or b"") for values in rows] == [size, 4]


def test_wide_rows(connect: Callable[..., Any]) -> None:
    columns = ", ".join(f"IF(seq % {i + 2}, seq * {i}, NULL)" for i in range(1017))
    rows = read(connect(), f"SELECT {columns} FROM seq_1_to_700", 1017)
    assert rows == [
        [b"%d" % (seq * i) if seq % (i + 2) else None for i in range(1017)] for seq in range(1, 701)
    ]


@HOW
def test_kill_query(connect: Callable[..., Any], mariadb: MariadbServer, how: str) -> None:
    connection = connect(how)
    chunks = read_text(connection, ENDLESS, 3)
    next(chunks)
    mariadb.run(f"KILL QUERY {connection.thread_id()}")
    with pytest.raises(pymysql.err.MySQLError) as caught:
        for _ in chunks:
            pass
    assert caught.value.args[0] == 1317
    assert read(connection, "SELECT 1", 1) == [[b"1"]]


@HOW
def test_kill_connection(connect: Callable[..., Any], mariadb: MariadbServer, how: str) -> None:
    connection = connect(how)
    chunks = read_text(connection, ENDLESS, 3)
    next(chunks)
    mariadb.run(f"KILL CONNECTION {connection.thread_id()}")
    with pytest.raises((ConnectionLost, pymysql.err.MySQLError)) as caught:
        for _ in chunks:
            pass
    if isinstance(caught.value, pymysql.err.MySQLError):
        assert caught.value.args[0] in (1317, 1927)
    with pytest.raises(ConnectionLost):
        read(connection, "SELECT 1", 1)


def test_a_statement_past_its_time(connect: Callable[..., Any]) -> None:
    connection = connect()
    with connection.cursor() as cursor:
        cursor.execute("SET max_statement_time = 0.2")
    with pytest.raises(pymysql.err.MySQLError) as caught:
        read(connection, ENDLESS, 3)
    assert caught.value.args[0] == 1969


@HOW
def test_the_socket_is_shut_by_another_thread(connect: Callable[..., Any], how: str) -> None:
    connection = connect(how)
    peer = connection._sock
    chunks = read_text(connection, ENDLESS, 3)
    next(chunks)
    thread = threading.Timer(0.1, lambda: peer.shutdown(socket.SHUT_RDWR))
    thread.start()
    with pytest.raises(ConnectionLost):
        for _ in chunks:
            pass
    thread.join()
    assert not connection.open


def test_a_tls_socket_that_was_shut_down_gives_no_cipher_text(connect: Callable[..., Any]) -> None:
    """Python's TLS sockets go on as plain ones after `shutdown`: what has come is read as it is."""
    connection = connect("tls")
    chunks = read_text(connection, ENDLESS, 3, chunk_bytes=10_000)
    next(chunks)
    connection._sock.shutdown(socket.SHUT_RDWR)
    with pytest.raises(ConnectionLost, match="was closed before the result was complete"):
        for _ in chunks:
            pass


@HOW
def test_a_silent_server(connect: Callable[..., Any], how: str) -> None:
    connection = connect(how, read_timeout=1)
    with pytest.raises(ConnectionLost, match="for 1 s"):
        read(connection, "SELECT SLEEP(30)", 1)
    assert not connection.open


def test_left_early_the_server_stops_too(connect: Callable[..., Any], mariadb: MariadbServer) -> None:
    connection = connect()
    number = connection.thread_id()
    chunks = read_text(connection, ENDLESS, 3)
    next(chunks)
    chunks.close()
    deadline = time.monotonic() + 10
    while mariadb.run(f"SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = {number}"):
        assert time.monotonic() < deadline, "the server still runs the statement"
        time.sleep(0.05)


def test_the_server_goes_away() -> None:
    server = MariadbServer()
    try:
        connection = server.admin("mysql", read_timeout=20)
        chunks = read_text(connection, ENDLESS, 3)
        next(chunks)
        thread = threading.Thread(target=server.close)
        thread.start()
        with pytest.raises((ConnectionLost, pymysql.err.MySQLError)):
            for _ in chunks:
                pass
        thread.join()
        with pytest.raises(ConnectionLost):
            read(connection, "SELECT 1", 1)
    finally:
        server.close()


MEMORY = """
import resource, sys
import pymysql
from connectors.sources.mysql.wire import read_text
connection = pymysql.connect(unix_socket=sys.argv[1], user="root", database="mysql", ssl_disabled=True)
list(read_text(connection, "SELECT 1", 1))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rows = sum(chunk.rows for chunk in read_text(connection, sys.argv[2], int(sys.argv[3])))
print(rows, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


def memory(server: MariadbServer, statement: str, columns: int) -> tuple[int, int]:
    """Rows, and how many bytes the peak of a fresh process grew by while it read them."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, server.socket, statement, str(columns)],
        check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    rows, grown = map(int, done.stdout.split())
    return rows, grown


def test_memory_is_bounded_by_bytes(mariadb: MariadbServer) -> None:
    rows, grown = memory(mariadb, "SELECT seq, REPEAT('x', 40) FROM seq_1_to_1000000", 2)
    assert rows == 1_000_000
    assert grown < 20 << 20
    nulls = ", ".join(["NULL"] * 500)
    rows, grown = memory(mariadb, f"SELECT {nulls} FROM seq_1_to_20000", 500)
    assert rows == 20_000
    assert grown < 60 << 20


def test_memory_for_a_large_row(mariadb: MariadbServer) -> None:
    rows, grown = memory(
        mariadb,
        "SELECT seq, IF(seq = 5000, REPEAT('x', 100000000), 'x') FROM seq_1_to_10000",
        2,
    )
    assert rows == 10_000
    assert grown < 3 * 100_000_000
