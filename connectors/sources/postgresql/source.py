"""The source for connections in the mode postgresql."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from connectors.base import Session, Source, TestStep
from connectors.sources.postgresql.errors import shown
from connectors.sources.postgresql.kill import left_over_name, terminate_named
from connectors.sources.postgresql.link import Link
from connectors.sources.postgresql.login import DEFAULT_PORT, Login
from connectors.sources.postgresql.session import PostgresqlSession
from core.errors import ConnectError, OfframpError, Unreachable
from core.model.vocabulary import Consistency, Lock


class PostgresqlSource(Source):
    """One database of a PostgreSQL server."""

    def _login(self) -> Login:
        return Login(self.connection, self.credentials.password, self.program)

    def connect(self) -> Session:
        return PostgresqlSession(Link(self._login()))

    def end_left_over(self) -> int:
        found = terminate_named(self._login(), left_over_name(self.program), self.connection.connect_timeout)
        if found is None:
            raise Unreachable(f"The server of connection {self.connection.name!r} can't be asked.")
        return found

    def test(self) -> Iterator[TestStep]:
        connection = self.connection
        if connection.unix_socket is None:
            try:
                found = socket.getaddrinfo(
                    connection.host, connection.port or DEFAULT_PORT, type=socket.SOCK_STREAM
                )
            except (OSError, UnicodeError) as error:
                why = error.strerror if isinstance(error, OSError) else "it is no valid name"
                yield _failed(
                    "resolve",
                    f"The host {connection.host!r} is unknown: {why}. "
                    "Check its spelling and the name service.",
                )
                return
            addresses = sorted({str(address[4][0]) for address in found})
            yield _passed("resolve", f"{connection.host} is {', '.join(addresses)}")
        try:
            session = self.connect()
        except ConnectError as error:
            login = error.code in ("login-refused", "unsupported")
            if login:
                yield _passed("connect", connection.place)
            yield _failed("log in" if login else "connect", str(error))
            return
        except OfframpError as error:
            yield _failed("log in", str(error))
            return
        with session:
            yield from self._found(session)

    def _found(self, session: Session) -> Iterator[TestStep]:
        yield _passed("connect", self.connection.place)
        yield _passed("log in", f"as {shown(session.server.user)}")
        version = f"{session.server.product} {session.server.version}"
        yield _passed("version", ". ".join((version, *session.server.notes)))
        step = "rights"
        try:
            schemas = session.databases()
            wanted = self.connection.schema
            if not schemas:
                yield _failed(step, "This user may use no schema: grant it USAGE on what is to leave.")
                return
            if wanted is not None and wanted not in schemas:
                yield _failed(step, f"This user may not use the schema {shown(wanted)!r}, or there is none.")
                return
            yield _passed(step, f"may use {len(schemas)} schema{'s' * (len(schemas) != 1)}")
            step = "snapshot"
            notes = session.check_consistency(Consistency.TASK, Lock.NEVER, content_has_tables=True)
            session.begin()
            session.end()
            yield _passed(step, " ".join(["Points in time can be had.", *notes]))
        except OfframpError as error:
            yield _failed(step, str(error))

    def test_sys_account(self) -> Iterator[TestStep]:
        words = "Not given." if self.sys_account is None else "Not used: only OceanBase has one."
        yield _passed("sys account", words)


def _passed(name: str, detail: str) -> TestStep:
    return TestStep(name, ok=True, detail=detail)


def _failed(name: str, detail: str) -> TestStep:
    return TestStep(name, ok=False, detail=detail)
