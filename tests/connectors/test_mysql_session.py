"""Getting in, being recognised, and ending what runs."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
import pytest

from connectors.base import Credentials
from connectors.base import TestStep as Step
from connectors.sources.mysql import MysqlSource, link
from connectors.sources.mysql.errors import login_error
from connectors.sources.mysql.session import MysqlSession
from core.errors import (
    ConnectionLost,
    LoginRefused,
    OfframpError,
    TlsError,
    UnknownHost,
    Unreachable,
    Unsupported,
)
from core.model.connection import Connection, TlsSettings
from core.model.settings import SysAccount
from core.model.vocabulary import Mode, ObjectRef, ObjectType
from tests.connectors.mysql_helpers import read_rows, request, session_of, table
from tests.servers.family import MysqlFamilyServer
from tests.servers.mariadb import MariadbServer, free_port
from tests.servers.oceanbase import OceanbaseServer

CANARY = "canary-7f3a91"


def failing(connection: Connection, password: str | None) -> OfframpError:
    with pytest.raises(OfframpError) as caught:
        MysqlSource(connection, Credentials(password=password)).connect()
    said = f"{caught.value} {caught.value!r} {caught.value.info()} {MysqlSource(connection, Credentials(password))!r}"
    assert CANARY not in said
    return caught.value


def test_who_is_there(mysql_family: MysqlFamilyServer) -> None:
    with session_of(mysql_family) as session:
        assert session.server.product.lower() == mysql_family.product
        assert session.server.user.startswith(mysql_family.user + "@")
        assert session.server.notes == ()
    other = msgspec.structs.replace(mysql_family.connection(), mode=Mode.MYSQL)
    with MysqlSource(other, mysql_family.credentials()).connect() as found:
        assert "says MySQL" in found.server.notes[0]


def test_wrong_password_and_unknown_user(mysql_family: MysqlFamilyServer) -> None:
    for user in (mysql_family.user, "nobody"):
        connection = msgspec.structs.replace(mysql_family.connection(name="shop"), user=user)
        error = failing(connection, CANARY)
        assert isinstance(error, LoginRefused)
        assert "'shop'" in error.message
        assert f"'{user}'" in error.message


def test_nobody_there(tmp_path: object) -> None:
    gone = Connection(name="shop", mode=Mode.MYSQL, unix_socket=f"{tmp_path}/none", user="u")
    assert isinstance(failing(gone, CANARY), Unreachable)
    refused = Connection(name="shop", mode=Mode.MYSQL, host="127.0.0.1", port=free_port(), user="u")
    assert isinstance(failing(refused, CANARY), Unreachable)
    unknown = Connection(name="shop", mode=Mode.MYSQL, host="no-such-host.invalid", port=3306, user="u")
    error = failing(unknown, CANARY)
    assert isinstance(error, UnknownHost)
    assert not error.transient
    assert "host" in error.message


@contextmanager
def listener(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """Something that listens and answers each caller so."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    caller, _ = server.accept()
                except OSError:
                    return
                held.append(caller)
                answer(caller)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            for caller in held:
                caller.close()
            thread.join(5)


@pytest.mark.parametrize(
    "answer",
    [
        lambda caller: None,
        lambda caller: caller.close(),
        lambda caller: caller.sendall(b"SSH-2.0-OpenSSH_9.2\r\n"),
        lambda caller: caller.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        lambda caller: caller.sendall(b"\x4a\0\0\0\x0a"),
    ],
    ids=["silent", "closes", "ssh", "http", "half a greeting"],
)
def test_a_port_that_is_open_but_no_server(answer: Callable[[socket.socket], None]) -> None:
    with listener(answer) as port:
        connection = Connection(
            name="shop", mode=Mode.MYSQL, host="127.0.0.1", port=port, user="u", connect_timeout=1
        )
        began = time.monotonic()
        error = failing(connection, CANARY)
        assert time.monotonic() - began < 4
        assert isinstance(error, Unreachable), repr(error)
        assert "'shop'" in error.message


@pytest.mark.mariadb
@pytest.mark.parametrize(
    ("mode", "with_ca", "host", "works"),
    [
        ("off", False, "127.0.0.1", True),
        ("prefer", False, "127.0.0.1", True),
        ("require", False, "127.0.0.1", True),
        ("verify-ca", True, "127.0.0.1", True),
        ("verify-identity", True, "127.0.0.1", True),
        ("verify-ca", False, "127.0.0.1", False),
        ("verify-identity", False, "127.0.0.1", False),
        ("verify-identity", True, "127.0.0.2", False),
        ("verify-ca", True, "127.0.0.2", True),
    ],
)
def test_tls(mariadb: MariadbServer, mode: str, with_ca: bool, host: str, works: bool) -> None:
    server = mariadb
    if host != "127.0.0.1":
        relay = relay_to(server.port or 0, host)
    tls = TlsSettings(mode=mode, ca=server.ca if with_ca else None)
    connection = msgspec.structs.replace(server.connection(tcp=True), tls=tls, host=host)
    if host != "127.0.0.1":
        connection = msgspec.structs.replace(connection, port=relay)
    if not works:
        with pytest.raises(TlsError):
            MysqlSource(connection, server.credentials()).connect()
        return
    with MysqlSource(connection, server.credentials()).connect() as session:
        assert isinstance(session, MysqlSession)
        cipher = session._link.row("SHOW STATUS LIKE 'Ssl_cipher'")[1]
        assert bool(cipher) == (mode != "off")


def relay_to(port: int, host: str) -> int:
    """Another loopback address that leads to the server, for a name that its certificate lacks."""
    server = socket.create_server((host, 0))

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)

    def serve() -> None:
        caller, _ = server.accept()
        onward = socket.create_connection(("127.0.0.1", port))
        threading.Thread(target=pump, args=(caller, onward), daemon=True).start()
        threading.Thread(target=pump, args=(onward, caller), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    return int(server.getsockname()[1])


@pytest.mark.mariadb
def test_tls_that_the_server_does_not_have(mariadb: MariadbServer) -> None:
    plain = MariadbServer("--skip-ssl")
    try:
        connection = plain.connection(tcp=True)
        required = msgspec.structs.replace(connection, tls=TlsSettings(mode="require"))
        with pytest.raises(TlsError):
            MysqlSource(required, plain.credentials()).connect()
        preferred = msgspec.structs.replace(connection, tls=TlsSettings(mode="prefer"))
        MysqlSource(preferred, plain.credentials()).connect().close()
    finally:
        plain.close()
    missing = TlsSettings(mode="verify-ca", ca="/nonexistent/ca.pem")
    with pytest.raises(TlsError):
        MysqlSource(
            msgspec.structs.replace(mariadb.connection(tcp=True), tls=missing), mariadb.credentials()
        ).connect()


def test_oracle_mode_is_refused_in_words(monkeypatch: pytest.MonkeyPatch, oceanbase: OceanbaseServer) -> None:
    import pymysql

    connection = oceanbase.connection(name="ora")
    said = pymysql.err.NotSupportedError(1235, "Oracle tenant for current client driver is not supported")
    error = login_error(said, connection, "u")
    assert isinstance(error, Unsupported)
    assert "Oracle mode" in error.message
    # Where a driver gets in nevertheless, the variable says it.
    original = link.Link.rows

    def rows(self: link.Link, statement: str) -> list[link.Row]:
        if "ob_compatibility_mode" in statement:
            return [("ob_compatibility_mode", "ORACLE")]
        return original(self, statement)

    monkeypatch.setattr(link.Link, "rows", rows)
    with pytest.raises(Unsupported, match="Oracle mode"):
        MysqlSource(connection, oceanbase.credentials()).connect()


def steps_of(found: Iterator[Step]) -> dict[str, Step]:
    return {step.name: step for step in found}


def test_the_test_says_each_step(mysql_family: MysqlFamilyServer) -> None:
    database = mysql_family.new_database()
    source = MysqlSource(mysql_family.connection(database=database), mysql_family.credentials())
    steps = steps_of(source.test())
    assert list(steps) == ["connect", "log in", "version", "rights", "snapshot"]
    assert all(step.ok for step in steps.values())
    wrong = MysqlSource(mysql_family.connection(database="not_there"), mysql_family.credentials())
    last = list(wrong.test())[-1]
    assert (last.name, last.ok) == ("rights", False)
    refused = MysqlSource(mysql_family.connection(), Credentials(password=CANARY))
    last = list(refused.test())[-1]
    assert (last.name, last.ok) == ("log in", False)
    assert CANARY not in last.detail


@pytest.mark.mariadb
def test_the_test_over_the_network(mariadb: MariadbServer) -> None:
    mariadb.new_database()  # one that the account sees: whoever sees none has no rights
    steps = steps_of(MysqlSource(mariadb.connection(tcp=True), mariadb.credentials()).test())
    assert next(iter(steps)) == "resolve"
    assert all(step.ok for step in steps.values())
    unknown = msgspec.structs.replace(mariadb.connection(tcp=True), host="no-such-host.invalid")
    found = list(MysqlSource(unknown, mariadb.credentials()).test())
    assert [(s.name, s.ok) for s in found] == [("resolve", False)]
    silent = msgspec.structs.replace(mariadb.connection(tcp=True), port=free_port())
    found = list(MysqlSource(silent, mariadb.credentials()).test())
    assert [(s.name, s.ok) for s in found] == [("resolve", True), ("connect", False)]


def long_query(server: MysqlFamilyServer) -> str:
    """A database with a view whose first row takes longer than any test."""
    database = server.new_database()
    server.run("CREATE TABLE t (a int PRIMARY KEY)", "INSERT INTO t VALUES (1), (2), (3)", database=database)
    server.run("CREATE VIEW slow AS SELECT a, SLEEP(60) AS z FROM t", database=database)
    return database


def ours(server: MysqlFamilyServer, mark: str) -> list[str]:
    return [str(p["Info"]) for p in server.processlist() if mark in str(p["Info"])]


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it didn't happen"
        time.sleep(0.02)


def test_cancel_ends_the_query_on_the_server(mysql_family: MysqlFamilyServer) -> None:
    database = long_query(mysql_family)
    mark = f"task 4711 of ann {database}"
    with session_of(mysql_family) as session:
        shape = session.describe(database, ObjectRef(ObjectType.VIEW, "slow"))
        caught: list[BaseException] = []

        def work() -> None:
            try:
                read_rows(session, database, shape, comment=mark)
            except OfframpError as error:
                caught.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        # The comment is seen by who looks at the server.
        wait_for(lambda: len(ours(mysql_family, mark)) == 1)
        began = time.monotonic()
        session.cancel()
        thread.join(10)
        assert time.monotonic() - began < 5
        assert isinstance(caught[0], ConnectionLost)
        assert "killed" in str(caught[0])
        wait_for(lambda: ours(mysql_family, mark) == [])
        # Where nothing runs, nothing is done, and the session is as good as before.
        session.cancel()
        assert session.databases()


def test_cancel_while_nobody_takes_the_rows(
    mysql_family: MysqlFamilyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server then hangs in writing, and a reader in its own work: the connection itself is ended."""
    monkeypatch.setattr(link, "CANCEL_SECONDS", 1)
    database = mysql_family.new_database()
    values = ",".join(f"({i}, REPEAT('x', 8000))" for i in range(4000))
    mysql_family.run(
        "CREATE TABLE big (a int PRIMARY KEY, b text)", f"INSERT INTO big VALUES {values}", database=database
    )
    mark = f"task 4712 {database}"
    with session_of(mysql_family) as session:
        shape = session.describe(database, table("big"))
        chunks = session.read(request(database, shape, chunk_bytes=10_000, comment=mark))
        next(chunks)
        assert ours(mysql_family, mark)
        canceller = threading.Thread(target=session.cancel)
        canceller.start()
        canceller.join(10)
        assert not canceller.is_alive()
        wait_for(lambda: ours(mysql_family, mark) == [])
        with pytest.raises(ConnectionLost):
            for _ in chunks:
                pass
        # It gets in again by itself.
        assert len(read_rows(session, database, shape)) == 4000


def test_killed_by_somebody_else(mysql_family: MysqlFamilyServer) -> None:
    database = long_query(mysql_family)
    for verb in ("KILL QUERY", "KILL"):
        with session_of(mysql_family) as session:
            shape = session.describe(database, ObjectRef(ObjectType.VIEW, "slow"))
            number = session._link.wire.thread_id()
            mark = f"{verb} {database}"
            killer = threading.Thread(
                target=lambda mark=mark, verb=verb, number=number: (
                    wait_for(lambda: ours(mysql_family, mark) != []),
                    mysql_family.run(f"{verb} {number}"),
                )
            )
            killer.start()
            with pytest.raises(ConnectionLost):
                read_rows(session, database, shape, comment=mark)
            killer.join()


@pytest.mark.mariadb
def test_a_time_limit_of_the_server(mariadb: MariadbServer) -> None:
    database = mariadb.new_database()
    mariadb.run("CREATE TABLE t (a int PRIMARY KEY)", "INSERT INTO t VALUES (1), (2)", database=database)
    mariadb.run("CREATE VIEW slow AS SELECT a, SLEEP(3) AS z FROM t", database=database)
    with session_of(mariadb) as session:
        shape = session.describe(database, ObjectRef(ObjectType.VIEW, "slow"))
        session._link.execute("SET max_statement_time = 0.2")
        with pytest.raises(ConnectionLost, match="time limit"):
            read_rows(session, database, shape)


@pytest.mark.oceanbase
def test_a_time_limit_of_oceanbase(oceanbase: OceanbaseServer) -> None:
    database = oceanbase.new_database()
    oceanbase.run("CREATE TABLE t (a int PRIMARY KEY)", "INSERT INTO t VALUES (1), (2)", database=database)
    oceanbase.run("CREATE VIEW slow AS SELECT a, SLEEP(3) AS z FROM t", database=database)
    with session_of(oceanbase) as session:
        shape = session.describe(database, ObjectRef(ObjectType.VIEW, "slow"))
        session._link.execute("SET ob_query_timeout = 500000")
        with pytest.raises(ConnectionLost, match="time limit"):
            read_rows(session, database, shape)


@pytest.mark.mariadb
def test_the_server_goes_away_and_comes_back() -> None:
    server = MariadbServer()
    try:
        database = server.new_database()
        server.run("CREATE TABLE t (a int PRIMARY KEY)", "INSERT INTO t VALUES (1)", database=database)
        with session_of(server) as session:
            shape = session.describe(database, table("t"))
            server.stop()
            with pytest.raises(OfframpError) as caught:
                read_rows(session, database, shape)
            assert caught.value.transient
            with pytest.raises(OfframpError) as caught:
                session.databases()
            assert caught.value.transient
            server.start()
            assert read_rows(session, database, shape) == [(b"1",)]
    finally:
        server.close()


@pytest.mark.oceanbase
def test_the_sys_account(oceanbase: OceanbaseServer) -> None:
    """seekdb has one tenant: another, more privileged user stands in for a sys tenant's account."""
    database = oceanbase.new_database()
    values = ",".join(f"({i}, REPEAT('x', 1000))" for i in range(2000))
    oceanbase.run(
        "CREATE TABLE sized (a int PRIMARY KEY, b text)",
        f"INSERT INTO sized VALUES {values}",
        f"CREATE USER lesser_{database} IDENTIFIED BY 'pw'",
        f"GRANT SELECT ON `{database}`.* TO lesser_{database}",
        # Until then all of it is in memory, and has no size.
        "ALTER SYSTEM MINOR FREEZE",
        database=database,
    )
    sizes = f"SELECT REQUIRED_SIZE FROM oceanbase.DBA_OB_TABLE_SPACE_USAGE WHERE DATABASE_NAME = '{database}'"
    wait_for(lambda: any(size for (size,) in oceanbase.run(sizes)), 30)
    connection = msgspec.structs.replace(oceanbase.connection(database=database), user=f"lesser_{database}")
    credentials = Credentials(password="pw", sys_password=None)
    source = MysqlSource(connection, credentials, sys_account=SysAccount(account="root"))
    steps = steps_of(source.test_sys_account())
    assert all(step.ok for step in steps.values())
    assert "Not needed" in steps["needed"].detail
    assert "root@sys" in steps["log in"].detail
    assert "1 known" in steps["sizes"].detail
    with source.connect() as session:
        size = session.describe(database, table("sized")).bytes
        assert size is not None
        assert size > 1000
        listed = {o.ref.name: o.bytes for o in session.objects(database)}
        assert listed["sized"] == size
        assert "sys account is used" in session.server.notes[0]
    wrong = MysqlSource(
        connection, Credentials(password="pw", sys_password=CANARY), sys_account=SysAccount(account="root")
    )
    last = list(wrong.test_sys_account())[-1]
    assert (last.name, last.ok) == ("log in", False)
    assert CANARY not in last.detail
    # An export goes on without.
    with wrong.connect() as session:
        assert "not used" in session.server.notes[0]
        assert session.describe(database, table("sized")).ref.name == "sized"
        assert "not used" in session.server.notes[0]
        assert CANARY not in session.server.notes[0]


@pytest.mark.mariadb
def test_the_sys_account_where_there_is_none(mariadb: MariadbServer) -> None:
    source = MysqlSource(mariadb.connection(), mariadb.credentials(), sys_account=SysAccount(account="root"))
    assert [(s.ok, "Not used" in s.detail) for s in source.test_sys_account()] == [(True, True)]
    with source.connect() as session:
        assert session.server.notes == ()
