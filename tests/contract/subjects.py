"""SQLite, MariaDB, OceanBase and PostgreSQL as subjects of the contract."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from connectors.base import Credentials, Source
from connectors.sources.mysql import MysqlSource
from connectors.sources.postgresql import PostgresqlSource
from connectors.sources.sqlite import SqliteSource
from core.model.connection import Connection
from core.model.vocabulary import Mode
from tests.contract.subject import Subject
from tests.servers.family import MysqlFamilyServer
from tests.servers.mysql_values import binary, text
from tests.servers.postgresql import PostgresqlServer

_numbers = itertools.count(1)
PASSWORD = "pw'1"


class SqliteSubject(Subject):
    """A file. Decimals and times are texts there, since SQLite has no type that holds them."""

    place = "main"
    types: Mapping[str, str] = {
        "integer": "INTEGER", "decimal": "TEXT", "double": "REAL", "text": "TEXT", "bytes": "BLOB", "time": "TEXT",
        "key": "TEXT",
    }  # fmt: skip
    slow = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n"
    server = False

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.path = directory / f"{next(_numbers)}.db"
        self.run("PRAGMA journal_mode = WAL")

    def source(self, account: str | None = None, *, program: str = "offramp") -> Source:
        assert account is None
        connection = Connection(name="subject", mode=Mode.SQLITE, path=str(self.path))
        return SqliteSource(connection, Credentials(), program=program)

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        with closing(sqlite3.connect(self.path, isolation_level=None, timeout=30)) as connection:
            for statement in statements:
                rows = connection.execute(statement).fetchall()
        return rows

    def empty(self) -> SqliteSubject:
        return SqliteSubject(self._directory)

    def load(self, script: Path) -> None:
        client = shutil.which("sqlite3")
        assert client is not None
        done = subprocess.run(
            [client, "-bail", str(self.path)], stdin=script.open("rb"), cwd=script.parent, check=False,
            capture_output=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    def name(self, name: str) -> str:
        return '"' + name.replace('"', '""') + '"'

    def bytes_literal(self, value: bytes) -> str:
        return f"X'{value.hex()}'"

    def literal(self, value: Any) -> str:
        plain = super().literal(value)
        # A decimal that isn't between quotes would be a double before its column makes it a text.
        return f"'{plain}'" if type(value).__name__ == "Decimal" else plain


class MysqlFamilySubject(Subject):
    types: Mapping[str, str] = {
        "integer": "BIGINT", "decimal": "DECIMAL(38,10)", "double": "DOUBLE", "text": "TEXT",
        "bytes": "VARBINARY(100)", "time": "DATETIME(6)", "key": "VARCHAR(60)",
    }  # fmt: skip

    slow = "SELECT SLEEP(1200) AS x FROM few"

    def __init__(self, server: MysqlFamilyServer) -> None:
        self._server = server
        self.place = server.new_database()
        self._admin = server.admin(self.place)

    def source(self, account: str | None = None, *, program: str = "offramp") -> Source:
        connection = self._server.connection("subject", self.place)
        credentials = self._server.credentials()
        if account is not None:
            connection = msgspec.structs.replace(connection, user=account)
            credentials = Credentials(password=PASSWORD)
        return MysqlSource(connection, credentials, program=program)

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        with self._admin.cursor() as cursor:
            for statement in statements:
                self._server._execute(cursor, statement)
            return list(cursor.fetchall())

    def empty(self) -> MysqlFamilySubject:
        return MysqlFamilySubject(self._server)

    def load(self, script: Path) -> None:
        self._server.client_load(self.place, script)

    def name(self, name: str) -> str:
        return "`" + name.replace("`", "``") + "`"

    def text_literal(self, value: str) -> str:
        return text(value)

    def bytes_literal(self, value: bytes) -> str:
        return binary(value)

    def account(self, *tables: str) -> str:
        name = f"a{next(_numbers)}_{self.place}"
        for host in ("%", "localhost") if self._server.product == "mariadb" else ("%",):
            who = f"'{name}'@'{host}'"
            self.run(f"CREATE USER {who} IDENTIFIED BY 'pw''1'")
            for table in tables:
                self.run(f"GRANT SELECT ON {self.name(table)} TO {who}")
        return name

    def _theirs(self, program: str) -> list[int]:
        return [p["Id"] for p in self._server.processlist() if f"/* {program} " in str(p["Info"])]

    def running(self, program: str) -> int:
        return len(self._theirs(program))

    def end(self, program: str) -> None:
        for number in self._theirs(program):
            self.run(f"KILL QUERY {number}")


class PostgresqlSubject(Subject):
    place = "public"
    types: Mapping[str, str] = {
        "integer": "bigint", "decimal": "numeric(38,10)", "double": "double precision", "text": "text",
        "bytes": "bytea", "time": "timestamp", "key": "varchar(60)",
    }  # fmt: skip
    slow = "SELECT pg_sleep(1200)::text AS x"

    def __init__(self, server: PostgresqlServer) -> None:
        self._server = server
        self._database = server.new_database()

    def source(self, account: str | None = None, *, program: str = "offramp") -> Source:
        connection = self._server.connection("subject", self._database, user=account)
        credentials = self._server.credentials() if account is None else Credentials(password=PASSWORD)
        return PostgresqlSource(connection, credentials, program=program)

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        return self._server.run(*statements, database=self._database)

    def empty(self) -> PostgresqlSubject:
        return PostgresqlSubject(self._server)

    def load(self, script: Path) -> None:
        self._server.client_load(self._database, script)

    def name(self, name: str) -> str:
        return '"' + name.replace('"', '""') + '"'

    def bytes_literal(self, value: bytes) -> str:
        return f"'\\x{value.hex()}'::bytea"

    def account(self, *tables: str) -> str:
        name = f"a{next(_numbers)}_{self._database}"
        self.run(f"CREATE ROLE {name} LOGIN PASSWORD 'pw''1'")
        self.run(*(f"GRANT SELECT ON {self.name(table)} TO {name}" for table in tables))
        return name

    def _theirs(self, program: str) -> list[int]:
        rows = self.run(
            "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'COPY%'"
            f" AND application_name LIKE '{program}%'"
        )
        return [pid for (pid,) in rows]

    def running(self, program: str) -> int:
        return len(self._theirs(program))

    def end(self, program: str) -> None:
        for pid in self._theirs(program):
            self.run(f"SELECT pg_cancel_backend({pid})")
