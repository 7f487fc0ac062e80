"""The source for connections in the modes mysql, mariadb and oceanbase."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack

from connectors.base import Session, Source, TestStep
from connectors.sources.mysql.errors import shown
from connectors.sources.mysql.kill import kill_marked, left_over_mark
from connectors.sources.mysql.link import Link
from connectors.sources.mysql.login import Login
from connectors.sources.mysql.product import Family
from connectors.sources.mysql.session import MysqlSession
from connectors.sources.mysql.sizes import USED_FOR, Sizes, sys_login
from core.errors import ConnectError, OfframpError, Unreachable
from core.model.vocabulary import Consistency, Lock, Mode

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
        connection = self.connection
        if connection.unix_socket is None:
            try:
                found = socket.getaddrinfo(connection.host, connection.port, type=socket.SOCK_STREAM)
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
        yield _passed("version", " ".join((version, *session.server.notes)))
        step = "rights"
        try:
            databases = session.databases()
            if not databases:
                yield _failed(step, "This user sees no database: grant it SELECT on what is to leave.")
                return
            wanted = self.connection.database
            if wanted is not None and wanted not in databases:
                yield _failed(step, f"This user doesn't see the database {shown(wanted)!r}.")
                return
            yield _passed(step, f"sees {len(databases)} database{'s' * (len(databases) != 1)}")
            step = "snapshot"
            notes = session.check_consistency(Consistency.TASK, Lock.NEVER, content_has_tables=True)
            session.begin()
            session.end()
            yield _passed(step, " ".join(["Points in time can be had.", *notes]))
        except OfframpError as error:
            yield _failed(step, str(error))

    def test_sys_account(self) -> Iterator[TestStep]:
        if self.sys_account is None:
            yield _passed("sys account", "Not given.")
            return
        if self.connection.mode is not Mode.OCEANBASE:
            yield _passed("sys account", "Not used: only OceanBase has one.")
            return
        login = sys_login(self.connection, self.credentials, self.sys_account, self.program)
        try:
            link = Link(login)
        except OfframpError as error:
            yield _failed("log in", str(error))
            return
        product = link.product
        link.close()
        yield _passed("log in", f"as {shown(login.user)}")
        if product.family is not Family.OCEANBASE:
            yield _passed("needed", f"Not used: the server is {product.family}, not OceanBase.")
            return
        if product.number >= SYS_ACCOUNT_UNNEEDED:
            words = f"Not needed for comments and indexes from version 4.0 on (this is {product.version})."
        else:
            words = (
                f"Before version 4.0 (this is {product.version}) the system's views show comments and "
                "indexes to sys accounts only; here both come from SHOW CREATE TABLE."
            )
        yield _passed("needed", words)
        sizes = Sizes(login, self.connection)
        database = self.connection.database or "oceanbase"
        found = sizes.of(database)
        used = f"Used for {USED_FOR}: {len(found)} known in database {shown(database)}."
        yield _passed("sizes", used if found or "is used" in sizes.note else sizes.note)


def _passed(name: str, detail: str) -> TestStep:
    return TestStep(name, ok=True, detail=detail)


def _failed(name: str, detail: str) -> TestStep:
    return TestStep(name, ok=False, detail=detail)
