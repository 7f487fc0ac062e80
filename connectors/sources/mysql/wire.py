"""Rows of a MySQL, MariaDB or OceanBase server as text, exactly as it prints them.

PyMySQL connects, logs in, does TLS, sends the statement and reads the column definitions. The rows are read
here: received in large pieces (`wire_stream`) and cut into values with numpy (`wire_rows`),
without a Python object for any of them.
"""

from __future__ import annotations

import select
import ssl
import struct
from collections.abc import Iterator
from time import monotonic, sleep

from pymysql.connections import Connection
from pymysql.err import MySQLError

from connectors.base import CHUNK_BYTES
from connectors.sources.mysql.wire_stream import RowStream
from core.chunk import TextChunk
from core.errors import ConnectionLost, SchemaChanged

MAX_ROW_BYTES = 1 << 30

# Waking this process for each of its small writes costs a local server an eighth of its speed. Whoever got
# little after waiting therefore naps before the next receive: far shorter than a socket's buffer takes to
# fill, and never while more is there than can be read.
SMALL_RECEIVE = 1 << 15
TLS_RECEIVE = 1 << 17
WAITED_SECONDS = 20e-6
NAP_SECONDS = 50e-6

_HINT = (
    "Look into the server's error log; its net_write_timeout, wait_timeout and max_statement_time may end it."
)


def read_text(
    connection: Connection,
    statement: str,
    columns: int,
    *,
    chunk_bytes: int = CHUNK_BYTES,
    max_row_bytes: int = MAX_ROW_BYTES,
) -> Iterator[TextChunk]:
    """Run a statement that answers with one result of `columns` columns; yield its rows.

    The statement is sent when the first chunk is asked for. Chunks hold at least one row and about
    `chunk_bytes` bytes, or one row that is longer; a chunk's arrays are used again for the next one. The end
    of the iterator means that the server said the result is complete: whatever else happens is an error.

    Raises pymysql.err.MySQLError for what the server answers with, at once or amid the rows: the connection
    then remains usable. Raises ConnectionLost where the connection is cut or closed, says nothing for its
    read timeout, or sends what can't be understood; SchemaChanged where the result has another number of
    columns; ValueTooLarge for a row past `max_row_bytes`, at most 2**31 - 2**20. After these, and after an
    iterator that was left before its end, the connection is closed.
    """
    if columns < 1 or chunk_bytes < 1 or not 0 < max_row_bytes <= (1 << 31) - (1 << 20):
        raise ValueError(f"columns {columns}, chunk_bytes {chunk_bytes} or max_row_bytes {max_row_bytes}")
    encoded = statement.encode(connection.encoding)
    in_step = False
    try:
        _send(connection, encoded, columns)
        stream = RowStream(
            _Receiver(connection),
            columns,
            connection._next_seq_id,
            chunk_bytes=chunk_bytes,
            max_row_bytes=max_row_bytes,
        )
        yield from stream.chunks()
        in_step = True
    except MySQLError:
        in_step = True
        raise
    finally:
        if not in_step:
            # No COM_QUIT: the server is writing rows, and nobody will read them.
            connection._force_close()


def _send(connection: Connection, statement: bytes, columns: int) -> None:
    """Send the statement, read the column definitions, and take the result out of PyMySQL's hands."""
    began = monotonic()
    try:
        connection.query(statement, unbuffered=True)
    except MySQLError as error:
        if connection.open:
            raise
        # PyMySQL closes the connection itself where it was lost, and only there.
        if isinstance(error.__context__, TimeoutError):
            raise _silent(monotonic() - began) from error
        raise ConnectionLost("The connection to the server was lost before the first row.", _HINT) from error
    except (AssertionError, AttributeError, IndexError, ValueError, struct.error) as error:
        # A connection that another thread closes, and answers that PyMySQL takes apart without looking.
        raise ConnectionLost(
            "The connection to the server was lost, or its answer can't be understood, before the first row.",
            _HINT,
        ) from error
    result = connection._result
    # Left active, it would read the rows to their end by itself when it is dropped.
    result.unbuffered_active = False
    result.connection = None
    connection._result = None
    if result.field_count != columns:
        raise SchemaChanged(
            f"The server answered with {result.field_count} columns where {columns} were asked for.",
            "Start the task again: it then reads the object as it is now.",
        )


class _Receiver:
    """Receives from a connection's socket, TLS or not, starting with what PyMySQL has in its buffer."""

    def __init__(self, connection: Connection) -> None:
        self._socket = connection._sock
        self._buffered = connection._rfile
        self._outruns = False
        if self._socket is None or self._buffered is None or self._socket.fileno() < 0:
            raise ConnectionLost("The connection was closed before the first row.", _HINT)
        self._tls = isinstance(self._socket, ssl.SSLSocket)
        self._ready = select.poll()
        self._ready.register(self._socket.fileno(), select.POLLIN)

    def __call__(self, into: memoryview) -> int:
        if self._outruns:
            sleep(NAP_SECONDS)
        began = monotonic()
        try:
            count = self._receive(into)
            waited = monotonic() - began
            if self._tls and count:
                count += self._receive_records(into[count:])
        except TimeoutError as error:
            raise _silent(monotonic() - began) from error
        except (OSError, ValueError) as error:
            # ValueError: the socket or its buffer was closed by another thread.
            raise ConnectionLost(
                f"The connection to the server broke while rows were read: {error}.", _HINT
            ) from error
        # A TLS socket that another thread shuts down goes on as a plain one: what it reads then is no data.
        if count == 0 or (self._tls and self._socket.version() is None):
            raise ConnectionLost("The connection was closed before the result was complete.", _HINT)
        self._outruns = count < SMALL_RECEIVE and waited > WAITED_SECONDS
        return count

    def _receive(self, into: memoryview) -> int:
        if self._buffered is None:
            return int(self._socket.recv_into(into))
        # read1 hands over all that is buffered, or reads from the socket once where nothing is. Unlike
        # readinto1 it never waits while it holds data.
        data = self._buffered.read1(len(into))
        if len(data) < len(into):
            self._buffered = None
        into[: len(data)] = data
        return len(data)

    def _receive_records(self, into: memoryview) -> int:
        """What else has come over TLS: its records hold 16 kB at most, and each is received alone."""
        count = 0
        limit = min(TLS_RECEIVE, len(into))
        while count < limit and self._ready.poll(0):
            received = int(self._socket.recv_into(into[count:]))
            if not received:
                break  # closed: an error only if something is still to come
            count += received
        return count


def _silent(seconds: float) -> ConnectionLost:
    return ConnectionLost(
        f"Nothing came from the server for {seconds:.0f} s.",
        "A longer timeout of the connection helps where the server needs that long for its first rows.",
    )
