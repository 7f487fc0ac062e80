"""Sizes of OceanBase's tables, from views that only a sys tenant account reads in full.

Used for planning and progress alone: what can't be read is said, and nothing fails for it.
Views: "CDB_OB_TABLE_LOCATIONS", "CDB_OB_TABLET_REPLICAS", "DBA_OB_TENANTS" and "DBA_OB_TABLE_SPACE_USAGE" of
the OceanBase 4 manual.
"""

from __future__ import annotations

from collections.abc import Mapping

from pymysql.cursors import Cursor
from pymysql.err import MySQLError

from connectors.base import Credentials
from connectors.sources.mysql.errors import words
from connectors.sources.mysql.login import Login
from connectors.sources.mysql.sql import literal
from core.errors import ConnectError
from core.model.connection import Connection
from core.model.settings import SysAccount

USED_FOR = "sizes of tables, for the plan and the progress"


def sys_user(connection: Connection, account: SysAccount) -> str:
    """`account@sys`, with the cluster where the connection's user names one."""
    _, _, cluster = (connection.user or "").partition("#")
    return f"{account.account}@sys" + (f"#{cluster}" if cluster else "")


def sys_login(connection: Connection, credentials: Credentials, account: SysAccount, program: str) -> Login:
    return Login(connection, credentials.sys_password, program, user=sys_user(connection, account))


def tenant_of(connection: Connection) -> str | None:
    """The tenant in `user@tenant#cluster`, None where the user names none."""
    _, at, rest = (connection.user or "").partition("@")
    return rest.partition("#")[0] if at else None


def _statement(database: str, tenant: str | None) -> str:
    """A query for table names and bytes. In the sys tenant of a cluster, the CDB views hold the tables of
    every tenant; the single-node edition, whose users name no tenant, has one, and a view of its own."""
    name = literal(database)
    if tenant is None or tenant == "sys":
        return (
            "SELECT TABLE_NAME, SUM(REQUIRED_SIZE) FROM oceanbase.DBA_OB_TABLE_SPACE_USAGE"
            f" WHERE DATABASE_NAME = {name} GROUP BY TABLE_NAME"
        )
    return (
        "SELECT l.TABLE_NAME, SUM(r.DATA_SIZE) FROM oceanbase.CDB_OB_TABLE_LOCATIONS l"
        " JOIN oceanbase.CDB_OB_TABLET_REPLICAS r ON r.TENANT_ID = l.TENANT_ID"
        " AND r.TABLET_ID = l.TABLET_ID AND r.SVR_IP = l.SVR_IP AND r.SVR_PORT = l.SVR_PORT"
        " JOIN oceanbase.DBA_OB_TENANTS t ON t.TENANT_ID = l.TENANT_ID"
        f" WHERE l.ROLE = 'LEADER' AND l.DATABASE_NAME = {name} AND t.TENANT_NAME = {literal(tenant)}"
        " GROUP BY l.TABLE_NAME"
    )


class Sizes:
    """Sizes by database, read once each. `note` says what became of the account."""

    def __init__(self, login: Login, connection: Connection) -> None:
        self._login = login
        self._tenant = tenant_of(connection)
        self._patience = connection.connect_timeout
        self._known: dict[str, Mapping[str, int]] = {}
        self.note = f"The sys account is used for {USED_FOR}."

    def probe(self) -> None:
        """See whether the account gets in; `note` says it."""
        try:
            self._login.open().close()
        except ConnectError as error:
            self.note = _not_used(error)

    def of(self, database: str) -> Mapping[str, int]:
        """Bytes by table name, empty where they can't be read."""
        if database not in self._known:
            self._known[database] = self._read(database)
        return self._known[database]

    def _read(self, database: str) -> Mapping[str, int]:
        try:
            # An errand that nothing waits for long: an abort couldn't end it.
            wire = self._login.open(timeout=self._patience)
        except ConnectError as error:
            self.note = _not_used(error)
            return {}
        try:
            with Cursor(wire) as cursor:
                cursor.execute(_statement(database, self._tenant))
                # 0 where all of a table is still in memory: that is no size.
                return {str(table): int(size) for table, size in cursor.fetchall() if size}
        except MySQLError as error:
            self.note = f"The sys account may not read the sizes of tables: {words(error)}."
            return {}
        finally:
            wire.close()


def _not_used(error: ConnectError) -> str:
    return f"The sys account was not used: {error}"
