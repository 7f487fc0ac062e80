"""Oracle as a subject of the contract: only where a person has a server.

`OFFRAMP_TEST_ORACLE_DSN` is `USER/PASSWORD@HOST:PORT/SERVICE`, of an account that may make users and grant them
what they need (SYSTEM of a pluggable database). Each place is a user of its own, dropped at the end. What loads
SQL files needs the client `sqlplus`.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import oracledb
import pytest

from connectors.base import Credentials, ObjectDdl, Source
from connectors.sources.oracle import OracleSource
from connectors.sources.oracle.script import tokens
from core.model.connection import Connection
from core.model.vocabulary import Mode
from tests.contract.subject import Subject, Value

VARIABLE = "OFFRAMP_TEST_ORACLE_DSN"
PASSWORD = "Pw_1" + secrets.token_hex(4)
_DSN = re.compile(r"(?P<user>[^/]+)/(?P<password>.+)@(?P<host>[^:@/]+):(?P<port>\d+)/(?P<service>[^/@]+)")
_RIGHTS = (
    "CREATE SESSION", "CREATE TABLE", "CREATE VIEW", "CREATE MATERIALIZED VIEW", "CREATE PROCEDURE", "CREATE TYPE",
    "CREATE SEQUENCE", "CREATE TRIGGER", "CREATE SYNONYM", "CREATE PUBLIC SYNONYM", "DROP PUBLIC SYNONYM",
    "ALTER SYSTEM", "SELECT_CATALOG_ROLE", "UNLIMITED TABLESPACE",
)  # fmt: skip
_AT_ONCE = 200
_numbers = itertools.count(1)


class OracleSubject(Subject):
    """`run` takes what the suite says to all servers: names are in lower case there, without quotes, and several
    rows go into one INSERT, which Oracle has only learnt lately."""

    types: Mapping[str, str] = {
        "integer": "NUMBER(19)", "decimal": "NUMBER(38,10)", "double": "BINARY_DOUBLE", "text": "VARCHAR2(1000)",
        "bytes": "RAW(100)", "time": "TIMESTAMP(6)", "key": "VARCHAR2(60)",
    }  # fmt: skip
    slow = "SELECT COUNT(*) AS x FROM SYS.ALL_OBJECTS A, SYS.ALL_OBJECTS B, SYS.ALL_OBJECTS C"
    not_in_names = '"'

    def __init__(self, request: pytest.FixtureRequest) -> None:
        found = _DSN.fullmatch(os.environ[VARIABLE])
        assert found is not None, f"{VARIABLE} must be USER/PASSWORD@HOST:PORT/SERVICE"
        self._dsn = found
        self._request = request
        self._admin = self._connect(found["user"], found["password"])
        request.addfinalizer(self._admin.close)
        self.place = self._user(*_RIGHTS)
        with contextlib.suppress(oracledb.DatabaseError):  # else the SCN comes from V$DATABASE
            self._say(self._admin, f'GRANT EXECUTE ON SYS.DBMS_FLASHBACK TO "{self.place}"')
        self._owner = self._connect(self.place, PASSWORD)
        request.addfinalizer(self._owner.close)

    def _connect(self, user: str, password: str) -> oracledb.Connection:
        where = {
            "host": self._dsn["host"],
            "port": int(self._dsn["port"]),
            "service_name": self._dsn["service"],
        }
        return oracledb.connect(user=user, password=password, **where)

    def _user(self, *rights: str) -> str:
        name = f"OFFRAMP_{os.getpid()}_{next(_numbers)}"
        self._say(self._admin, f'CREATE USER "{name}" IDENTIFIED BY "{PASSWORD}"')
        self._say(self._admin, f'GRANT {", ".join(rights)} TO "{name}"')
        self._request.addfinalizer(lambda: self._drop(name))
        return name

    def _drop(self, name: str) -> None:
        with self._connect(self._dsn["user"], self._dsn["password"]) as admin:
            for sid, serial in self._rows(
                admin, "SELECT SID, SERIAL# FROM V$SESSION WHERE USERNAME = :n", n=name
            ):
                with contextlib.suppress(oracledb.DatabaseError):
                    self._say(admin, f"ALTER SYSTEM KILL SESSION '{sid},{serial}' IMMEDIATE")
            self._say(admin, f'DROP USER "{name}" CASCADE')

    def _say(self, wire: oracledb.Connection, statement: str) -> None:
        with wire.cursor() as cursor:
            cursor.execute(statement)

    def _rows(self, wire: oracledb.Connection, statement: str, **binds: Any) -> list[tuple[Any, ...]]:
        with wire.cursor() as cursor:
            return list(cursor.execute(statement, binds or None).fetchall())

    def source(self, account: str | None = None, *, program: str = "offramp") -> Source:
        connection = Connection(
            name="subject", mode=Mode.ORACLE, host=self._dsn["host"], port=int(self._dsn["port"]),
            database=self._dsn["service"], user=account or self.place, schema=self.place,
        )  # fmt: skip
        return OracleSource(connection, Credentials(password=PASSWORD), program=program)

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        for statement in statements:
            spelled = _quoted(statement)
            if spelled.startswith("SELECT"):
                rows = self._rows(self._owner, spelled)
                continue
            rows = []
            for piece in _at_once(spelled):
                self._say(self._owner, piece)
            self._owner.commit()
        return rows

    def empty(self) -> OracleSubject:
        return OracleSubject(self._request)

    def load(self, script: Path) -> None:
        client = shutil.which("sqlplus")
        if client is None:
            pytest.skip("needs the client sqlplus")
        # The files' names have the schema that they come from.
        for path in script.parent.rglob("*.sql"):
            text = path.read_text(encoding="utf-8")
            path.write_text(re.sub(r'"OFFRAMP_\d+_\d+"', f'"{self.place}"', text), encoding="utf-8")
        where = f"{self._dsn['host']}:{self._dsn['port']}/{self._dsn['service']}"
        done = subprocess.run(
            [client, "-S", "-L", f"{self.place}/{PASSWORD}@{where}", f"@{script.name}"], cwd=script.parent,
            env={**os.environ, "NLS_LANG": ".AL32UTF8", "ORA_NCHAR_LITERAL_REPLACE": "TRUE"},
            input=b"EXIT\n", capture_output=True, check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout

    def name(self, name: str) -> str:
        return f'"{name}"'

    def text_literal(self, value: str) -> str:
        return "'" + value.replace("'", "''") + "'"

    def bytes_literal(self, value: bytes) -> str:
        return f"HEXTORAW('{value.hex()}')"

    def literal(self, value: Value) -> str:
        if isinstance(value, datetime):
            return f"TIMESTAMP '{value.isoformat(' ')}'"
        return f"{value!r}D" if isinstance(value, float) else super().literal(value)

    def common(self, definition: ObjectDdl) -> tuple[object, ...]:
        """Names have the schema, which is another in each place."""
        return (tuple(text.replace(f'"{self.place}"', "it") for text in definition.create),)

    def account(self, *tables: str) -> str:
        name = self._user("CREATE SESSION")
        for table in tables:
            self.run(f'GRANT SELECT ON "{table}" TO "{name}"')
        return name

    def _theirs(self, program: str) -> list[tuple[Any, ...]]:
        return self._rows(
            self._admin,
            "SELECT SID, SERIAL# FROM V$SESSION WHERE STATUS = 'ACTIVE'"
            " AND SUBSTR(CLIENT_IDENTIFIER, 1, LENGTH(:p)) = :p",
            p=program,
        )

    def running(self, program: str) -> int:
        return len(self._theirs(program))

    def end(self, program: str) -> None:
        for sid, serial in self._theirs(program):
            self._say(self._admin, f"ALTER SYSTEM KILL SESSION '{sid},{serial}' IMMEDIATE")


def _outside_quotes(statement: str) -> Iterator[tuple[bool, str]]:
    """Pieces of a statement, and whether they are between quotes."""
    at = 0
    for kind, start, end in tokens(statement):
        if kind in ("text", "name", "alternative"):
            yield False, statement[at:start]
            yield True, statement[start:end]
            at = end
    yield False, statement[at:]


def _quoted(statement: str) -> str:
    """With its names, which are in lower case, between quotes."""
    return "".join(
        text if quoted else re.sub(r"\b[a-z_][a-z0-9_]*\b", r'"\g<0>"', text)
        for quoted, text in _outside_quotes(statement)
    )


def _at_once(statement: str) -> list[str]:
    """An INSERT of several rows as blocks of INSERTs of one; others as they are."""
    head, found, rows = statement.partition(" VALUES ")
    if not found or not head.startswith("INSERT"):
        return [statement]
    single, depth, begin = [], 0, 0
    for kind, start, end in tokens(rows):
        if kind == "open":
            begin, depth = (start if not depth else begin), depth + 1
        elif kind == "close":
            depth -= 1
            if not depth:
                single.append(f"{head} VALUES {rows[begin:end]};")
    return [
        "BEGIN\n" + "\n".join(single[at : at + _AT_ONCE]) + "\nEND;" for at in range(0, len(single), _AT_ONCE)
    ]
