"""The source for connections in the modes mysql, mariadb and oceanbase."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from connectors.base import Session, Source, TestStep
from connectors.sources.mysql.kill import kill_marked, left_over_mark
from connectors.sources.mysql.link import Link
from connectors.sources.mysql.login import Login
from connectors.sources.mysql.product import Family
from connectors.sources.mysql.session import MysqlSession
from connectors.sources.mysql.sizes import USED_FOR, Sizes, sys_login
from connectors.trial import failed, passed, steps, way_in
from connectors.words import shown
from core.errors import OfframpError, Unreachable
from core.model.vocabulary import Mode

# From this version on, comments and indexes are seen by every account.
SYS_ACCOUNT_UNNEEDED = (4, 0)


class MysqlSource(Source):
    """MySQL, MariaDB, and OceanBase tenants in MySQL mode; which of them it is, the server says."""

    def _login(self) -> Login:
        return Login(self.connection, self.credentials.password, self.program)

    def connect(self) -> Session:
        link = Link(self._login())
        with ExitStack() as undo:
            undo.callback(link.close)
            sizes = None
            if self.sys_account is not None and link.product.family is Family.OCEANBASE:
                login = sys_login(self.connection, self.credentials, self.sys_account, self.program)
                sizes = Sizes(login, self.connection)
                sizes.probe()
            session = MysqlSession(link, self.connection.mode, sizes)
            undo.pop_all()
        return session

    def end_left_over(self) -> int:
        login = self._login()
        found = kill_marked(login, left_over_mark(self.program), "KILL", self.connection.connect_timeout)
        if found is None:
            raise Unreachable(f"The server of connection {self.connection.name!r} can't be asked.")
        return found

    def test(self) -> Iterator[TestStep]:
        return steps(self, way_in(self, self.connection.port), self._rights, between=" ")

    def _rights(self, session: Session) -> TestStep:
        databases = session.databases()
        if not databases:
            return failed("rights", "This user sees no database: grant it SELECT on what is to leave.")
        wanted = self.connection.database
        if wanted is not None and wanted not in databases:
            return failed("rights", f"This user doesn't see the database {shown(wanted)!r}.")
        return passed("rights", f"sees {len(databases)} database{'s' * (len(databases) != 1)}")

    def test_sys_account(self) -> Iterator[TestStep]:
        if self.sys_account is None:
            yield passed("sys account", "Not given.")
            return
        if self.connection.mode is not Mode.OCEANBASE:
            yield passed("sys account", "Not used: only OceanBase has one.")
            return
        login = sys_login(self.connection, self.credentials, self.sys_account, self.program)
        try:
            link = Link(login)
        except OfframpError as error:
            yield failed("log in", str(error))
            return
        product = link.product
        link.close()
        yield passed("log in", f"as {shown(login.user)}")
        if product.family is not Family.OCEANBASE:
            yield passed("needed", f"Not used: the server is {product.family}, not OceanBase.")
            return
        if product.number >= SYS_ACCOUNT_UNNEEDED:
            words = f"Not needed for comments and indexes from version 4.0 on (this is {product.version})."
        else:
            words = (
                f"Before version 4.0 (this is {product.version}) the system's views show comments and "
                "indexes to sys accounts only; here both come from SHOW CREATE TABLE."
            )
        yield passed("needed", words)
        sizes = Sizes(login, self.connection)
        database = self.connection.database or "oceanbase"
        found = sizes.of(database)
        used = f"Used for {USED_FOR}: {len(found)} known in database {shown(database)}."
        yield passed("sizes", used if found or "is used" in sizes.note else sizes.note)
