"""Shared by the tests of PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from connectors.base import Credentials, ReadRequest, Session, TableShape
from connectors.sources.postgresql import PostgresqlSource
from connectors.sources.postgresql.session import PostgresqlSession
from core.model.task import PartPlan
from core.model.vocabulary import ObjectRef, ObjectType
from tests.servers.postgresql import PostgresqlServer

WHOLE = PartPlan(number=0)


def table(name: str) -> ObjectRef:
    return ObjectRef(ObjectType.TABLE, name)


@contextmanager
def session_of(
    server: PostgresqlServer, database: str, *, user: str | None = None, **options: Any
) -> Iterator[PostgresqlSession]:
    """A session as the administrator, or as `user`, whose password is the name."""
    connection = server.connection("shop", database, user=user, **options)
    credentials = server.credentials() if user is None else Credentials(password=user)
    session = PostgresqlSource(connection, credentials, program="offramp task 7 0123456789abcdef").connect()
    assert isinstance(session, PostgresqlSession)
    with session:
        yield session


def read_rows(
    session: Session, shape: TableShape, part: PartPlan = WHOLE, schema: str = "public", **options: Any
) -> list[tuple[bytes | None, ...]]:
    """All rows of a part, as bytes."""
    rows: list[tuple[bytes | None, ...]] = []
    for chunk in session.read(ReadRequest(schema, shape, part, **options)):
        rows += [tuple(chunk.value(r, c) for c in range(chunk.columns)) for r in range(chunk.rows)]
    return rows


def read_table(session: Session, name: str, schema: str = "public") -> list[tuple[bytes | None, ...]]:
    """All rows of a table, as of now."""
    shape = session.describe(schema, table(name))
    session.begin()
    try:
        return read_rows(session, shape, schema=schema)
    finally:
        session.end()
