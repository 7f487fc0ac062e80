"""A double of python-oracledb's connection, since no Oracle server can be had here.

It answers statements, by their exact text and binds, from a table that the test fills, with the driver's own
types: Arrow batches are the driver's DataFrames, made by `oracledb.from_arrow`; errors are its exceptions. What
it can't show is whether a real server takes the statements: that is the live suite's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import oracledb
import pyarrow as pa
import pytest
from oracledb import errors

from connectors.base import Credentials
from connectors.sources.oracle import OracleSource
from connectors.sources.oracle import statements as sql
from connectors.sources.oracle.session import OracleSession
from core.model.connection import Connection
from core.model.vocabulary import Mode

Answer = Sequence[Sequence[Any]] | Exception | pa.Table | Callable[[Mapping[str, Any]], Any]
CONNECTION = Connection(
    name="ora", mode=Mode.ORACLE, host="db.example", port=1521, user="hr", database="FREEPDB1", schema="HR"
)


def refused(text: str) -> oracledb.Error:
    """What the driver raises for `ORA-01555: …` or `DPY-4011: …`."""
    error = errors._Error(text)
    return error.exc_type(error)


class Double:
    """The server: `answers` by statement, `binds` by statement as they came, `said` all statements in order.
    `otherwise` answers those that are none of them."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.binds: list[Mapping[str, Any]] = []
        self.opened: list[Mapping[str, Any]] = []
        self.cancelled = threading.Event()
        self.closed = 0
        self.rolled_back = 0
        self.version = "19.22.0.0.0"
        self.otherwise: Callable[[str], Answer | None] | None = None
        self.answers: dict[str, Answer] = {
            **dict.fromkeys(sql.PIN, ()),
            sql.WHO: [("HR", "HR", "FREE")],
            sql.SCHEMAS: [("HR",), ("OE",)],
            sql.CHARACTER_SETS: [("NLS_CHARACTERSET", "AL32UTF8")],
            sql.SCN: [("4711",)],
            sql.TRANSFORMS: (),
            sql.READ_ONLY: (),
            sql.enter("HR"): (),
            sql.enter("OE"): (),
        }

    def connect(self, **parameters: Any) -> DoubleConnection:
        self.opened.append(parameters)
        return DoubleConnection(self)

    def answer(self, statement: str, binds: Mapping[str, Any] | None) -> Any:
        self.said.append(statement)
        self.binds.append(dict(binds or {}))
        found = self.answers.get(statement)
        if found is None and self.otherwise is not None:
            found = self.otherwise(statement)
        assert found is not None, f"nobody expected: {statement}\n{binds}"
        if callable(found):
            found = found(dict(binds or {}))
        if isinstance(found, Exception):
            raise found
        return found


class DoubleConnection:
    """What is used of oracledb.Connection."""

    thin = True

    def __init__(self, server: Double) -> None:
        self._server = server
        self.version = server.version
        self.call_timeout = 0
        self.client_identifier = ""

    def cursor(self) -> DoubleCursor:
        return DoubleCursor(self._server)

    def fetch_df_batches(
        self, statement: str, size: int, requested_schema: pa.Schema
    ) -> Iterator[oracledb.DataFrame]:
        found = self._server.answer(statement, {"size": size})
        table = found if isinstance(found, pa.Table) else None
        assert table is not None
        # The driver gives what was asked for, or says that it can't.
        table = table.rename_columns(requested_schema.names).cast(requested_schema)
        for at in range(0, max(1, table.num_rows), size):
            batch = table.slice(at, size)
            arrays = [pa.array(column.to_pylist(), column.type) for column in batch.columns]
            yield oracledb.from_arrow(pa.RecordBatch.from_arrays(arrays, schema=requested_schema))

    def cancel(self) -> None:
        self._server.cancelled.set()

    def rollback(self) -> None:
        self._server.rolled_back += 1

    def close(self) -> None:
        self._server.closed += 1


class DoubleCursor:
    """What is used of oracledb.Cursor."""

    def __init__(self, server: Double) -> None:
        self._server = server
        self.arraysize = self.prefetchrows = 100
        self.description: Sequence[Any] | None = None
        self._rows: list[Any] = []

    def __enter__(self) -> DoubleCursor:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def execute(self, statement: str, binds: Mapping[str, Any] | None = None, **more: Any) -> DoubleCursor:
        self._rows = list(self._server.answer(statement, binds if binds is not None else more))
        return self

    def parse(self, statement: str) -> None:
        self.description = self._server.answer(statement, None)

    def fetchall(self) -> list[Any]:
        return self._rows

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)


def source(connection: Connection = CONNECTION, password: str = "pw") -> OracleSource:
    return OracleSource(connection, Credentials(password=password), program="offramp task 7 abc")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Double:
    made = Double()
    monkeypatch.setattr(oracledb, "connect", made.connect)
    # The thread of a login asks whether a late connection is one.
    monkeypatch.setattr(oracledb, "Connection", DoubleConnection)
    return made


@pytest.fixture
def session(server: Double) -> Iterator[OracleSession]:
    with source().connect() as opened:
        assert isinstance(opened, OracleSession)
        yield opened
