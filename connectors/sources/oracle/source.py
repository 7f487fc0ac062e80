"""The source for connections in the mode oracle."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from connectors.base import Session, Source, TestStep
from connectors.sources.oracle.kill import end_named, left_over_name
from connectors.sources.oracle.link import Link
from connectors.sources.oracle.login import DEFAULT_PORT, Login
from connectors.sources.oracle.session import OracleSession
from connectors.trial import failed, open_step, passed, way_in
from connectors.words import shown
from core.errors import OfframpError, Unreachable
from core.model.vocabulary import Consistency, Lock


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
        session = yield from self._way_in()
        if session is not None:
            with session:
                yield from self._found(session)

    def _way_in(self) -> Generator[TestStep, None, Session | None]:
        if self.connection.oracle.tns is not None:
            # Only the driver knows which hosts that names.
            return (yield from open_step(self))
        return (yield from way_in(self, self.connection.port or DEFAULT_PORT))

    def _found(self, session: Session) -> Iterator[TestStep]:
        yield passed("connect", self.connection.place)
        yield passed("log in", f"as {shown(session.server.user)}")
        version = f"{session.server.product} {session.server.version}"
        yield passed("version", ". ".join((version, *session.server.notes)))
        step = "rights"
        try:
            schemas = session.databases()
            wanted = self.connection.schema
            if wanted is not None and wanted not in schemas:
                yield failed(
                    step, f"This user may see nothing of the schema {shown(wanted)!r}, or there is none."
                )
                return
            yield passed(step, f"may see {len(schemas)} schema{'s' * (len(schemas) != 1)}")
            step = "snapshot"
            notes = session.check_consistency(Consistency.TASK, Lock.NEVER, content_has_tables=True)
            session.begin()
            session.end()
            yield passed(step, " ".join(["Points in time can be had.", *notes]))
        except OfframpError as error:
            yield failed(step, str(error))

    def test_sys_account(self) -> Iterator[TestStep]:
        words = "Not given." if self.sys_account is None else "Not used: only OceanBase has one."
        yield passed("sys account", words)
