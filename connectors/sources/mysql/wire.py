"""Rows of a MySQL, MariaDB or OceanBase server: as text, exactly as it prints them, or as columns with types.

PyMySQL connects, logs in, does TLS, sends the statement and reads the column definitions. The rows are read
here: received in large pieces (`wire_receive`, `wire_stream`) and cut into values with numpy (`wire_rows`,
`wire_binary`), without a Python object for any of them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from pymysql.connections import Connection
from pymysql.constants import COMMAND
from pymysql.err import MySQLError
from pymysql.protocol import FieldDescriptorPacket

from connectors.ahead import silent
from connectors.base import CHUNK_BYTES
from connectors.sources.mysql.wire_receive import HINT, Receiver
from connectors.sources.mysql.wire_rows import RowSplitter
from connectors.sources.mysql.wire_stream import RowStream, Splitter
from core.chunk import TextChunk
from core.errors import ConnectionLost, SchemaChanged

if TYPE_CHECKING:
    from core.arrow import ArrowChunk

MAX_ROW_BYTES = 1 << 30
_EXECUTE = struct.Struct("<IBI")  # the statement's number, no cursor, once
_Rows = TypeVar("_Rows")
Definitions = Sequence[FieldDescriptorPacket]


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
    if columns < 1:
        raise ValueError(f"{columns} columns")
    encoded = statement.encode(connection.encoding)

    def split(found: Definitions) -> Splitter[TextChunk]:
        if len(found) != columns:
            raise SchemaChanged(
                f"The server answered with {len(found)} columns where {columns} were asked for.",
                "Start the task again: it then reads the object as it is now.",
            )
        return RowSplitter(columns)

    return _read(
        connection, COMMAND.COM_QUERY, encoded, split, chunk_bytes=chunk_bytes, max_row_bytes=max_row_bytes
    )


def read_prepared(
    connection: Connection,
    number: int,
    split: Callable[[Definitions], Splitter[ArrowChunk]],
    *,
    chunk_bytes: int = CHUNK_BYTES,
    max_row_bytes: int = MAX_ROW_BYTES,
) -> Iterator[ArrowChunk]:
    """Run a prepared statement, by the number that the server gave it; yield its rows, which the binary
    protocol has, cut by what `split` gives for the definitions of its columns. Else as `read_text`."""
    return _read(
        connection,
        COMMAND.COM_STMT_EXECUTE,
        _EXECUTE.pack(number, 0, 1),
        split,
        chunk_bytes=chunk_bytes,
        max_row_bytes=max_row_bytes,
    )


def _read(
    connection: Connection,
    command: int,
    argument: bytes,
    split: Callable[[Definitions], Splitter[_Rows]],
    *,
    chunk_bytes: int,
    max_row_bytes: int,
) -> Iterator[_Rows]:
    if chunk_bytes < 1 or not 0 < max_row_bytes <= (1 << 31) - (1 << 20):
        raise ValueError(f"chunk_bytes {chunk_bytes} or max_row_bytes {max_row_bytes}")
    in_step = False
    receiver: Receiver | None = None
    try:
        splitter = split(_send(connection, command, argument))
        receiver = Receiver(connection)
        stream = RowStream(
            receiver,
            splitter,
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
        # First: a thread that receives from a socket that is closed may receive from the next one.
        if receiver is not None:
            receiver.close()
        if not in_step:
            # No COM_QUIT: the server is writing rows, and nobody will read them.
            connection._force_close()


def _send(connection: Connection, command: int, argument: bytes) -> Definitions:
    """Send the statement, read the column definitions, and take the result out of PyMySQL's hands."""
    began = monotonic()
    try:
        # What its `query` does, for any command.
        connection._execute_command(command, argument)
        connection._affected_rows = connection._read_query_result(unbuffered=True)
    except MySQLError as error:
        if connection.open:
            raise
        # PyMySQL closes the connection itself where it was lost, and only there.
        if isinstance(error.__context__, TimeoutError):
            raise silent(monotonic() - began) from error
        raise ConnectionLost("The connection to the server was lost before the first row.", HINT) from error
    except (AssertionError, AttributeError, IndexError, ValueError, struct.error) as error:
        # A connection that another thread closes, and answers that PyMySQL takes apart without looking.
        raise ConnectionLost(
            "The connection to the server was lost, or its answer can't be understood, before the first row.",
            HINT,
        ) from error
    result = connection._result
    # Left active, it would read the rows to their end by itself when it is dropped.
    result.unbuffered_active = False
    result.connection = None
    connection._result = None
    return result.fields if result.field_count else ()
