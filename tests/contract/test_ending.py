"""Abort, killed queries, accounts that may not: what is cut off or forbidden never looks like less data."""

from __future__ import annotations

import threading
from time import monotonic

import pytest

from connectors.base import ReadRequest, Session
from core.errors import ConnectionLost, NotFound, OfframpError, SourceError
from core.model.vocabulary import ObjectRef, ObjectType, SchemaFlavour
from tests.contract.reading import WHOLE, read, read_now, rows_of, table, until
from tests.contract.subject import Subject

SLOW = ObjectRef(ObjectType.VIEW, "slow")
PROGRAM = "offramp task 7 00112233"


def slow_view(subject: Subject) -> None:
    if "few" in subject.slow:
        subject.run("CREATE TABLE few (a INT PRIMARY KEY)", "INSERT INTO few VALUES (1), (2), (3)")
    subject.run(f"CREATE VIEW slow AS {subject.slow}")


class Reader(threading.Thread):
    """Reads the slow view until it is stopped; `error` is how that ended."""

    def __init__(self, subject: Subject, session: Session) -> None:
        super().__init__()
        self.error: OfframpError | None = None
        self.ended = False
        self._session = session
        self._request = ReadRequest(subject.place, session.describe(subject.place, SLOW), WHOLE)

    def run(self) -> None:
        try:
            for chunk in self._session.read(self._request):
                rows_of(chunk)
        except OfframpError as error:
            self.error = error
        else:
            self.ended = True


def test_an_abort_ends_the_query_on_the_server_too(subject: Subject) -> None:
    slow_view(subject)
    with subject.source(program=PROGRAM).connect() as session:
        session.cancel()  # nothing runs
        reader = Reader(subject, session)
        reader.start()
        if subject.server:
            until(lambda: subject.running(PROGRAM))
        began = monotonic()
        while reader.is_alive():
            session.cancel()
            reader.join(0.2)
            assert monotonic() - began < 30
        assert not reader.ended
        assert isinstance(reader.error, ConnectionLost)
        assert reader.error.transient
        if subject.server:
            until(lambda: not subject.running(PROGRAM))
        # The session is as good as before.
        assert subject.place in session.databases()


def test_a_killed_query_is_no_short_result(server: Subject) -> None:
    slow_view(server)
    with server.source(program=PROGRAM).connect() as session:
        reader = Reader(server, session)
        reader.start()
        until(lambda: server.running(PROGRAM))
        server.end(PROGRAM)
        reader.join(30)
        assert not reader.ended
        assert isinstance(reader.error, ConnectionLost)


def test_what_a_dead_process_left_is_ended_and_nothing_else(server: Subject) -> None:
    slow_view(server)
    with server.source(program=PROGRAM).connect() as session:
        reader = Reader(server, session)
        reader.start()
        until(lambda: server.running(PROGRAM))
        assert server.source(program=PROGRAM[:-1] + "4").end_left_over() == 0
        assert server.running(PROGRAM)
        assert server.source(program=PROGRAM).end_left_over() == 1
        reader.join(30)
        assert isinstance(reader.error, ConnectionLost)


def test_a_reader_that_is_left_early_leaves_the_session_usable(subject: Subject) -> None:
    integer = subject.types["integer"]
    subject.run(f"CREATE TABLE much (id {integer} NOT NULL PRIMARY KEY, x {subject.types['text']})")
    for start in range(0, 4000, 1000):
        rows = ", ".join(f"({n}, '{'x' * 100}')" for n in range(start, start + 1000))
        subject.run(f"INSERT INTO much VALUES {rows}")
    with subject.source().connect() as session:
        shape = session.describe(subject.place, table("much"))
        session.begin()
        chunks = session.read(ReadRequest(subject.place, shape, WHOLE, chunk_bytes=10_000))
        assert next(chunks).rows < 4000
        chunks.close()  # type: ignore[attr-defined]
        assert len(read(session, subject.place, shape)) == 4000
        session.end()


def test_what_an_account_may_not_read_is_said(server: Subject) -> None:
    integer = server.types["integer"]
    for name in ("open_one", "closed"):
        server.run(
            f"CREATE TABLE {name} (id {integer} NOT NULL PRIMARY KEY)", f"INSERT INTO {name} VALUES (1)"
        )
    account = server.account("open_one")
    with server.source(account).connect() as session:
        shape = session.describe(server.place, table("open_one"))
        session.check_readable(server.place, shape)
        assert read_now(session, server.place, "open_one") == [(b"1",)]
        # Some servers don't even say that there is such a table.
        with pytest.raises((SourceError, NotFound)) as caught:
            session.check_readable(server.place, session.describe(server.place, table("closed")))
        assert not caught.value.transient
        assert "closed" in caught.value.message
        steps = list(server.source(account).test())
        assert all(step.ok for step in steps), steps


def test_a_password_that_is_wrong_is_said_without_it(server: Subject) -> None:
    source = server.source(server.account())
    object.__setattr__(source.credentials, "password", "hunter2-canary")
    with pytest.raises(OfframpError) as caught:
        source.connect()
    assert "hunter2" not in f"{caught.value.message} {caught.value.hint}"
    steps = list(source.test())
    assert not steps[-1].ok
    assert "hunter2" not in repr(steps)


def test_what_is_not_there_is_said(subject: Subject) -> None:
    with subject.source().connect() as session:
        with pytest.raises(NotFound):
            session.objects("no such place")
        with pytest.raises(NotFound, match="nothing_here"):
            session.describe(subject.place, table("nothing_here"))
        with pytest.raises(NotFound, match="nothing_here"):
            session.ddl(subject.place, table("nothing_here"), SchemaFlavour.NATIVE)
    assert all(step.ok for step in subject.source().test())
