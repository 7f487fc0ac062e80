"""Connections that are cut, stalled and delayed at every packet of the server: in one process, on sessions."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from connectors.base import Session
from connectors.sources.mysql import MysqlSource
from connectors.sources.mysql.login import KEEP_ALIVE
from connectors.sources.mysql.session import MysqlSession
from core.errors import ConnectionLost, OfframpError, Unreachable
from core.model.connection import Connection, TlsSettings
from core.model.vocabulary import Consistency, Lock, ObjectRef, ObjectType, SchemaFlavour
from tests.connectors.mysql_helpers import read_rows, table
from tests.faults.proxy import Fault, Kind, Proxy
from tests.servers.family import MysqlFamilyServer
from tests.servers.mariadb import MariadbServer

SILENCE = 0.4
"""What stands for the connection's timeouts, in seconds; the fields are whole numbers for people."""


@dataclass
class Small:
    """A small database, and everything that a task asks of it."""

    server: MysqlFamilyServer
    database: str

    def source(self, **changes: Any) -> MysqlSource:
        connection = self.server.connection(database=self.database)
        return MysqlSource(replace(connection, **changes), self.server.credentials())

    def through(self, proxy: Proxy, **changes: Any) -> MysqlSource:
        tls = TlsSettings(mode="off")  # the proxy counts packets
        return self.source(unix_socket=None, host="127.0.0.1", port=proxy.port, tls=tls, **changes)

    def walk(self, session: Session) -> tuple[object, ...]:
        """As a task does: look around, check, fix a point in time, read, look again."""
        view = ObjectRef(ObjectType.VIEW, "v")
        assert isinstance(session, MysqlSession)
        found: list[object] = [self.database in session.databases()]
        found += [[info.ref for info in session.objects(self.database)]]
        session.check_consistency(Consistency.TASK, Lock.NEVER, content_has_tables=True)
        session.snapshot_life()
        shapes = [session.describe(self.database, ref) for ref in (table("t"), view)]
        for shape in shapes:
            session.check_readable(self.database, shape)
        session.begin()
        for shape in shapes:
            found.append(session.ddl(self.database, shape.ref, SchemaFlavour.NATIVE).create)
            session.split(self.database, shape, 2)
            found.append(read_rows(session, self.database, shape))
        session.end()
        return tuple(found)

    def outcome(self, source: MysqlSource) -> tuple[object, ...] | OfframpError:
        """What was found, or the error that a task would end its attempt with."""
        try:
            with source.connect() as session:
                return self.walk(session)
        except OfframpError as error:
            return error


@pytest.fixture
def small(mysql_family: MysqlFamilyServer) -> Small:
    database = mysql_family.new_database()
    mysql_family.run(
        "CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(20), kind ENUM('a', 'b,c'))",
        "INSERT INTO t VALUES (1, 'one', 'a'), (2, NULL, 'b,c'), (3, '', NULL), (4, 'vier', 'a'), (5, 'v', 'a')",
        "CREATE VIEW v AS SELECT id, name FROM t",
        database=database,
    )
    return Small(mysql_family, database)


@pytest.fixture
def upstream(mysql_family: MysqlFamilyServer) -> tuple[str, int] | str:
    if mysql_family.port is None:
        return mysql_family.socket
    return ("127.0.0.1", mysql_family.port)


def first_only(fault: Fault) -> Callable[[int], Fault | None]:
    return lambda number: fault if number == 0 else None


def check(small: Small, upstream: Any, whole: tuple[object, ...], fault: Fault) -> str:
    """One walk with one fault: exact, or an error that is tried again. Gives a word for which."""
    with Proxy(upstream, first_only(fault)) as proxy:
        began = time.monotonic()
        found = small.outcome(small.through(proxy, connect_timeout=SILENCE, read_timeout=SILENCE))
        took = time.monotonic() - began
        met = bool(proxy.met)
    assert took < 8, fault
    if isinstance(found, OfframpError):
        assert isinstance(found, Unreachable | ConnectionLost), (fault, repr(found))
        assert found.transient
        assert met, (fault, repr(found))
        return "error"
    assert found == whole, fault
    return "exact"


@pytest.mark.parametrize("kind", [Kind.FIN, Kind.RESET, Kind.STALL])
def test_at_every_packet(small: Small, upstream: Any, kind: Kind) -> None:
    """Cut or stalled before each packet, and amid its header or its first bytes by turns. OceanBase, whose
    packets are the same, gets some of them."""
    with Proxy(upstream) as proxy:
        whole = small.outcome(small.through(proxy))
        count = proxy.packets[0]
        assert proxy.packets == [count], "one connection is enough"
    assert isinstance(whole, tuple), whole
    assert count > 80
    step = 1 if small.server.product == "mariadb" else 10
    faults = [Fault(kind, packets=n, amid=(0, 2, 5)[n % 3]) for n in range(0, count - 1, step)]
    with ThreadPoolExecutor(12 if kind is Kind.STALL else 2) as pool:
        results = list(pool.map(lambda fault: check(small, upstream, whole, fault), faults))
    assert results == ["error"] * len(faults)
    # The last packet answers COMMIT, or ends the last result; nothing comes after it.
    assert check(small, upstream, whole, Fault(kind, packets=count - 1)) == "error"
    assert check(small, upstream, whole, Fault(kind, packets=count)) == "exact"
    assert not [thread for thread in threading.enumerate() if thread.name == "receive"]


def test_every_packet_late(small: Small, upstream: Any) -> None:
    with Proxy(upstream, first_only(Fault(Kind.DELAY, seconds=0.004))) as proxy:
        found = small.outcome(small.through(proxy))
        assert found == small.outcome(small.source())


def test_a_unix_socket(small: Small, upstream: Any, tmp_path: Path) -> None:
    """The same over a socket, at some packets."""
    path = tmp_path / "s"
    with Proxy(upstream, listen=path) as proxy:
        whole = small.outcome(small.source(unix_socket=str(path)))
        count = proxy.packets[0]
    path.unlink()
    for number in (0, 1, count // 3, count // 2, count - 2):
        with Proxy(upstream, first_only(Fault(Kind.FIN, packets=number, amid=3)), listen=path):
            found = small.outcome(small.source(unix_socket=str(path)))
            assert isinstance(found, Unreachable | ConnectionLost), found
        path.unlink()
    assert isinstance(whole, tuple)


def test_rows_that_come_by_the_megabyte(small: Small, upstream: Any) -> None:
    """Received ahead by a thread, and cut or stalled behind the first rows, or before the last packet."""
    rows = 6000
    values = ",".join(f"({i}, REPEAT('x', 800))" for i in range(rows))
    small.server.run(
        "CREATE TABLE big (id INT PRIMARY KEY, pad TEXT)", f"INSERT INTO big VALUES {values}",
        database=small.database,
    )  # fmt: skip
    mark = b"FROM `%s`.`big`" % small.database.encode()
    for kind, numbers in (
        (Kind.FIN, (1000, rows + 4)),
        (Kind.RESET, (3000,)),
        (Kind.STALL, (3000, rows + 4)),
    ):
        for packets in numbers:
            fault = Fault(kind, packets=packets, at=mark, amid=2)
            with Proxy(upstream, first_only(fault)) as proxy:
                source = small.through(proxy, read_timeout=1)
                with source.connect() as session:
                    assert isinstance(session, MysqlSession)
                    shape = session.describe(small.database, table("big"))
                    session.begin()
                    began = time.monotonic()
                    with pytest.raises(ConnectionLost) as caught:
                        read_rows(session, small.database, shape)
                    assert "TABLE:big" in str(caught.value)
                    assert time.monotonic() - began < 10
    assert not [thread for thread in threading.enumerate() if thread.name == "receive"]


def running(server: MysqlFamilyServer, text: str) -> list[dict[str, Any]]:
    return [row for row in server.processlist() if text in str(row["Info"])]


def gone(server: MysqlFamilyServer, text: str, seconds: float = 8) -> bool:
    deadline = time.monotonic() + seconds
    while running(server, text):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize("kind", [Kind.STALL, Kind.RESET])
def test_a_query_whose_connection_died_is_ended_on_the_server(
    small: Small, upstream: Any, kind: Kind
) -> None:
    """The server would notice when it writes next: here after an hour. A retry would start a second one."""
    small.server.run("CREATE VIEW slow AS SELECT id, SLEEP(3600) AS z FROM t", database=small.database)
    foreign = small.server.admin(small.database)
    with foreign.cursor() as cursor:
        cursor.execute("SELECT 1")
        other = threading.Thread(target=lambda: quietly(cursor, "SELECT /* not ours */ SLEEP(60)"))
        other.start()
        fault = Fault(Kind.STALL, at=b"`slow`", packets=0)
        with Proxy(upstream, first_only(fault)) as proxy, small.through(proxy).connect() as session:
            assert isinstance(session, MysqlSession)
            shape = session.describe(small.database, ObjectRef(ObjectType.VIEW, "slow"))
            wire = session._link.wire
            wire._read_timeout = 1 if kind is Kind.STALL else 60
            reader = ThreadPoolExecutor(1).submit(read_rows, session, small.database, shape)
            assert wait_for(lambda: bool(running(small.server, f"FROM `{small.database}`.`slow`")))
            if kind is Kind.RESET:
                wire._sock.shutdown(socket.SHUT_RDWR)
            with pytest.raises(ConnectionLost):
                reader.result(15)
            assert gone(small.server, f"FROM `{small.database}`.`slow`")
            assert running(small.server, "not ours")
        for row in running(small.server, "not ours"):
            small.server.run(f"KILL {row['Id']}")
        other.join(10)


def quietly(cursor: Any, statement: str) -> None:
    """Run a statement that will be killed."""
    try:
        cursor.execute(statement)
    except Exception:  # noqa: BLE001 - however the server ends it
        return


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_left_over_statements_are_told_from_others(small: Small) -> None:
    """By the program's name alone: not of another attempt, not of another program, not the number of a
    connection."""
    small.server.run("CREATE VIEW slow AS SELECT id, SLEEP(30) AS z FROM t", database=small.database)
    sources = {
        name: MysqlSource(
            small.server.connection(database=small.database), small.server.credentials(), program=name
        )
        for name in ("offramp task 7 aaaa", "offramp task 7 aaab", "offramp task 71")
    }
    sessions = {name: source.connect() for name, source in sources.items()}

    def read(session: Session) -> None:
        shape = session.describe(small.database, ObjectRef(ObjectType.VIEW, "slow"))
        assert isinstance(session, MysqlSession)
        with pytest.raises(OfframpError):
            read_rows(session, small.database, shape)

    with ThreadPoolExecutor(3) as pool:
        for session in sessions.values():
            pool.submit(read, session)
        assert wait_for(lambda: len(running(small.server, f"`{small.database}`.`slow`")) == 3)
        assert sources["offramp task 7 aaaa"].end_left_over() == 1
        assert wait_for(lambda: len(running(small.server, f"`{small.database}`.`slow`")) == 2)
        assert not running(small.server, "task 7 aaaa ")
        for name, source in sources.items():
            assert source.end_left_over() == (0 if name.endswith("aaaa") else 1)
    for session in sessions.values():
        session.close()


@pytest.mark.mariadb
def test_a_dead_network_is_noticed(mariadb: MariadbServer) -> None:
    """A network that drops packets in silence can't be had here; these options of the socket ask after it."""
    with MysqlSource(mariadb.connection(tcp=True), mariadb.credentials()).connect() as session:
        assert isinstance(session, MysqlSession)
        plain = session._link.wire._sock
        assert plain.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        found = {
            name: plain.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
            for name, _ in KEEP_ALIVE
            if hasattr(socket, name)
        }
    assert found == {name: value for name, value in KEEP_ALIVE if hasattr(socket, name)}
    assert found["TCP_KEEPIDLE"] + found["TCP_KEEPINTVL"] * found["TCP_KEEPCNT"] <= 120


def test_the_servers_silence_has_a_limit_by_default() -> None:
    from core.model.vocabulary import Mode

    assert Connection(name="c", mode=Mode.MYSQL, host="h", user="u").read_timeout == 600


@pytest.fixture
def locked(mariadb: MariadbServer, small: Small) -> Iterator[Small]:
    """`t` is locked by somebody."""
    somebody = mariadb.admin(small.database)
    with somebody.cursor() as cursor:
        cursor.execute("LOCK TABLES t WRITE")
        yield small
    somebody.close()


@pytest.mark.parametrize("mysql_family", [pytest.param("mariadb", marks=pytest.mark.mariadb)], indirect=True)
def test_a_lock_that_does_not_come(locked: Small) -> None:
    """The server itself gives up before the silence says less, so that nothing is left waiting there."""
    found = locked.outcome(locked.source(read_timeout=2))
    assert isinstance(found, ConnectionLost), found
    assert "lock didn't come free in time while reading TABLE:t" in found.message
    assert not running(locked.server, f"`{locked.database}`.`t`")
