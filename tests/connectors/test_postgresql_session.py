"""Getting into PostgreSQL, what is found there, rights, and what happens to a statement from outside."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from connectors.base import Credentials, ReadRequest
from connectors.sources.postgresql import PostgresqlSource
from connectors.sources.postgresql.session import PostgresqlSession
from core.errors import (
    BrokenObject,
    ConnectionLost,
    LoginRefused,
    NoPrivilege,
    NotFound,
    OfframpError,
    TlsError,
    UnknownHost,
    Unreachable,
    Unsupported,
)
from core.model.connection import TlsSettings
from core.model.vocabulary import ObjectRef, ObjectType
from tests.connectors.postgresql_helpers import WHOLE, read_rows, read_table, session_of, table
from tests.servers.postgresql import PostgresqlServer

pytestmark = pytest.mark.postgresql

PROGRAM = "offramp task 7 0123456789abcdef"


@pytest.fixture(scope="module")
def database(postgresql: PostgresqlServer) -> str:
    name = postgresql.new_database()
    postgresql.run(
        "CREATE SCHEMA \"Other one\"", "CREATE EXTENSION hstore WITH SCHEMA \"Other one\"",
        "CREATE TABLE plain (a int, b text, PRIMARY KEY (b, a))", "COMMENT ON TABLE plain IS 'said'",
        "CREATE TABLE parted (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at)",
        "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')",
        "CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM ('2021-01-01') TO ('2022-01-01')",
        "INSERT INTO parted VALUES (1, '2020-05-05'), (2, '2021-05-05')", "ANALYZE parted",
        "CREATE TABLE parent (id int)", "CREATE TABLE child (more text) INHERITS (parent)",
        "INSERT INTO parent VALUES (1)", "INSERT INTO child VALUES (2, 'x')",
        "CREATE TABLE loose (a int UNIQUE, b int NOT NULL, c int NOT NULL, d int NOT NULL)",
        "CREATE UNIQUE INDEX ON loose (b) WHERE b > 5", "CREATE UNIQUE INDEX ON loose ((c + 1))",
        "ALTER TABLE loose ADD UNIQUE (c) DEFERRABLE", "CREATE UNIQUE INDEX ON loose (d) INCLUDE (a)",
        "CREATE TABLE made (id int GENERATED ALWAYS AS IDENTITY, two int GENERATED ALWAYS AS (id * 2) STORED)",
        "CREATE VIEW seen AS SELECT * FROM plain", "CREATE VIEW broken AS SELECT 1 / 0 AS x",
        "CREATE MATERIALIZED VIEW kept AS SELECT 1 AS one", "CREATE MATERIALIZED VIEW empty AS SELECT 1 AS one WITH NO DATA",
        "CREATE SEQUENCE counter", "CREATE TYPE mood AS ENUM ('a')", "CREATE DOMAIN short AS text",
        "CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT $1'",
        "CREATE FUNCTION twice(text, mood) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE PROCEDURE act(INOUT int) LANGUAGE plpgsql AS 'BEGIN END'",
        "CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "CREATE TRIGGER fires BEFORE INSERT ON plain FOR EACH ROW EXECUTE FUNCTION fire()",
        "CREATE TRIGGER fires BEFORE INSERT ON parted FOR EACH ROW EXECUTE FUNCTION fire()",
        "CREATE TABLE nothing ()",
        "CREATE TABLE secret (id int PRIMARY KEY, owner name)", "ALTER TABLE secret ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY own ON secret USING (owner = CURRENT_USER)",
        "DROP ROLE IF EXISTS little", "CREATE ROLE little LOGIN PASSWORD 'little'",
        "GRANT SELECT ON secret, plain TO little", "GRANT SELECT (b) ON loose TO little",
        database=name,
    )  # fmt: skip
    return name


@pytest.fixture
def session(postgresql: PostgresqlServer, database: str) -> Iterator[PostgresqlSession]:
    with session_of(postgresql, database) as session:
        yield session


# What there is


def test_schemas_are_the_databases(session: PostgresqlSession) -> None:
    assert session.databases() == ["Other one", "public"]
    assert session.begins_in == "public"
    # What an extension brought isn't anybody's to export.
    assert session.objects("Other one") == []
    with pytest.raises(NotFound, match="no schema 'pg_catalog'"):
        session.objects("pg_catalog")


def test_one_begins_where_the_account_does(postgresql: PostgresqlServer, database: str) -> None:
    # It may not use the schema "Other one"; pg_catalog isn't anybody's to export.
    for path, begins in (('"Other one", public', "public"), ("none, public", "public"), ("pg_catalog", None)):
        postgresql.run(f'ALTER ROLE little IN DATABASE "{database}" SET search_path = {path}')
        with session_of(postgresql, database, user="little") as session:
            assert session.begins_in == begins
    postgresql.run(f'ALTER ROLE little IN DATABASE "{database}" RESET search_path')


def test_objects_of_every_type_have_names_of_their_own(session: PostgresqlSession) -> None:
    found = [str(o.ref) for o in session.objects("public")]
    assert found == [
        "TYPE:mood", "TYPE:short", "SEQUENCE:counter", "TABLE:child", "TABLE:loose", "TABLE:made", "TABLE:nothing",
        "TABLE:parent", "TABLE:parted", "TABLE:plain", "TABLE:secret", "FUNCTION:fire()",
        "FUNCTION:twice(integer)", "FUNCTION:twice(text, public.mood)", "PROCEDURE:act(integer)",
        "VIEW:broken", "VIEW:seen", "MATERIALIZED_VIEW:empty", "MATERIALIZED_VIEW:kept",
        "TRIGGER:fires ON parted", "TRIGGER:fires ON plain",
    ]  # fmt: skip
    by_name = {o.ref.name: o for o in session.objects("public")}
    assert by_name["plain"].comment == "said"
    assert by_name["plain"].rows is None
    assert (by_name["parted"].rows, by_name["parted"].note) == (2, "partitioned")
    assert by_name["empty"].note == "not populated"
    assert [o.ref.name for o in session.objects("public", [ObjectType.TABLE], "PA")] == ["parent", "parted"]
    assert session.objects("public", [ObjectType.EVENT]) == []


def test_keys_and_what_may_be_inserted(session: PostgresqlSession) -> None:
    assert session.describe("public", table("plain")).key == ("b", "a")
    assert session.describe("public", table("loose")).key == ("d",)
    assert session.describe("public", table("parted")).key == ("id", "at")
    made = session.describe("public", table("made"))
    assert [c.insertable for c in made.columns] == [True, False]
    with pytest.raises(BrokenObject, match="no columns"):
        session.describe("public", table("nothing"))
    with pytest.raises(NotFound):
        session.describe("public", table("seen"))


def test_partitions_are_read_through_their_table_and_heirs_by_themselves(session: PostgresqlSession) -> None:
    assert sorted(read_table(session, "parted")) == [(b"1", b"2020-05-05"), (b"2", b"2021-05-05")]
    assert read_table(session, "parent") == [(b"1",)]
    assert read_table(session, "child") == [(b"2", b"x")]
    assert "inherit" in session.describe("public", table("parent")).warnings[0]


def test_views_that_fail_say_so(session: PostgresqlSession) -> None:
    shape = session.describe("public", ObjectRef(ObjectType.VIEW, "broken"))
    with pytest.raises(BrokenObject, match="division by zero"):
        read_rows(session, shape)
    empty = session.describe("public", ObjectRef(ObjectType.MATERIALIZED_VIEW, "empty"))
    with pytest.raises(BrokenObject, match="has not been populated"):
        session.check_readable("public", empty)


# Rights


def test_rights_are_looked_at_before(postgresql: PostgresqlServer, database: str) -> None:
    with session_of(postgresql, database, user="little") as session:
        session.check_readable("public", session.describe("public", table("plain")))
        for name, words in (
            ("loose", "permission denied"),
            ("made", "permission denied"),
            ("secret", "Row security"),
        ):
            with pytest.raises(NoPrivilege, match=words):
                session.check_readable("public", session.describe("public", table(name)))
        # A right to each column is as good as one to the table, which LOCK TABLE wants.
        postgresql.run(
            "CREATE TABLE by_column AS SELECT 1 AS a, 2 AS b", "GRANT SELECT (a, b) ON by_column TO little",
            database=database,
        )  # fmt: skip
        assert read_table(session, "by_column") == [(b"1", b"2")]
        postgresql.run("DROP TABLE by_column", database=database)
        # Within a point in time too, which outlives the refusal.
        session.begin()
        with pytest.raises(NoPrivilege):
            read_rows(session, session.describe("public", table("secret")))
        assert read_rows(session, session.describe("public", table("plain"))) == []


def test_nothing_can_be_written(session: PostgresqlSession) -> None:
    with pytest.raises(OfframpError, match="read-only"), session._link.saying("writing"):
        session._link.execute("INSERT INTO public.parent VALUES (9)")


# Getting in


def refused(server: PostgresqlServer, password: str = "wrong" * 3, **options: object) -> OfframpError:
    source = PostgresqlSource(server.connection(tcp=True, **options), Credentials(password=password))  # type: ignore[arg-type]
    with pytest.raises(OfframpError) as caught:
        source.connect().close()
    assert password not in str(caught.value)
    steps = list(source.test())
    assert not steps[-1].ok
    assert password not in str(steps)
    return caught.value


def test_who_can_not_get_in_hears_why(postgresql: PostgresqlServer) -> None:
    wrong = refused(postgresql)
    assert isinstance(wrong, LoginRefused)
    # In the server's words, without libpq's about where it is.
    assert wrong.message.endswith(
        " refused user 'offramp': password authentication failed for user \"offramp\"."
    )
    assert isinstance(refused(postgresql, user="nobody"), LoginRefused)
    assert isinstance(refused(postgresql, postgresql.password, database="none"), LoginRefused)
    assert isinstance(refused(postgresql, host="no-such-host.invalid"), UnknownHost)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        away = refused(postgresql, port=port)
        assert isinstance(away, Unreachable)
        assert away.message.startswith("Connection '")
        assert away.message.endswith(") can't be reached: Connection refused.")
        closed.listen()
        begun = time.monotonic()
        assert isinstance(refused(postgresql, port=port, connect_timeout=2), Unreachable)
        assert time.monotonic() - begun < 15


@pytest.mark.parametrize("mode", TlsSettings.MODES)
def test_tls_as_asked(postgresql: PostgresqlServer, mode: str) -> None:
    ca = postgresql.ca if mode.startswith("verify") else None
    connection = postgresql.connection(tcp=True, tls=TlsSettings(mode=mode, ca=ca))
    with PostgresqlSource(connection, postgresql.credentials()).connect() as session:
        assert isinstance(session, PostgresqlSession)
        (encrypted,) = session._link.row("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        assert encrypted is (mode != "off")


def test_a_certificate_that_nobody_vouches_for_is_refused(postgresql: PostgresqlServer) -> None:
    error = refused(postgresql, postgresql.password, tls=TlsSettings(mode="verify-ca"))
    assert isinstance(error, TlsError)
    error = refused(postgresql, postgresql.password, tls=TlsSettings(mode="verify-ca", ca="/none"))
    assert isinstance(error, TlsError)


def test_a_database_without_an_encoding_is_refused(postgresql: PostgresqlServer) -> None:
    name = postgresql.new_database() + "_ascii"
    postgresql.run(f'CREATE DATABASE "{name}" TEMPLATE template0 ENCODING SQL_ASCII LOCALE "C"')
    with pytest.raises(Unsupported, match="SQL_ASCII"), session_of(postgresql, name):
        pass


def test_the_environment_changes_nothing(
    postgresql: PostgresqlServer, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", postgresql.password)
    monkeypatch.setenv("PGOPTIONS", "-c default_transaction_read_only=off -c search_path=elsewhere")
    source = PostgresqlSource(postgresql.connection(database=database), Credentials())
    with pytest.raises(LoginRefused):
        source.connect()
    with session_of(postgresql, database) as session:
        assert session.begins_in == "public"


# From outside


def slow(postgresql: PostgresqlServer) -> str:
    """A database with a view that takes hours."""
    name = postgresql.new_database()
    postgresql.run("CREATE VIEW slow AS SELECT pg_sleep(3600)::text AS x", database=name)
    return name


def reading(session: PostgresqlSession) -> tuple[threading.Thread, list[OfframpError]]:
    """A thread that reads the slow view, once the server runs it."""
    shape = session.describe("public", ObjectRef(ObjectType.VIEW, "slow"))
    session.begin()
    errors: list[OfframpError] = []

    def read() -> None:
        try:
            read_rows(session, shape)
        except OfframpError as error:
            errors.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    return thread, errors


def running(server: PostgresqlServer) -> list[int]:
    return [
        pid
        for (pid,) in server.run(
            "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'COPY%slow%'"
        )
    ]


def wait_for(server: PostgresqlServer, *, there: bool) -> None:
    deadline = time.monotonic() + 60
    while bool(running(server)) is not there:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_cancelling_ends_the_statement_on_the_server(postgresql: PostgresqlServer) -> None:
    with session_of(postgresql, slow(postgresql)) as session:
        session.cancel()  # nothing runs
        thread, errors = reading(session)
        wait_for(postgresql, there=True)
        session.cancel()
        thread.join(30)
        wait_for(postgresql, there=False)
        assert isinstance(errors[0], ConnectionLost)
        session.end()
        assert session.databases() == ["public"]


def test_a_backend_that_is_ended_is_a_connection_that_is_lost(postgresql: PostgresqlServer) -> None:
    with session_of(postgresql, slow(postgresql)) as session:
        thread, errors = reading(session)
        wait_for(postgresql, there=True)
        postgresql.run(f"SELECT pg_terminate_backend({running(postgresql)[0]})")
        thread.join(30)
        assert isinstance(errors[0], ConnectionLost)
        assert errors[0].message.startswith("Connection 'shop': ")
        # The point in time went with it, and is not replaced by another in silence.
        with pytest.raises(ConnectionLost, match="point in time"):
            session.describe("public", ObjectRef(ObjectType.VIEW, "slow"))
        session.end()
        assert session.databases() == ["public"]


def test_a_server_that_falls_silent_is_left_and_told(postgresql: PostgresqlServer) -> None:
    with session_of(postgresql, slow(postgresql), read_timeout=1) as session:
        thread, errors = reading(session)
        thread.join(30)
        assert "silent for 1 s" in errors[0].message
        wait_for(postgresql, there=False)


def test_what_a_dead_process_left_is_ended_and_nothing_else(postgresql: PostgresqlServer) -> None:
    name = slow(postgresql)
    connection, credentials = postgresql.connection(database=name), postgresql.credentials()
    with session_of(postgresql, name) as session:
        thread, errors = reading(session)
        wait_for(postgresql, there=True)
        other = PostgresqlSource(connection, credentials, program="offramp task 7 0123456789abcdee")
        assert other.end_left_over() == 0
        assert running(postgresql)
        assert PostgresqlSource(connection, credentials, program=PROGRAM).end_left_over() == 1
        thread.join(30)
        assert isinstance(errors[0], ConnectionLost)


def test_a_lock_that_does_not_come_is_words(postgresql: PostgresqlServer) -> None:
    name = postgresql.new_database()
    postgresql.run("CREATE TABLE held (id int)", database=name)
    with session_of(postgresql, name, read_timeout=2) as session, postgresql.admin(name) as other:
        shape = session.describe("public", table("held"))
        session.begin()
        with other.transaction():
            other.execute("LOCK TABLE held")
            with pytest.raises(ConnectionLost, match="lock didn't come free"):
                read_rows(session, shape)
        assert read_rows(session, shape) == []


def test_a_reader_that_is_left_early_leaves_the_session_usable(postgresql: PostgresqlServer) -> None:
    name = postgresql.new_database()
    postgresql.run("CREATE TABLE much AS SELECT i FROM generate_series(1, 500000) i", database=name)
    with session_of(postgresql, name, tcp=True) as session:
        shape = session.describe("public", table("much"))
        first = session.begin()
        rows = session.read(ReadRequest("public", shape, WHOLE, chunk_bytes=1000))
        next(rows)
        rows.close()  # type: ignore[attr-defined]
        assert len(read_rows(session, shape)) == 500_000
        assert first.id == session._link.row("SELECT pg_current_snapshot()::text")[0]
