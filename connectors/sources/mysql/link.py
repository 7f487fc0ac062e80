"""One pinned connection to the server: statements, their errors, and ending one from another thread."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from pymysql.connections import Connection as Wire
from pymysql.cursors import Cursor
from pymysql.err import MySQLError
from pymysql.protocol import FieldDescriptorPacket

from connectors.lost import gets_in_again, naming
from connectors.sources.mysql.errors import (
    UNKNOWN_VARIABLE,
    is_cut_off,
    is_lost,
    number,
    oracle_mode,
    statement_error,
)
from connectors.sources.mysql.kill import kill_marked, new_mark
from connectors.sources.mysql.login import Login
from connectors.sources.mysql.prepare import close_statement, open_statement
from connectors.sources.mysql.product import Family, Product, detect
from connectors.sources.mysql.sql import identifier
from connectors.words import shown
from core.errors import ConnectionLost

Row = tuple[Any, ...]

IDLE_SECONDS = 7 * 86_400  # how long the server must bear with a session whose client waits for its disk
OCEANBASE_MICROSECONDS = IDLE_SECONDS * 1_000_000
SCHEMA_TRY_AGAIN = 5627
SCHEMA_PAUSES = (0.1, 0.5, 2.0)  # seconds
CANCEL_SECONDS = 5  # to get in for a KILL, and for the statement to end after it


class CutOff(ConnectionLost):
    """A statement that the server didn't answer to its end, whatever the cause: no answer that anybody may
    take for "there is none"."""

    def __init__(self, cause: MySQLError) -> None:
        error = statement_error(cause, "waiting for an answer")
        super().__init__(error.message, error.hint)
        self.cause = cause


class Link:
    """A connection with its session pinned; it gets in again by itself unless a transaction was lost with it.

    Used from one thread, but for `cancel`. Every statement begins with `mark`, a comment that is this
    link's only.
    """

    def __init__(self, login: Login) -> None:
        self._login = login
        self.mark = new_mark(login.program)
        self._shut: Wire | None = None  # by `cancel`, which has said on the server what can be said
        self._lock = threading.Lock()
        self._running = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._closed = False
        self._changed = 0
        self.in_transaction = False
        self._wire = login.open()
        with contextlib.ExitStack() as undo:
            undo.callback(self._wire._force_close)
            self.product = self._detect()
            self._pin()
            undo.pop_all()

    @property
    def wire(self) -> Wire:
        return self._wire

    def _detect(self) -> Product:
        with self.saying("asking for the server's version"):
            version, comment = self.row("SELECT VERSION(), @@version_comment")
        product = detect(str(version), str(comment))
        if product.family is Family.OCEANBASE:
            with self.saying("asking for the compatibility mode"):
                mode = self.rows("SHOW VARIABLES LIKE 'ob_compatibility_mode'")
            if mode and str(mode[0][1]).upper() == "ORACLE":
                raise oracle_mode(self._login.connection)
        return product

    def _pin(self) -> None:
        """Fix what an answer depends on, and how long the server bears with a slow reader."""
        family = self.product.family
        with self.saying("pinning the session"):
            self.execute("SET SESSION time_zone = '+00:00', sql_mode = '', sql_quote_show_create = 1")
            self.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            for name in ("net_read_timeout", "net_write_timeout", "wait_timeout"):
                self._set(name, IDLE_SECONDS)
            self._bound_locks()
            if family is Family.OCEANBASE:
                for name in ("ob_query_timeout", "ob_trx_timeout", "ob_trx_idle_timeout"):
                    self._set(name, OCEANBASE_MICROSECONDS)
            elif family is Family.MARIADB:
                for name in (
                    "max_statement_time",
                    "idle_transaction_timeout",
                    "idle_readonly_transaction_timeout",
                ):
                    self._set(name, 0)
            else:
                self._set("max_execution_time", 0)
                # Without it, an invisible key that the server made is left out of the schema.
                self._set("show_gipk_in_create_table_and_information_schema", 1)
            # Last, since OceanBase refuses other settings in a read-only session.
            self._pin_access()

    def _pin_access(self) -> None:
        self.execute("SET SESSION TRANSACTION READ ONLY")

    def _bound_locks(self) -> None:
        """Have the server say that a lock doesn't come before the silence says less: who leaves by
        `read_timeout` leaves the statement waiting."""
        silence = self._login.connection.read_timeout
        if silence and self.product.family is not Family.OCEANBASE:
            self._set("lock_wait_timeout", max(1, int(silence * 0.9)))

    def _set(self, name: str, value: int) -> None:
        """Set a variable that not every version has, and that may have a smaller limit."""
        try:
            self.execute(f"SET SESSION {name} = {value}")
        except MySQLError as error:
            # 1227, 1229, 1238: not this account's to set, global only, read-only. The server's own value
            # holds.
            if number(error) not in (UNKNOWN_VARIABLE, 1227, 1229, 1231, 1238):
                raise

    @contextlib.contextmanager
    def saying(self, what: str, *, reading: bool = False, view: bool = False) -> Iterator[None]:
        """Turn what PyMySQL raises within into Offramp's errors; `what` was being done."""
        try:
            yield
        except (MySQLError, CutOff) as error:
            cause = error.cause if isinstance(error, CutOff) else error
            meant = statement_error(cause, what, reading=reading, view=view)
            raise naming(self._login.connection.name, meant) from error
        except ConnectionLost as error:
            raise naming(self._login.connection.name, error) from error
        except (OSError, AssertionError, AttributeError, IndexError, ValueError, struct.error) as error:
            # What PyMySQL lets through where the socket is shut down under it by `cancel` or the network.
            if self._wire.open:
                raise
            raise naming(
                self._login.connection.name, ConnectionLost(f"The connection was lost while {what}.")
            ) from error

    def ready(self) -> None:
        """Get in again where the connection is gone and nothing was lost with it. Raises ConnectError or
        ConnectionLost."""
        if not gets_in_again(
            self._login.connection.name,
            closed=self._closed,
            alive=self._wire.open,
            in_transaction=self.in_transaction,
        ):
            return
        wire = self._login.open()
        with self._lock:
            self._wire = wire
        with contextlib.ExitStack() as undo:
            # It must not be used as it is.
            undo.callback(wire._force_close)
            self._pin()
            undo.pop_all()

    def _query(self, statement: str) -> tuple[tuple[Row, ...], tuple[str, ...]]:
        """Rows, and names of columns. Raises MySQLError for a refusal, else CutOff."""
        with self.busy(), Cursor(self._wire) as cursor:
            for pause in (*SCHEMA_PAUSES, None):
                try:
                    cursor.execute(self.mark + statement)
                    break
                except MySQLError as error:
                    self._look_at(error)
                    # OceanBase, while it still takes in what somebody has just changed.
                    if number(error) != SCHEMA_TRY_AGAIN or pause is None:
                        raise
                time.sleep(pause)
            names = tuple(str(column[0]) for column in cursor.description or ())
            self._changed = cursor.rowcount
            return tuple(cursor.fetchall()), names

    def _look_at(self, error: MySQLError) -> None:
        """Close what the server is about to close, and raise CutOff where the error is no answer."""
        if is_lost(error):
            self._wire._force_close()
        if is_cut_off(error) or not self._wire.open:
            raise CutOff(error) from error

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """Mark that a statement runs: only then is there something to cancel. Where its connection is lost,
        the server may not know that for as long as it has nothing to send: it is told."""
        self._idle.clear()
        self._running.set()
        try:
            yield
        except Exception:
            # Whatever it was, an abort among it: it is raised again.
            if not self._wire.open and self._wire is not self._shut:
                self._kill("KILL")
            raise
        finally:
            self._running.clear()
            self._idle.set()

    def execute(self, statement: str) -> None:
        """Run a statement. Raises pymysql.err.MySQLError for a refusal: wrap in `saying`. Raises
        ConnectionLost where there was no answer."""
        self.ready()
        self._query(statement)

    def change(self, statement: str) -> int:
        """Run a statement; how many rows it has changed, by the server's word. Raises as `execute` does."""
        self.execute(statement)
        return self._changed

    def rows(self, statement: str) -> list[Row]:
        self.ready()
        return list(self._query(statement)[0])

    def row(self, statement: str) -> Row:
        found = self.rows(statement)
        return found[0] if found else ()

    def rows_by_name(self, statement: str) -> list[dict[str, Any]]:
        """Rows with each value by its column's name."""
        self.ready()
        rows, names = self._query(statement)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def columns_of(self, statement: str) -> list[str]:
        """Names of the result's columns."""
        self.ready()
        return list(self._query(statement)[1])

    def prepare(self, statement: str) -> Sequence[FieldDescriptorPacket]:
        """Have the server understand a statement, and only that: it runs nothing, and refuses several. Gives
        the columns that would come. Raises as `execute` does."""
        number, found = self.open_statement(statement)
        self.close_statement(number)
        return found

    def open_statement(self, statement: str) -> tuple[int, Sequence[FieldDescriptorPacket]]:
        """As `prepare`, and the number by which the statement can be run until it is closed."""
        self.ready()
        with self.busy():
            try:
                return open_statement(self._wire, self.mark + statement)
            except MySQLError as error:
                self._look_at(error)
                raise

    def close_statement(self, number: int) -> None:
        """Let the server forget a prepared statement."""
        close_statement(self._wire, number)

    def folds_names(self) -> bool:
        """Whether names of tables that differ in their case only are one."""
        with self.saying("asking how names of tables are compared"):
            (how,) = self.row("SELECT @@lower_case_table_names")
        return int(how) != 0

    def use(self, database: str) -> None:
        """Make it the current database: the server then prints names without it."""
        with self.saying(f"entering database {shown(database)}"):
            self.execute(f"USE {identifier(database)}")

    def cancel(self) -> None:
        """End the statement that runs, on the server too: KILL QUERY on a second connection, and where that
        can't be said or doesn't help within some seconds, KILL and the socket. Nothing where none runs."""
        if not self._running.is_set():
            return
        with self._lock:
            wire = self._wire
        if wire is self._shut:
            return
        if self._kill("KILL QUERY"):
            if self._idle.wait(CANCEL_SECONDS):
                return
            self._kill("KILL")
        self._shut = wire
        with contextlib.suppress(OSError, AttributeError):
            wire._sock.shutdown(socket.SHUT_RDWR)

    def kill_query(self) -> bool:
        """End the statement that runs, from another connection; whether that could be said."""
        return self._kill("KILL QUERY")

    def _kill(self, verb: str) -> bool:
        return kill_marked(self._login, self.mark, verb, CANCEL_SECONDS) is not None

    def close(self) -> None:
        self._closed = True
        with contextlib.suppress(MySQLError, OSError):
            if self._wire.open:
                self._wire.close()
