"""One pinned connection to the server: statements, their errors, and ending one from another thread."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import oracledb
import pyarrow as pa

from connectors.lost import gets_in_again, naming
from connectors.sources.oracle import statements as sql
from connectors.sources.oracle.errors import code, is_lost, statement_error
from connectors.sources.oracle.kill import end_named, new_name
from connectors.sources.oracle.login import Login
from core.errors import ConnectionLost, Unsupported

Row = tuple[Any, ...]

OLDEST = (12, 1)
CANCEL_SECONDS = 5  # to get in for a cancellation, and for the statement to end after it
_ROWS_AT_ONCE = 500
_DRIVER = (oracledb.Error, OSError)


class Link:
    """A connection with its session pinned; it gets in again by itself unless a transaction was lost with it.

    `user`, `schema` and `database` are the server's words for who one is, where unqualified names lead, and
    what the database is called; `name` the session's client identifier. Used from one thread, but for
    `cancel`."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self.name = new_name(login.program)
        self._lock = threading.Lock()
        self._running = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._closed = self._lost = False
        self.in_transaction = False
        self._entered: tuple[object, str] | None = None
        self.user = self.schema = self.database = ""
        self._wire = login.open(name=self.name)
        self._pin_new()

    @property
    def version_text(self) -> str:
        return str(self._wire.version)

    @property
    def session(self) -> object:
        """The server's session, told from the one after a connection was lost."""
        return self._wire

    @property
    def thin(self) -> bool:
        return bool(self._wire.thin)

    @property
    def open(self) -> bool:
        return not (self._lost or self._closed)

    def _pin_new(self) -> None:
        """Pin a connection that has just been opened; it must not be used unpinned."""
        with contextlib.ExitStack() as undo:
            undo.callback(self._drop)
            with self.saying("pinning the session"):
                for statement in sql.PIN:
                    self.execute(statement)
                found = self.row(sql.WHO)
            self.user, self.schema, self.database = map(str, found)
            version = tuple(int(piece) for piece in self.version_text.split(".")[:2])
            if version < OLDEST:
                raise Unsupported(
                    f"Connection {self._login.connection.name!r} leads to Oracle {self.version_text}.",
                    "Version 12.1 is the oldest that can be read here.",
                )
            undo.pop_all()

    def _drop(self) -> None:
        self._lost = True
        with contextlib.suppress(*_DRIVER):
            self._wire.close()

    @contextlib.contextmanager
    def saying(self, what: str, *, reading: bool = False, view: bool = False) -> Iterator[None]:
        """Turn what the driver raises within into Offramp's errors; `what` was being done."""
        try:
            yield
        except _DRIVER as error:
            raise naming(
                self._login.connection.name, statement_error(error, what, reading=reading, view=view)
            ) from error
        except ConnectionLost as error:
            raise naming(self._login.connection.name, error) from error

    def ready(self) -> None:
        """Get in again where the connection is gone and nothing was lost with it. Raises ConnectError or
        ConnectionLost."""
        if not gets_in_again(
            self._login.connection.name,
            closed=self._closed,
            alive=not self._lost,
            in_transaction=self.in_transaction,
        ):
            return
        wire = self._login.open(name=self.name)
        with self._lock:
            self._wire, self._lost = wire, False
        self._pin_new()

    @contextlib.contextmanager
    def busy(self) -> Iterator[oracledb.Connection]:
        """The connection, while a statement runs: only then is there something to cancel. Where it is lost,
        the server may not know that for as long as it has nothing to send: it is told."""
        self.ready()
        self._idle.clear()
        self._running.set()
        try:
            yield self._wire
        except _DRIVER as error:
            if is_lost(error):
                self._drop()
                end_named(self._login, self.name, CANCEL_SECONDS)
            raise
        finally:
            self._running.clear()
            self._idle.set()

    def execute(self, statement: str, **binds: object) -> None:
        """Run a statement that gives no rows. Raises oracledb.Error: wrap in `saying`."""
        with self.busy() as wire, wire.cursor() as cursor:
            cursor.execute(statement, binds or None)

    def enter(self, schema: str) -> None:
        """Have names without a schema mean this one's. Raises oracledb.Error."""
        self.ready()
        if self._entered != (self._wire, schema):
            self.execute(sql.enter(schema))
            self._entered = (self._wire, schema)

    def rollback(self) -> None:
        """End a transaction. Raises oracledb.Error."""
        with self.busy() as wire:
            wire.rollback()

    def rows(self, statement: str, **binds: object) -> list[Row]:
        """Rows as Python values, LOBs among them as texts and bytes. Raises oracledb.Error."""
        with self.busy() as wire, wire.cursor() as cursor:
            cursor.arraysize = cursor.prefetchrows = _ROWS_AT_ONCE
            cursor.execute(statement, binds or None, fetch_lobs=False)
            return list(cursor.fetchall())

    def row(self, statement: str, **binds: object) -> Row:
        """The first row, () where there is none."""
        found = self.rows(statement, **binds)
        return found[0] if found else ()

    def rows_unless(self, refused: Sequence[str], statement: str, **binds: object) -> list[Row] | None:
        """Rows; None where the server refuses with one of these errors. Raises oracledb.Error."""
        try:
            return self.rows(statement, **binds)
        except oracledb.Error as error:
            if code(error) in refused:
                return None
            raise

    def columns_of(self, statement: str) -> list[Any]:
        """What the server says of a query's columns, which it understands without running it."""
        with self.busy() as wire, wire.cursor() as cursor:
            cursor.parse(statement)
            return list(cursor.description or ())

    def batches(self, statement: str, size: int, schema: pa.Schema) -> Iterator[pa.Table]:
        """The rows of a query in Arrow batches of `size` rows, in the types of `schema`. Raises
        oracledb.Error. One that is left early leaves its cursor to the driver."""
        with self.busy() as wire:
            for frame in wire.fetch_df_batches(statement, size=size, requested_schema=schema):
                if frame.num_rows():
                    yield pa.table(frame)

    @contextlib.contextmanager
    def cursor(self, statement: str, size: int) -> Iterator[oracledb.Cursor]:
        """A query whose rows are taken one by one: numbers as decimals, LOBs as locators. Raises
        oracledb.Error."""
        with self.busy() as wire, wire.cursor() as cursor:
            cursor.arraysize = cursor.prefetchrows = size
            cursor.execute(statement, fetch_lobs=True, fetch_decimals=True)
            yield cursor

    def cancel(self) -> None:
        """End the statement that runs, on the server too: by a break, and where that can't be said or doesn't
        help within some seconds, by ending the session from a second connection. Nothing where none runs."""
        if not self._running.is_set():
            return
        with self._lock:
            wire = self._wire
        try:
            wire.cancel()
        except _DRIVER:
            said = False
        else:
            said = self._idle.wait(CANCEL_SECONDS)
        if not said and self._running.is_set():
            end_named(self._login, self.name, CANCEL_SECONDS)

    def close(self) -> None:
        self._closed = True
        with contextlib.suppress(*_DRIVER):
            self._wire.close()
