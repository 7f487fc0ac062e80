"""One pinned connection to the server: statements, their errors, and ending one from another thread."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

from pymysql.connections import Connection as Wire
from pymysql.cursors import Cursor
from pymysql.err import MySQLError

from connectors.sources.mysql.errors import UNKNOWN_VARIABLE, number, oracle_mode, shown, statement_error
from connectors.sources.mysql.login import Login
from connectors.sources.mysql.product import Family, Product, detect
from connectors.sources.mysql.sql import identifier
from core.errors import ConnectError, ConnectionLost

Row = tuple[Any, ...]

IDLE_SECONDS = 7 * 86_400  # how long the server must bear with a session whose client waits for its disk
OCEANBASE_MICROSECONDS = IDLE_SECONDS * 1_000_000
SCHEMA_TRY_AGAIN = 5627
SCHEMA_PAUSES = (0.1, 0.5, 2.0)  # seconds
CANCEL_SECONDS = 5  # to get in for a KILL, and for the statement to end after it


class Link:
    """A connection with its session pinned; it gets in again by itself unless a transaction was lost with it.

    Used from one thread, but for `cancel`.
    """

    def __init__(self, login: Login) -> None:
        self._login = login
        self._lock = threading.Lock()
        self._running = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._closed = False
        self.in_transaction = False
        self._wire = login.open()
        try:
            self.product = self._detect()
            self._pin()
        except BaseException:
            self._wire._force_close()
            raise

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
            self.execute("SET SESSION TRANSACTION READ ONLY")

    def _set(self, name: str, value: int) -> None:
        """Set a variable that not every version has, and that may have a smaller limit."""
        try:
            self._query(f"SET SESSION {name} = {value}")
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
        except MySQLError as error:
            raise statement_error(error, what, reading=reading, view=view) from error
        except (OSError, AssertionError, AttributeError, IndexError, ValueError) as error:
            # What PyMySQL lets through where the socket is shut down under it by `cancel` or the network.
            if self._wire.open:
                raise
            raise ConnectionLost(f"The connection was lost while {what}.") from error

    def ready(self) -> None:
        """Get in again where the connection is gone and nothing was lost with it. Raises ConnectError or
        ConnectionLost."""
        if self._closed:
            raise ConnectionLost("The session is closed.")
        if self._wire.open:
            return
        if self.in_transaction:
            raise ConnectionLost("The connection was lost, and with it the point in time that was read.")
        wire = self._login.open()
        with self._lock:
            self._wire = wire
        self._pin()

    def _query(self, statement: str) -> tuple[Row, ...]:
        with self.busy(), Cursor(self._wire) as cursor:
            for pause in (*SCHEMA_PAUSES, None):
                try:
                    cursor.execute(statement)
                    break
                except MySQLError as error:
                    # OceanBase, while it still takes in what somebody has just changed.
                    if number(error) != SCHEMA_TRY_AGAIN or pause is None:
                        raise
                time.sleep(pause)
            return tuple(cursor.fetchall())

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """Mark that a statement runs: only then is there something to cancel."""
        self._idle.clear()
        self._running.set()
        try:
            yield
        finally:
            self._running.clear()
            self._idle.set()

    def execute(self, statement: str) -> None:
        """Run a statement. Raises pymysql.err.MySQLError: wrap in `saying`."""
        self.ready()
        self._query(statement)

    def rows(self, statement: str) -> list[Row]:
        self.ready()
        return list(self._query(statement))

    def row(self, statement: str) -> Row:
        found = self.rows(statement)
        return found[0] if found else ()

    def columns_of(self, statement: str) -> list[str]:
        """Names of the result's columns."""
        self.ready()
        with self.busy(), Cursor(self._wire) as cursor:
            cursor.execute(statement)
            return [column[0] for column in cursor.description or ()]

    def use(self, database: str) -> None:
        """Make it the current database: the server then prints names without it."""
        with self.saying(f"entering database {shown(database)}"):
            self.execute(f"USE {identifier(database)}")

    def cancel(self) -> None:
        """End the statement that runs, on the server too: KILL QUERY on a second connection, and where that
        doesn't help within some seconds, KILL and the socket. Nothing where none runs."""
        with self._lock:
            wire = self._wire
        if not self._running.is_set():
            return
        self._kill(wire, "KILL QUERY")
        deadline = time.monotonic() + CANCEL_SECONDS
        if self._idle.wait(max(0.0, deadline - time.monotonic())):
            return
        self._kill(wire, "KILL")
        with contextlib.suppress(OSError, AttributeError):
            wire._sock.shutdown(socket.SHUT_RDWR)

    def kill_query(self) -> bool:
        """KILL QUERY of the own connection, from another; whether that could be said."""
        return self._kill(self._wire, "KILL QUERY")

    def _kill(self, wire: Wire, verb: str) -> bool:
        try:
            side = self._login.open(timeout=CANCEL_SECONDS)
        except ConnectError:
            return False
        try:
            with Cursor(side) as cursor:
                cursor.execute(f"{verb} {wire.thread_id()}")
        except (MySQLError, OSError):
            return False  # 1094: it has ended already
        finally:
            side.close()
        return True

    def close(self) -> None:
        self._closed = True
        with contextlib.suppress(MySQLError, OSError):
            if self._wire.open:
                self._wire.close()
