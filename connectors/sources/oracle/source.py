"""The source for connections in the mode oracle."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from connectors.base import Session, Source, TestStep
from connectors.sources.oracle.kill import end_named, left_over_name
from connectors.sources.oracle.link import Link
from connectors.sources.oracle.login import DEFAULT_PORT, Login
from connectors.sources.oracle.session import OracleSession
from connectors.trial import failed, open_step, passed, steps, way_in, without_sys_account
from connectors.words import shown
from core.errors import Unreachable


class OracleSource(Source):
    """One service of an Oracle server."""

    def _login(self) -> Login:
        return Login(self.connection, self.credentials.password, self.program)

    def connect(self) -> Session:
        return OracleSession(Link(self._login()))

    def end_left_over(self) -> int:
        """An account that may not end sessions ends none: the server ends a query whose client has gone when
        it sends rows next, or by its own probes (SQLNET.EXPIRE_TIME)."""
        found = end_named(self._login(), left_over_name(self.program), self.connection.connect_timeout)
        if found is None:
            raise Unreachable(f"The server of connection {self.connection.name!r} can't be asked.")
        return found

    def test(self) -> Iterator[TestStep]:
        return steps(self, self._way_in(), self._rights)

    def _way_in(self) -> Generator[TestStep, None, Session | None]:
        # Only the driver knows which hosts a TNS name names.
        if self.connection.oracle.tns is not None:
            return open_step(self)
        return way_in(self, self.connection.port or DEFAULT_PORT)

    def _rights(self, session: Session) -> TestStep:
        schemas = session.databases()
        wanted = self.connection.schema
        if wanted is not None and wanted not in schemas:
            return failed(
                "rights", f"This user may see nothing of the schema {shown(wanted)!r}, or there is none."
            )
        return passed("rights", f"may see {len(schemas)} schema{'s' * (len(schemas) != 1)}")

    def test_sys_account(self) -> Iterator[TestStep]:
        return without_sys_account(self)
