"""A connection that ends, or falls silent, after so many bytes of the server's: never a result that looks
whole."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from connectors.sources.postgresql import PostgresqlSource
from core.errors import ConnectionLost
from tests.connectors.postgresql_helpers import read_rows, table
from tests.servers.postgresql import PostgresqlServer

pytestmark = pytest.mark.postgresql

ROWS = 20_000


class Relay:
    """Leads from a loopback port to the server. Once `limit` is set, so many further bytes of the server's come
    through on the first connection; then it is cut, or `silent` for ever."""

    def __init__(self, server: PostgresqlServer, *, silent: bool) -> None:
        self._server, self._silent = (server.host, server.port), silent
        self.limit: int | None = None
        self.passed = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = [self._listener]
        self._first = True
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                upstream = socket.create_connection(self._server)
                self._open += [client, upstream]
                for one, other, counted in ((client, upstream, False), (upstream, client, self._first)):
                    threading.Thread(target=self._pump, args=(one, other, counted), daemon=True).start()
                self._first = False

    def _pump(self, one: socket.socket, other: socket.socket, counted: bool) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(4096):
                if counted and self.limit is not None:
                    data = data[: max(0, self.limit - self.passed)]
                    self.passed += len(data)
                    other.sendall(data)
                    if self.passed >= self.limit:
                        if not self._silent:
                            other.shutdown(socket.SHUT_RDWR)
                        return
                else:
                    other.sendall(data)
            other.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


@pytest.fixture(scope="module")
def database(postgresql: PostgresqlServer) -> str:
    name = postgresql.new_database()
    postgresql.run(
        f"CREATE TABLE t AS SELECT i, 'text ' || i AS x FROM generate_series(1, {ROWS}) i", database=name
    )
    return name


@contextlib.contextmanager
def relayed(server: PostgresqlServer, *, silent: bool) -> Iterator[Relay]:
    relay = Relay(server, silent=silent)
    try:
        yield relay
    finally:
        relay.close()


def result_bytes(server: PostgresqlServer, database: str) -> int:
    """How many bytes of the server's a whole reading takes."""
    with relayed(server, silent=False) as relay:
        source = PostgresqlSource(
            server.connection("shop", database, tcp=True, port=relay.port), server.credentials()
        )
        with source.connect() as session:
            shape = session.describe("public", table("t"))
            session.begin()
            relay.limit = 1 << 40
            assert len(read_rows(session, shape)) == ROWS
            return relay.passed


@pytest.mark.parametrize("silent", [False, True])
def test_a_connection_that_ends_is_never_a_whole_result(
    postgresql: PostgresqlServer, database: str, silent: bool
) -> None:
    whole = result_bytes(postgresql, database)
    # Before the first row, within rows, and from the end of the last one on, byte by byte for a stretch.
    places = (
        (whole // 2, whole - 1) if silent else (1, 500, whole // 3, whole // 2, *range(whole - 60, whole, 7))
    )
    for place in places:
        with relayed(postgresql, silent=silent) as relay:
            connection = postgresql.connection(
                "shop", database, tcp=True, port=relay.port, read_timeout=1 if silent else 60
            )
            with PostgresqlSource(connection, postgresql.credentials()).connect() as session:
                shape = session.describe("public", table("t"))
                session.begin()
                relay.limit = place
                with pytest.raises(ConnectionLost, match="Connection 'shop'"):
                    read_rows(session, shape)
    left = postgresql.run(
        f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' AND state = 'active' AND query LIKE 'COPY%'"
    )
    assert left == [(0,)]
