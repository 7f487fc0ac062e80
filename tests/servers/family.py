"""What the MariaDB and OceanBase test servers have in common: they speak the MySQL protocol."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pymysql
from pymysql.cursors import DictCursor

from connectors.base import Credentials
from core.model.connection import Connection, TlsSettings
from core.model.vocabulary import Mode
from tests.needs import missing

CLIENT = "mariadb"
CLIENT_INSTALL = "apt-get install mariadb-client"


class ClientError(Exception):
    """The official client refused a file; holds what it wrote to stderr."""


class MysqlFamilyServer:
    """A running server. `socket` always; `host` and `port` where it also listens on loopback TCP.

    `user` and `password` are an account with every right, made for tests; `admin()` may be another one.
    `product` is `mariadb` or `oceanbase`, `mode` the connection mode that fits it.
    """

    product: str
    mode: Mode
    host: str | None = None
    port: int | None = None
    user: str
    password: str
    admin_user = "root"
    socket: str
    _numbers = itertools.count(1)

    def connection(self, name: str = "test", database: str | None = None, *, tcp: bool = False) -> Connection:
        """A connection over the socket, or over TCP with TLS off."""
        if tcp:
            assert self.host is not None, f"{self.product} has no TCP port here"
            return Connection(
                name=name, mode=self.mode, host=self.host, port=self.port, user=self.user, database=database,
                tls=TlsSettings(mode="off"),
            )  # fmt: skip
        return Connection(
            name=name, mode=self.mode, unix_socket=self.socket, user=self.user, database=database
        )

    def credentials(self) -> Credentials:
        return Credentials(password=self.password or None)

    def admin(self, database: str | None = None, **options: Any) -> Any:
        """A PyMySQL connection of the administrator: autocommit, utf8mb4, time zone UTC."""
        options = {"charset": "utf8mb4", "autocommit": True} | options
        connection = pymysql.connect(
            unix_socket=self.socket, user=self.admin_user, database=database, **options
        )
        with connection.cursor() as cursor:
            cursor.execute("SET time_zone = '+00:00'")
        return connection

    def run(self, *statements: str, database: str | None = None) -> list[tuple[Any, ...]]:
        """Run statements as administrator; the rows of the last one."""
        rows: list[tuple[Any, ...]] = []
        connection = self.admin(database)
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    self._execute(cursor, statement)
                    rows = list(cursor.fetchall())
        finally:
            connection.close()
        return rows

    @staticmethod
    def _execute(cursor: Any, statement: str) -> None:
        """Once more, and again, where OceanBase says "Schema try again" (5627) soon after other DDL."""
        for pause in (0.1, 0.5, 2.0, None):
            try:
                cursor.execute(statement)
            except pymysql.err.OperationalError as error:
                if error.args[0] != 5627 or pause is None:
                    raise
                time.sleep(pause)
            else:
                return

    def new_database(self, charset: str = "utf8mb4") -> str:
        """Make an empty database with a name that no other test has."""
        name = f"t{os.getpid()}_{next(self._numbers)}"
        self.run(f"CREATE DATABASE `{name}` CHARACTER SET {charset}")
        return name

    def client(
        self, database: str | None, *arguments: str, **options: Any
    ) -> subprocess.CompletedProcess[bytes]:
        """Run the official client as the test account; raises ClientError with its stderr."""
        program = shutil.which(CLIENT)
        if program is None:
            missing("the mariadb client", CLIENT_INSTALL)
        command = [
            str(program), "--no-defaults", "--protocol=socket", f"--socket={self.socket}",
            f"--user={self.user}", *arguments,
        ]  # fmt: skip
        if database is not None:
            command.append(database)
        environment = os.environ | ({"MYSQL_PWD": self.password} if self.password else {})
        done = subprocess.run(command, capture_output=True, env=environment, check=False, **options)
        if done.returncode != 0:
            raise ClientError(done.stderr.decode(errors="backslashreplace"))
        return done

    def client_load(self, database: str | None, path: str | Path, *arguments: str) -> None:
        """Load an SQL file with the official client, from the file's own directory (for SOURCE lines).
        Raises ClientError with the client's stderr."""
        with Path(path).open("rb") as file:
            self.client(database, *arguments, stdin=file, cwd=Path(path).parent, timeout=240)

    def processlist(self) -> list[dict[str, Any]]:
        """The server's process list, but for the session that asks."""
        connection = self.admin(cursorclass=DictCursor)
        try:
            with connection.cursor() as cursor:
                cursor.execute("SHOW FULL PROCESSLIST")
                return [row for row in cursor.fetchall() if row["Id"] != connection.thread_id()]
        finally:
            connection.close()
