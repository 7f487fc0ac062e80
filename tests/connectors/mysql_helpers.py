"""Shared by the tests of the MySQL family."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from connectors.base import ObjectDdl, ReadRequest, TableShape
from connectors.sources.mysql import MysqlSource
from connectors.sources.mysql.session import MysqlSession
from core.chunk import Kind
from core.model.task import PartPlan
from core.model.vocabulary import ObjectRef, ObjectType
from tests.servers.family import MysqlFamilyServer

WHOLE = PartPlan(number=0)


def table(name: str) -> ObjectRef:
    return ObjectRef(ObjectType.TABLE, name)


@contextmanager
def session_of(server: MysqlFamilyServer, **options: Any) -> Iterator[MysqlSession]:
    session = MysqlSource(server.connection(), server.credentials(), **options).connect()
    assert isinstance(session, MysqlSession)
    with session:
        yield session


def request(database: str, shape: TableShape, part: PartPlan = WHOLE, **options: Any) -> ReadRequest:
    return ReadRequest(database, shape, part, **options)


def read_rows(
    session: MysqlSession, database: str, shape: TableShape, part: PartPlan = WHOLE, **options: Any
) -> list[tuple[bytes | None, ...]]:
    """All rows of a part, as bytes."""
    rows: list[tuple[bytes | None, ...]] = []
    for chunk in session.read(request(database, shape, part, **options)):
        rows += [tuple(chunk.value(r, c) for c in range(chunk.columns)) for r in range(chunk.rows)]
    return rows


def script(session: MysqlSession, statements: list[str]) -> str:
    """Statements as the client reads them: header, each with a delimiter that no body has, footer."""
    lines = ["SET NAMES utf8mb4;", *session.dialect.header, "DELIMITER ;;"]
    lines += [f"{statement}\n;;" for statement in statements]
    return "\n".join([*lines, "DELIMITER ;", *session.dialect.footer, ""])


def load_ddl(
    server: MysqlFamilyServer,
    session: MysqlSession,
    database: str,
    found: list[ObjectDdl],
    directory: Path,
) -> None:
    """Make objects in another database with the official client: bare first, foreign keys last."""
    statements = [s for ddl in found for s in ddl.create_bare]
    statements += [s for ddl in found for s in ddl.foreign_keys]
    path = directory / f"{database}.sql"
    path.write_text(script(session, statements), encoding="utf-8")
    server.client_load(database, path)


def insert_statement(
    session: MysqlSession, name: str, shape: TableShape, row: tuple[bytes | None, ...]
) -> bytes:
    """A row as an INSERT in the source's dialect."""
    dialect = session.dialect
    values, columns = [], []
    for column, value in zip(shape.columns, row, strict=True):
        if not column.insertable:
            continue
        columns.append(dialect.identifier(column.name).encode())
        if value is None:
            values.append(b"NULL")
        elif column.kind is Kind.NUMBER:
            values.append(dialect.special_numbers.get(value, value))
        elif column.kind is Kind.BINARY:
            values.append(dialect.binary[0] + value.hex().encode() + dialect.binary[1])
        else:
            values.append(_text(session, value))
    head = f"INSERT INTO {dialect.identifier(name)} (".encode()
    return head + b",".join(columns) + b") VALUES (" + b",".join(values) + b");\n"


def _text(session: MysqlSession, value: bytes) -> bytes:
    dialect = session.dialect
    try:
        value.decode()
    except UnicodeDecodeError:
        return dialect.hex_text[0] + value.hex().encode() + dialect.hex_text[1]
    return b"'" + b"".join(dialect.escapes.get(bytes([b]), bytes([b])) for b in value) + b"'"
