"""Reading through a PyMySQL connection, from a server that does what real ones do only rarely."""

from __future__ import annotations

import errno
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pymysql
import pytest

from connectors import ahead
from connectors.sources.mysql import wire_receive
from connectors.sources.mysql.wire import read_text
from core.errors import ConnectionLost, SchemaChanged, ValueTooLarge
from tests.connectors.test_wire_rows import rows_of
from tests.connectors.wire_fake import EOF, FakeServer, Row, error, result, row, stream

ROWS: list[list[bytes | None]] = [[b"%d" % n, b"text %d" % n * (n % 40), None] for n in range(500)]


@pytest.fixture(params=["by the reader", "ahead"], autouse=True)
def received(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Everything twice: received by the reader, and by the thread that small results don't get."""
    if request.param == "ahead":
        monkeypatch.setattr(wire_receive, "INLINE_BYTES", 0)
        monkeypatch.setattr(ahead, "PIECE_BYTES", 300)
    return str(request.param)


@pytest.fixture
def serve() -> Iterator[Callable[..., Any]]:
    """Connect to a fake server that answers a SELECT by `answer`, bytes or what is done with its socket."""
    servers = []

    def connect(answer: bytes | Callable[[socket.socket], Any], **options: Any) -> Any:
        act = answer if callable(answer) else lambda peer: peer.sendall(answer)
        servers.append(FakeServer(act))
        return servers[-1].connect(**{"read_timeout": 20} | options)

    yield connect
    for server in servers:
        server.close()


def read(connection: Any, columns: int = 3, **options: Any) -> list[list[bytes | None]]:
    rows = []
    for chunk in read_text(connection, "SELECT", columns, **options):
        rows += rows_of(chunk)
    return rows


def test_rows_and_then_the_next_statement(serve: Callable[..., Any]) -> None:
    connection = serve(result(ROWS, 3))
    for chunk_bytes in (1 << 20, 1000):
        assert read(connection, chunk_bytes=chunk_bytes) == ROWS
    connection.ping(reconnect=False)
    assert read(connection) == ROWS


def test_nothing_is_sent_before_the_first_chunk_is_asked_for(serve: Callable[..., Any]) -> None:
    connection = serve(result(ROWS, 3))
    read_text(connection, "SELECT", 3).close()
    assert connection.open
    assert read(connection) == ROWS


def test_what_pymysql_has_buffered_comes_first(serve: Callable[..., Any]) -> None:
    """The column definitions end anywhere within what PyMySQL received: up to, at and beyond its buffer."""
    for count in (0, 1, 5, 300):
        answer = result(ROWS[:count], 3)
        for first in (len(result([], 3)) - 9, len(result([], 3)), len(answer) // 2, len(answer)):

            def act(peer: socket.socket, answer: bytes = answer, first: int = first) -> None:
                peer.sendall(answer[:first])
                time.sleep(0.02)
                peer.sendall(answer[first:])

            assert read(serve(act), chunk_bytes=64) == ROWS[:count]


def test_slow_pieces(serve: Callable[..., Any]) -> None:
    answer = result(ROWS[:40], 3)

    def act(peer: socket.socket) -> None:
        for at in range(0, len(answer), 97):
            peer.sendall(answer[at : at + 97])
            time.sleep(0.0005)

    assert read(serve(act)) == ROWS[:40]


def test_the_servers_error_is_raised_and_leaves_the_connection_in_step(serve: Callable[..., Any]) -> None:
    refused = stream([error(1146, "Table 'd.t' doesn't exist")], sequence=1)
    amid = result(ROWS, 3, end=error(1317, "Query execution was interrupted"))
    for answer, number in ((refused, 1146), (amid, 1317)):
        connection = serve(answer)
        with pytest.raises(pymysql.err.MySQLError) as caught:
            read(connection)
        assert caught.value.args[0] == number
        connection.ping(reconnect=False)


@pytest.mark.parametrize("columns_of_result", [2, 4])
def test_another_number_of_columns(serve: Callable[..., Any], columns_of_result: int) -> None:
    connection = serve(result([[b"x"] * columns_of_result], columns_of_result))
    with pytest.raises(SchemaChanged, match=f"{columns_of_result} columns where 3"):
        read(connection)
    assert not connection.open


def test_a_statement_without_a_result(serve: Callable[..., Any]) -> None:
    connection = serve(stream([b"\0\0\0\2\0\0\0"], sequence=1))
    with pytest.raises(SchemaChanged, match="0 columns"):
        read(connection)


def test_cut_after_every_byte(serve: Callable[..., Any]) -> None:
    """Before, amid and after the column definitions and the rows, however short of the end."""
    answer = result(ROWS[:3], 3)
    for at in range(len(answer)):

        def act(peer: socket.socket, at: int = at) -> None:
            peer.sendall(answer[:at])
            peer.shutdown(socket.SHUT_RDWR)

        connection = serve(act)
        with pytest.raises(ConnectionLost):
            read(connection)
        assert not connection.open


@pytest.mark.parametrize("sent", ["nothing", "columns", "rows"])
def test_a_silent_server(serve: Callable[..., Any], sent: str) -> None:
    answer = {"nothing": b"", "columns": result([], 3)[:-9], "rows": result(ROWS, 3)[:-20]}[sent]
    connection = serve(answer, read_timeout=1)
    began = time.monotonic()
    with pytest.raises(ConnectionLost, match=r"^Nothing came from the server for 1 s\."):
        read(connection)
    assert 0.9 < time.monotonic() - began < 5
    assert not connection.open


def test_left_before_its_end(serve: Callable[..., Any]) -> None:
    connection = serve(result(ROWS * 50, 3))
    chunks = read_text(connection, "SELECT", 3, chunk_bytes=1000)
    next(chunks)
    with closing(chunks):
        pass
    assert not connection.open
    with pytest.raises(ConnectionLost):
        read(connection)


def test_dropped_before_its_end(serve: Callable[..., Any]) -> None:
    connection = serve(result(ROWS * 50, 3))
    for _ in read_text(connection, "SELECT", 3, chunk_bytes=1000):
        break
    assert not connection.open


@pytest.mark.parametrize("sent", ["nothing", "rows"])
@pytest.mark.parametrize("how", ["shutdown", "close"])
def test_another_thread_ends_the_connection(serve: Callable[..., Any], sent: str, how: str) -> None:
    answer = result(ROWS * 50, 3)[:-9] if sent == "rows" else b""
    connection = serve(answer, read_timeout=2)
    peer = connection._sock

    def end() -> None:
        time.sleep(0.2)
        if how == "shutdown":
            peer.shutdown(socket.SHUT_RDWR)
        else:
            connection._force_close()

    thread = threading.Thread(target=end)
    thread.start()
    with pytest.raises(ConnectionLost):
        read(connection)
    thread.join()
    assert not connection.open


def test_a_row_past_the_limit_closes_the_connection(serve: Callable[..., Any]) -> None:
    connection = serve(result([[b"x" * 5000]], 1))
    with pytest.raises(ValueTooLarge):
        read(connection, 1, chunk_bytes=1000, max_row_bytes=2000)
    assert not connection.open


def test_damaged_column_definitions(serve: Callable[..., Any]) -> None:
    rows = [row(values) for values in ROWS]
    for head in ([b"\3", b"\3def", b"", b"", EOF], [b"\1", b"junk", b"junk"], [b""], [b"\2", EOF, EOF, EOF]):
        connection = serve(stream([*head, *rows, EOF], sequence=1))
        with pytest.raises(ConnectionLost):
            read(connection)
        assert not connection.open


def test_values_are_as_they_came(serve: Callable[..., Any]) -> None:
    table: list[Row] = [
        [b"", b"NULL", b"\\N"],
        [None, b"\0\x1a\r\n\t\"'\\", b"\xff\xfe\xfd\xfb"],
        [b"18446744073709551615", b"0000-00-00", b"-838:59:59.999999"],
        ["Grüße 😀".encode(), b"\xed\xa0\x80", b" "],
    ]
    assert read(serve(result(table, 3))) == table


def test_receiving_ahead_gives_the_socket_back_as_it_was(serve: Callable[..., Any], received: str) -> None:
    connection = serve(result(ROWS, 3), read_timeout=7)
    before = threading.active_count()
    chunks = read_text(connection, "SELECT", 3, chunk_bytes=1000)
    rows = []
    for _ in range(20):  # past what PyMySQL has received already
        rows += rows_of(next(chunks))
    ahead = [thread for thread in threading.enumerate() if thread.name == "receive"]
    assert len(ahead) == (received == "ahead")
    for chunk in chunks:
        rows += rows_of(chunk)
    assert rows == ROWS
    assert threading.active_count() == before
    assert connection._sock.gettimeout() == 7
    assert connection._sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, 16) == bytes(16)
    assert connection._sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) == 1


def test_receiving_ahead_stops_while_nobody_takes(serve: Callable[..., Any], received: str) -> None:
    """A reader that waits for its disk makes the server wait: memory holds a few pieces, not the result."""
    sent = []

    def act(peer: socket.socket) -> None:
        answer = result(ROWS * 2000, 3)
        peer.settimeout(1)
        while True:
            try:
                sent.append(peer.send(answer[sum(sent) : sum(sent) + 65536]))
            except TimeoutError:
                return

    chunks = read_text(serve(act), "SELECT", 3, chunk_bytes=1000)
    next(chunks)
    time.sleep(1.5)
    assert 0 < sum(sent) < 2_000_000
    chunks.close()


class _OfABsd(socket.socket):
    """It hands over nothing before all is there that it is to wait for, and knows no low-water mark."""

    def recv_into(self, buffer: Any, count: int = 0, flags: int = 0) -> int:
        if flags & socket.MSG_WAITALL and 0 < len(self.recv(count, socket.MSG_PEEK)) < count:
            time.sleep(0.005)
            raise BlockingIOError
        return super().recv_into(buffer, count, flags)

    def setsockopt(self, level: int, name: int, value: Any) -> None:  # type: ignore[override]
        if name == socket.SO_RCVLOWAT:
            raise OSError(errno.ENOPROTOOPT, "Protocol not available")
        super().setsockopt(level, name, value)


def test_receiving_ahead_where_the_system_waits_for_all_or_gives_nothing() -> None:
    far, other = socket.socketpair()
    with far, _OfABsd(fileno=other.detach()) as near:
        near.settimeout(5)
        receiving = ahead.Ahead(near)
        far.sendall(b"x" * 1000)
        came, into = 0, memoryview(bytearray(2000))
        while came < 1000:
            came += receiving.take(into)
        receiving.close()
        assert near.gettimeout() == 5
        assert near.getsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, 16) == bytes(16)


@pytest.mark.parametrize("how", ["end", "shutdown", "reset"])
def test_the_end_of_what_is_received_ahead_stays_the_end(how: str) -> None:
    """However it ended, and however often it is asked for: nobody waits for a thread that has gone."""
    listening = socket.create_server(("127.0.0.1", 0))
    near = socket.create_connection(listening.getsockname())
    far, _ = listening.accept()
    listening.close()
    receiving = ahead.Ahead(near)
    far.sendall(b"x" * 1000)
    into = memoryview(bytearray(600))
    got = 0
    while got < 1000:
        got += receiving.take(into)
    if how == "reset":
        far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        far.close()
    elif how == "end":
        far.close()
    else:
        near.shutdown(socket.SHUT_RDWR)
    for _ in range(3):
        if how == "reset":
            with pytest.raises(ConnectionResetError):
                receiving.take(into)
        else:
            assert receiving.take(into) == 0
    receiving.close()
    receiving.close()
    assert near.getsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, 16) == bytes(16)
    near.close()


def test_no_thread_to_receive_in(
    serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, received: str
) -> None:
    def refuse(_: object) -> None:
        raise RuntimeError("can't start new thread")

    connection = serve(result(ROWS, 3))
    monkeypatch.setattr(threading.Thread, "start", refuse)
    if received == "by the reader":
        assert read(connection) == ROWS
        return
    with pytest.raises(ConnectionLost, match="no thread can be had"):
        read(connection, chunk_bytes=1000)
    assert not connection.open


def test_results_about_as_long_as_what_gets_a_thread(
    serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One after another on one connection: ending just before, at and behind the border."""
    border = 20_000
    monkeypatch.setattr(wire_receive, "INLINE_BYTES", border)
    answers = []
    for extra in (-12, -2, -1, 0, 1, 2, 12, 9000):
        fill = border + extra - len(result([[b"x"]] * 150 + [[b"y" * 300]], 1))
        answers.append([[b"x"]] * 150 + [[b"y" * (300 + fill)]])
        assert len(result(answers[-1], 1)) == border + extra
    waiting = iter(answers * 3)
    connection = serve(lambda peer: peer.sendall(result(next(waiting), 1)))
    before = threading.active_count()
    for rows in answers * 3:
        assert read(connection, 1, chunk_bytes=4000) == rows
        assert threading.active_count() == before
    connection.ping(reconnect=False)
