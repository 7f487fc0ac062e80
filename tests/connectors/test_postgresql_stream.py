"""Rows taken from the socket itself: as libpq gives them, whatever comes in between and wherever it ends."""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from connectors import ahead
from connectors.base import ReadRequest, SourceColumn, TableShape
from connectors.sources.postgresql import PostgresqlSource, copy, stream
from connectors.sources.postgresql.login import READ, WRITE
from core.chunk import Kind, TextChunk
from core.errors import ConnectionLost, OfframpError, SchemaChanged
from core.model.task import PartPlan
from core.model.vocabulary import ObjectRef, ObjectType
from tests.servers.postgresql import PostgresqlServer

HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
END = struct.pack(">h", -1)


def message(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack(">I", 4 + len(content)) + content


def row(*values: bytes | None) -> bytes:
    found = struct.pack(">h", len(values))
    for value in values:
        found += struct.pack(">i", -1) if value is None else struct.pack(">i", len(value)) + value
    return found


def answer(rows: list[bytes], announced: int | None = None, between: bytes = b"") -> bytes:
    """What a server sends for these rows, with `between` after each."""
    first = HEAD + rows[0] if rows else HEAD
    contents = [first, *rows[1:]] if rows else [first]
    body = b"".join(message(b"d", content) + between for content in contents)
    number = len(rows) if announced is None else announced
    return (
        message(b"H", b"\1\0\2\0\1\0\1") + body + message(b"d", END) + message(b"c", b"")
        + message(b"C", b"COPY %d\0" % number) + message(b"Z", b"T")
    )  # fmt: skip


class FakeWire:
    """A connection whose server has said `data` and, once it is asked something, says no more."""

    silence = 2.0

    def __init__(self, data: bytes, *, ends: bool = False) -> None:
        self.near, self._far = socket.socketpair()
        self.near.setblocking(False)
        self.asked = b""
        self.closed = False
        self.pgconn = SimpleNamespace(
            socket=self.near.fileno(), ssl_in_use=False, send_query=lambda text: None, flush=lambda: 0,
            is_busy=lambda: False, get_result=lambda: None,
        )  # fmt: skip
        self._thread = threading.Thread(target=self._say, args=(data, ends))
        self._thread.start()

    def _say(self, data: bytes, ends: bool) -> None:
        try:
            self._far.sendall(data)
            if ends:
                self._far.shutdown(socket.SHUT_WR)
            self.asked = self._far.recv(100)
        except OSError:
            pass

    def await_socket(self, wanted: int, timeout: float | None = None) -> int:
        ready = select.poll()
        ready.register(
            self.near, (select.POLLIN if wanted & READ else 0) | (select.POLLOUT if wanted & WRITE else 0)
        )
        assert ready.poll(5000)
        return wanted

    def close(self) -> None:
        self.closed = True

    def end(self) -> None:
        self.near.close()
        self._thread.join()
        self._far.close()


@pytest.fixture(params=["by the reader", "ahead"])
def serve(request: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    if request.param == "ahead":
        monkeypatch.setattr(stream, "INLINE_BYTES", 0)
        monkeypatch.setattr(ahead, "PIECE_BYTES", 300)
    made: list[FakeWire] = []

    def start(data: bytes, **more: bool) -> Any:
        made.append(FakeWire(data, **more))
        return made[-1]

    yield start
    for wire in made:
        wire.end()


def read(wire: Any, columns: int = 2, chunk_bytes: int = 1000) -> list[list[bytes | None]]:
    rows = copy.Copy(wire, "SELECT", columns, chunk_bytes=chunk_bytes)
    try:
        return [
            [chunk.value(number, column) for column in range(columns)]
            for chunk in rows.chunks()
            for number in range(chunk.rows)
        ]
    finally:
        rows.close()


VALUES: list[list[bytes | None]] = [[b"%d" % n, None if n % 7 == 0 else b"x" * (n % 50)] for n in range(500)]


def test_rows_come_as_they_are(serve: Callable[..., Any]) -> None:
    wire = serve(answer([row(*values) for values in VALUES]))
    assert read(wire) == VALUES
    # In step with the server again, and told so.
    wire._thread.join()
    assert wire.asked == b"Q\0\0\0\5\0"
    assert not wire.near.getblocking()


@pytest.mark.parametrize("rows", [0, 1])
def test_hardly_any_rows(serve: Callable[..., Any], rows: int) -> None:
    assert read(serve(answer([row(*values) for values in VALUES[:rows]]))) == VALUES[:rows]


def test_rows_longer_than_a_chunk(serve: Callable[..., Any]) -> None:
    values: list[list[bytes | None]] = [[b"a", b"s" * n] for n in (10, 5_000, 20, 999, 100_000, 3)]
    assert read(serve(answer([row(*each) for each in values]))) == values


def test_what_a_server_may_say_in_between(serve: Callable[..., Any]) -> None:
    between = message(b"N", b"SNOTICE\0\0") + message(b"S", b"TimeZone\0UTC\0")
    assert read(serve(answer([row(*values) for values in VALUES[:60]], between=between))) == VALUES[:60]


def test_an_error_amid_the_rows(serve: Callable[..., Any]) -> None:
    whole = answer([row(*values) for values in VALUES])
    begun = whole[: whole.index(row(*VALUES[300])) - 5]
    said = message(b"E", b"SERROR\0C22012\0Mdivision by zero\0\0") + message(b"Z", b"E")
    wire = serve(begun + said)
    with pytest.raises(psycopg.errors.DivisionByZero, match="division by zero"):
        read(wire)
    assert not wire.closed


def test_the_last_word_of_a_server(serve: Callable[..., Any]) -> None:
    whole = answer([row(*values) for values in VALUES])
    begun = whole[: whole.index(row(*VALUES[300])) - 5]
    wire = serve(begun + message(b"E", b"SFATAL\0C57P01\0Mterminating\0\0"), ends=True)
    with pytest.raises(psycopg.errors.AdminShutdown, match="terminating"):
        read(wire)
    assert wire.closed


@pytest.mark.parametrize("cut", [1, 3, 30, 4_000])
def test_a_stream_that_breaks_off(serve: Callable[..., Any], cut: int) -> None:
    data = answer([row(*values) for values in VALUES])
    with pytest.raises(ConnectionLost, match="closed before the result was complete"):
        read(serve(data[:-cut], ends=True))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda data: data.replace(b"COPY 500", b"COPY 499"), "500 rows came, and it says 499"),
        (lambda data: data.replace(b"COPY 500", b"SELECT 5"), "500 rows came, and it says None"),
        (lambda data: data.replace(message(b"d", END), b""), "it breaks off"),
        (lambda data: data.replace(b"PGCOPY", b"PGCAPY"), "its head"),
        (lambda data: data.replace(message(b"c", b""), message(b"X", b"")), "'X' amid the rows"),
        (lambda data: data.replace(message(b"c", b""), b"c\0\0\0\1"), "no length"),
        (lambda data: data + message(b"Z", b"T"), "something follows the end"),
        (lambda data: data.replace(message(b"d", row(b"1", b"x")), message(b"d", row(b"1", b"x")[:-1])), "too short|past its row|don't fill"),
    ],
)  # fmt: skip
def test_what_is_no_such_stream(
    serve: Callable[..., Any], damage: Callable[[bytes], bytes], said: str
) -> None:
    data = answer([row(*values) for values in VALUES])
    assert damage(data) != data
    with pytest.raises(ConnectionLost, match=said):
        read(serve(damage(data)))


def test_another_number_of_columns(serve: Callable[..., Any]) -> None:
    with pytest.raises(SchemaChanged, match="2 columns where 3"):
        read(serve(answer([row(*values) for values in VALUES])), columns=3)


# On a real server

SHAPE = TableShape(
    ObjectRef(ObjectType.VIEW, "v"),
    (SourceColumn("n", "bigint", Kind.NUMBER), SourceColumn("t", "text", Kind.TEXT)),
)


def request_of(schema: str) -> ReadRequest:
    return ReadRequest(database=schema, shape=SHAPE, part=PartPlan(number=0))


@pytest.fixture(params=["socket", "libpq"])
def way(request: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """From the socket, and row by row from libpq as over TLS."""
    if request.param == "libpq":
        monkeypatch.setattr(copy, "begins_at_once", lambda wire: False)
    return str(request.param)


def test_errors_and_early_ends_leave_a_session_in_step(postgresql: PostgresqlServer, way: str) -> None:
    database = postgresql.new_database()
    postgresql.run(
        "CREATE VIEW v AS SELECT n, repeat('x', 100) || 1 / (n - 150000) AS t FROM generate_series(1, 200000) n",
        "CREATE VIEW whole AS SELECT n, repeat('x', 100) AS t FROM generate_series(1, 200000) n",
        database=database,
    )
    source = PostgresqlSource(postgresql.connection("c", database), postgresql.credentials())
    with source.connect() as session:
        session.begin()
        came: list[TextChunk] = []
        with pytest.raises(OfframpError, match="division by zero"):
            came.extend(session.read(request_of("public")))
        assert sum(chunk.rows for chunk in came) > 100_000
        whole = TableShape(ObjectRef(ObjectType.VIEW, "whole"), SHAPE.columns)
        asked = ReadRequest(database="public", shape=whole, part=PartPlan(number=0))
        for _ in range(2):
            chunks = iter(session.read(asked))
            next(chunks)
            chunks.close()  # type: ignore[attr-defined]
        assert sum(chunk.rows for chunk in session.read(asked)) == 200_000
        session.end()
        assert session.databases()
