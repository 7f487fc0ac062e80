"""One database of each source, so that a test can ask the same of all of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from connectors.base import ReadRequest, Session, Source, TableShape
from connectors.sources.mysql import MysqlSource
from connectors.sources.postgresql import PostgresqlSource
from core.model.task import PartPlan
from tests.connectors import sqlite_helpers
from tests.servers.family import MysqlFamilyServer
from tests.servers.postgresql import PostgresqlServer

Row = tuple[bytes | None, ...]
PRODUCTS = [
    "sqlite",
    pytest.param("mariadb", marks=pytest.mark.mariadb),
    pytest.param("oceanbase", marks=pytest.mark.oceanbase),
    pytest.param("postgresql", marks=pytest.mark.postgresql),
]


@dataclass(frozen=True)
class Place:
    """An empty database. `run` executes statements there, `source` leads there, `database` is what the
    interface calls it."""

    product: str
    database: str
    run: Callable[..., None]
    source: Callable[[], Source]

    @contextmanager
    def session(self) -> Iterator[Session]:
        with self.source().connect() as session:
            yield session

    def rows(
        self, session: Session, shape: TableShape, part: PartPlan | None = None, **options: object
    ) -> list[Row]:
        """The rows of a read, in its order."""
        request = ReadRequest(self.database, shape, part or PartPlan(number=0), **options)  # type: ignore[arg-type]
        return [
            tuple(chunk.value(r, c) for c in range(chunk.columns))
            for chunk in session.read(request)
            for r in range(chunk.rows)
        ]

    def keys(self, rows: Iterable[Row]) -> list[bytes | None]:
        """The first value of each row, in the rows' order, where the source promises one."""
        found = [row[0] for row in rows]
        return sorted(found, key=str) if self.product == "postgresql" else found


def new_place(product: str, request: pytest.FixtureRequest, directory: Path) -> Place:
    """A database that nothing is in yet, on the real server."""
    if product == "sqlite":
        path = directory / "shop.sqlite"

        def on_file(*statements: str) -> None:
            connection = sqlite3.connect(path)
            with connection:
                for statement in statements:
                    connection.execute(statement)
            connection.close()

        on_file()
        return Place(product, "main", on_file, lambda: sqlite_helpers.source(path))
    if product == "postgresql":
        postgresql: PostgresqlServer = request.getfixturevalue("postgresql")
        name = postgresql.new_database()
        return Place(
            product,
            "public",
            lambda *statements: postgresql.run(*statements, database=name),
            lambda: PostgresqlSource(postgresql.connection("shop", name), postgresql.credentials()),
        )
    server: MysqlFamilyServer = request.getfixturevalue(product)
    database = server.new_database()
    return Place(
        product,
        database,
        lambda *statements: server.run(*statements, database=database),
        lambda: MysqlSource(server.connection("shop", database), server.credentials()),
    )
