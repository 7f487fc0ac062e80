"""One pinned connection to the server: statements, their errors, and ending one from another thread."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import psycopg
from psycopg import generators
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from connectors.lost import gets_in_again, naming
from connectors.sources.postgresql.errors import is_lost, statement_error
from connectors.sources.postgresql.kill import new_name, terminate_named
from connectors.sources.postgresql.login import Login, Wire
from connectors.sources.postgresql.names import find
from connectors.sources.postgresql.sql import identifier
from core.errors import ConnectionLost, Unsupported
from core.model.vocabulary import ObjectRef

Row = tuple[Any, ...]

OLDEST = 120000
CANCEL_SECONDS = 5  # to get in for a cancellation, and for the statement to end after it
LOCK_SECONDS = 540  # where the connection sets no limit to the server's silence

# What an answer depends on, and how long the server bears with a slow reader. Not every version has all of
# them: only those that pg_settings lists are set. An empty search_path has the server print every name with
# its schema, and nobody's function stand in for one of its own. row_security off has it refuse to read what
# it would filter. synchronize_seqscans off has two reads of a table give its rows in the same order. jit off:
# compiling a large question to the catalogs takes it seconds, and answering it milliseconds.
_PINNED = {
    "client_encoding": "UTF8",
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "standard_conforming_strings": "on",
    "quote_all_identifiers": "off",
    "array_nulls": "on",
    "search_path": "",
    "row_security": "off",
    "synchronize_seqscans": "off",
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    "statement_timeout": "0",
    "transaction_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "tcp_user_timeout": "0",
    "default_transaction_isolation": "repeatable read",
    "default_transaction_deferrable": "off",
    "default_transaction_read_only": "on",
}


class Link:
    """A connection with its session pinned; it gets in again by itself unless a transaction was lost with it.

    `version` is server_version_num (150004 for 15.4), `version_text` server_version, `schema` the first that
    there is of those that the account's search_path names, `name` the application's name, which is this
    link's only. Used from one thread, but for `cancel`.
    """

    def __init__(self, login: Login) -> None:
        self._login = login
        self.name = new_name(login.program)
        self._shut: Wire | None = None  # by `cancel`, which has said on the server what can be said
        self._lock = threading.Lock()
        self._running = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._closed = False
        self.in_transaction = False
        self.version = 0
        self.version_text = ""
        self.schema: str | None = None
        self._wire = login.open(name=self.name)
        self._pin_new()

    @property
    def wire(self) -> Wire:
        return self._wire

    @property
    def open(self) -> bool:
        return not self._wire.closed

    def _pin_new(self) -> None:
        """Pin a connection that has just been opened; it must not be used unpinned."""
        with contextlib.ExitStack() as undo:
            undo.callback(self._wire.close)
            with self.saying("pinning the session"):
                self._pin()
            undo.pop_all()

    def _pin(self) -> None:
        silence = self._login.connection.read_timeout
        # The server says that a lock doesn't come before the silence says less.
        seconds = max(1, int(silence * 0.9)) if silence else LOCK_SECONDS
        ((self.schema,),), _ = self._run("SELECT pg_catalog.current_schema()::text")
        wanted = {**_PINNED, "lock_timeout": f"{seconds}s"}
        self._run(
            "SELECT pg_catalog.set_config(s.name, w.value, false) FROM pg_catalog.pg_settings s"
            " JOIN ROWS FROM (pg_catalog.unnest(%s::text[]), pg_catalog.unnest(%s::text[])) AS w(name, value)"
            " ON pg_catalog.lower(s.name) = pg_catalog.lower(w.name)",
            (list(wanted), list(wanted.values())),
        )
        rows, _ = self._run(
            "SELECT pg_catalog.current_setting('server_version_num')::int,"
            " pg_catalog.current_setting('server_version'), pg_catalog.current_setting('server_encoding')"
        )
        self.version, self.version_text, encoding = rows[0]
        if self.version < OLDEST:
            raise Unsupported(
                f"Connection {self._login.connection.name!r} leads to PostgreSQL {self.version_text}.",
                "Version 12 is the oldest that can be read here.",
            )
        if encoding == "SQL_ASCII":
            raise Unsupported(
                f"The database of connection {self._login.connection.name!r} has the encoding SQL_ASCII: "
                "nobody knows which characters its bytes are.",
                "Have it made anew in the encoding that its texts are in.",
            )

    @contextlib.contextmanager
    def saying(self, what: str, *, reading: bool = False, view: bool = False) -> Iterator[None]:
        """Turn what psycopg raises within into Offramp's errors; `what` was being done."""
        try:
            yield
        except psycopg.Error as error:
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
            alive=self.open,
            in_transaction=self.in_transaction,
        ):
            return
        wire = self._login.open(name=self.name)
        with self._lock:
            self._wire = wire
        self._pin_new()

    def _run(self, statement: str, params: tuple[Any, ...] = ()) -> tuple[list[Row], tuple[str, ...]]:
        """Rows, and names of columns. Raises psycopg.Error."""
        with self.busy():
            # Bytes, since psycopg's types want texts fixed, and these are put together
            cursor = self._wire.execute(statement.encode(), params or None, prepare=None if params else False)
            names = tuple(column.name for column in cursor.description or ())
            return (cursor.fetchall() if names else []), names

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """Mark that a statement runs: only then is there something to cancel. Where its connection is lost,
        the server may not know that for as long as it has nothing to send: it is told."""
        self._idle.clear()
        self._running.set()
        try:
            yield
        except Exception as error:
            # Whatever it was, an abort among it: it is raised again.
            if isinstance(error, psycopg.Error) and is_lost(error):
                self._wire.close()
            if self._wire.closed and self._wire is not self._shut:
                terminate_named(self._login, self.name, CANCEL_SECONDS)
            raise
        finally:
            self._running.clear()
            self._idle.set()

    def execute(self, statement: str, *params: object) -> None:
        """Run a statement. Raises psycopg.Error: wrap in `saying`."""
        self.ready()
        self._run(statement, params)

    def rows(self, statement: str, *params: object) -> list[Row]:
        """Rows as Python values. Without `params`, a % is a %; with them, each %s is one of them."""
        self.ready()
        return self._run(statement, params)[0]

    def about(self, oid: int, statement: str) -> list[Row]:
        """Rows that tell of one relation: see `names.Asking`."""
        return [row[1:] for row in self.rows(statement.replace("{oids}", f"({int(oid)})"))]

    def find(self, schema: str, ref: ObjectRef) -> int:
        """An object's oid: see `names.find`. Raises NotFound."""
        return find(self, schema, ref)

    def row(self, statement: str, *params: object) -> Row:
        """The first row, () where there is none."""
        found = self.rows(statement, *params)
        return found[0] if found else ()

    def columns_of(self, statement: str) -> list[str]:
        """Names of the result's columns."""
        self.ready()
        return list(self._run(statement)[1])

    def look_in(self, schema: str) -> None:
        """Until the end of the transaction or savepoint, names without a schema in what somebody wrote mean
        this schema's. Raises psycopg.Error."""
        self.execute(f"SET LOCAL search_path = {identifier(schema)}")

    def prepare(self, statement: str) -> PGresult:
        """Have the server understand a statement, and only that: it runs nothing, and refuses several. Gives
        the description of what would come. Raises psycopg.Error."""
        self.ready()
        with self.busy():
            libpq = self._wire.pgconn
            result: PGresult
            for begin in (
                partial(libpq.send_prepare, b"", statement.encode()),
                partial(libpq.send_describe_prepared, b""),
            ):
                begin()
                (result,) = self._wire.wait(generators.execute(libpq))
                if result.status != ExecStatus.COMMAND_OK:
                    raise psycopg.errors.error_from_result(result, encoding="utf-8")
            return result

    @contextlib.contextmanager
    def letting_go(self) -> Iterator[None]:
        """Within a transaction, let go of the locks of what is read within, so that nobody's ALTER waits for
        the end of the task; and let it outlive an error. Without one, begin and end one: what is set LOCAL
        holds till then. May be nested."""
        self.ready()
        if self.in_transaction:
            begin, end = "SAVEPOINT offramp", "ROLLBACK TO SAVEPOINT offramp; RELEASE SAVEPOINT offramp"
        else:
            begin, end = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY", "ROLLBACK"
        outer, self.in_transaction = self.in_transaction, True
        try:
            self._run(begin)
            yield
        finally:
            self.in_transaction = outer
            if not self._wire.closed:
                self._run(end)

    def cancel(self) -> None:
        """End the statement that runs, on the server too: a cancel request, and where that can't be said or
        doesn't help within some seconds, pg_terminate_backend from a second connection, and the socket.
        Nothing where none runs."""
        if not self._running.is_set():
            return
        with self._lock:
            wire = self._wire
        if wire is self._shut:
            return
        if self.cancel_statement():
            if self._idle.wait(CANCEL_SECONDS):
                return
            terminate_named(self._login, self.name, CANCEL_SECONDS)
        self._shut = wire
        # A duplicate: closing it leaves libpq its own.
        with (
            contextlib.suppress(OSError, psycopg.Error),
            socket.socket(fileno=os.dup(wire.pgconn.socket)) as end,
        ):
            end.shutdown(socket.SHUT_RDWR)

    def cancel_statement(self) -> bool:
        """Have the server end the statement that runs; whether that could be said."""
        try:
            self._wire.cancel_safe(timeout=CANCEL_SECONDS)
        except psycopg.Error:
            return False
        return True

    def close(self) -> None:
        self._closed = True
        with contextlib.suppress(psycopg.Error, OSError):
            self._wire.close()
