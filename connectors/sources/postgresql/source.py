"""The source for connections in the mode postgresql."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.base import Session, Source, TestStep
from connectors.sources.postgresql.kill import left_over_name, terminate_named
from connectors.sources.postgresql.link import Link
from connectors.sources.postgresql.login import DEFAULT_PORT, Login
from connectors.sources.postgresql.session import PostgresqlSession
from connectors.trial import failed, passed, steps, way_in, without_sys_account
from connectors.words import shown
from core.errors import Unreachable


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
        return steps(self, way_in(self, self.connection.port or DEFAULT_PORT), self._rights)

    def _rights(self, session: Session) -> TestStep:
        schemas = session.databases()
        wanted = self.connection.schema
        if not schemas:
            return failed("rights", "This user may use no schema: grant it USAGE on what is to leave.")
        if wanted is not None and wanted not in schemas:
            return failed("rights", f"This user may not use the schema {shown(wanted)!r}, or there is none.")
        return passed("rights", f"may use {len(schemas)} schema{'s' * (len(schemas) != 1)}")

    def test_sys_account(self) -> Iterator[TestStep]:
        return without_sys_account(self)
