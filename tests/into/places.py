"""Databases that rows come from and go to: one of each kind, on the suite's real servers."""

from __future__ import annotations

import logging
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from connectors.base import Credentials, ReadRequest, Session, Source, TableShape
from core.connectors import open_source
from core.errors import ErrorInfo
from core.logical import Holds
from core.model.connection import Connection
from core.model.into import Existing, Into
from core.model.settings import ExportSettings
from core.model.task import FileEntry, PartPlan
from core.model.vocabulary import Mode, ObjectRef, ObjectType
from core.pipeline.cancel import Cancel
from core.pipeline.into.there import Elsewhere
from core.pipeline.run import run_task
from tests.pipeline.memory import MemoryJournal, make_task


@dataclass(frozen=True)
class Place:
    """An empty database. `run` executes statements and gives the rows of the last one; `database` is what the
    interface calls it."""

    product: str
    database: str
    run: Callable[..., list[tuple[Any, ...]]]
    connection: Connection
    password: str | None

    @property
    def source(self) -> Source:
        return open_source(self.connection, Credentials(password=self.password), program="offramp source")

    def elsewhere(self, attempt: str = "offramp attempt 1") -> Elsewhere:
        return Elsewhere.of(self.connection, self.password, attempt)

    def shape(self, name: str, kind: ObjectType = ObjectType.TABLE) -> TableShape:
        with self.source.connect() as session:
            return session.describe(self.database, ObjectRef(kind, name))

    def tables(self) -> list[str]:
        """Names of all tables, Offramp's own too."""
        if self.connection.path is not None and not Path(self.connection.path).exists():
            return []
        with self.source.connect() as session:
            return [o.ref.name for o in session.objects(self.database, [ObjectType.TABLE])]

    def rows(self, name: str, *, settled: bool = False) -> list[tuple[object, ...]]:
        """The rows of a table by their first value, each value as what it means, however a server prints it."""
        ref = ObjectRef(ObjectType.TABLE, name)
        with self.source.connect() as session:
            shape = session.describe(self.database, ref)
            session.begin()
            if settled:
                shape = session.settle(self.database, shape)
            found = _read(session, self.database, shape)
            session.end()
        return sorted(found, key=repr)


def new_place(product: str, request: pytest.FixtureRequest, path: Path, name: str = "shop") -> Place:
    if product == "sqlite":

        def on_file(*statements: str) -> list[tuple[Any, ...]]:
            with closing(sqlite3.connect(path)) as connection, connection:
                rows: list[tuple[Any, ...]] = []
                for statement in statements:
                    rows = connection.execute(statement).fetchall()
                return rows

        connection = Connection(name=name, mode=Mode.SQLITE, path=str(path))
        return Place(product, "main", on_file, connection, None)
    server = request.getfixturevalue(product)
    database = server.new_database()
    if product == "postgresql":
        connection, inner = server.connection(name, database), "public"
    else:
        connection, inner = server.connection(name, database), database
    return Place(
        product,
        inner,
        lambda *statements: server.run(*statements, database=database),
        connection,
        server.credentials().password,
    )


def _read(session: Session, database: str, shape: TableShape) -> list[tuple[object, ...]]:
    request = ReadRequest(database, shape, PartPlan(number=0))
    return [
        tuple(_meaning(chunk.value(row, at), column) for at, column in enumerate(shape.columns))
        for chunk in session.read(request)
        for row in range(chunk.rows)
    ]


def _meaning(value: bytes | None, column: Any) -> object:
    if value is None:
        return None
    text = value.decode("utf-8", "surrogateescape")
    match column.logical.holds:
        case Holds.INTEGER | Holds.DECIMAL:
            return text if text == "NaN" else Decimal(text)
        case Holds.FLOAT:
            # One NaN isn't the other.
            number = float(np.float32(text)) if column.logical.bits == 32 else float(text)
            return "NaN" if number != number else number
        case Holds.BOOLEAN:
            return Decimal(text == "true")
        case Holds.TIMESTAMP | Holds.TIME:
            return re.sub(r"(\.\d*?)0*$", r"\1", text.removesuffix("+00")).rstrip(".")
    return value if column.logical.holds is Holds.BYTES else text


class Brought:
    """One task: how it ended, what it said, what it published."""

    def __init__(self, journal: MemoryJournal) -> None:
        self.journal = journal
        self.log: list[tuple[int, str]] = []
        self.cancel = Cancel()

    def attempt(self, source: Source, elsewhere: Elsewhere) -> Brought:
        handler = logging.Handler()
        handler.emit = lambda r: self.log.append((r.levelno, r.getMessage()))  # type: ignore[method-assign]
        log = logging.Logger("task")
        log.addHandler(handler)
        run_task(self.journal.again(), source, log=log, cancel=self.cancel, elsewhere=elsewhere)
        return self

    @property
    def error(self) -> ErrorInfo | None:
        return self.journal.error

    @property
    def files(self) -> list[FileEntry]:
        return self.journal.files()

    def said(self, words: str) -> bool:
        return any(words in text for _, text in self.log)


def task_of(target: Place, existing: Existing = Existing.CREATE, **settings: Any) -> Brought:
    """A task that hasn't been tried."""
    if "objects" not in settings:
        settings["all_objects"] = True
    into = Into(connection="target", existing=existing)
    made = ExportSettings(connection="shop", into=into, **settings)
    return Brought(MemoryJournal(make_task(Path(into.place), made)))


def bring(source: Place, target: Place, existing: Existing = Existing.CREATE, **settings: Any) -> Brought:
    """One task that must complete."""
    done = task_of(target, existing, **settings).attempt(source.source, target.elsewhere())
    assert done.error is None, (done.error, done.log)
    return done


def nothing_of_ours(place: Place) -> bool:
    return not [name for name in place.tables() if name.startswith("_offramp")]
