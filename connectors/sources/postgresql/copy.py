"""Rows of a query as COPY sends them in its binary form: values as bytes, none of them a Python object.

Every column is asked for as text (or bytea), whose binary form is the bytes themselves, so that a value comes
exactly as the server prints it and nothing has to be unescaped.

The stream is a signature, flags and an extension, then for each row the number of columns (16 bits) and for
each column a length (32 bits, -1 for NULL) and so many bytes, and at the end -1 for the number of columns.
libpq hands the rows over one by one. Source: "COPY", section "Binary Format", of the PostgreSQL manual.
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator
from typing import NoReturn

import numpy as np
import psycopg
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from connectors.base import CHUNK_BYTES
from connectors.sources.postgresql.login import READ, WRITE, Wire
from core.chunk import Bytes, Offsets, TextChunk
from core.errors import ConnectionLost, SchemaChanged, ValueTooLarge

SIGNATURE = b"PGCOPY\n\xff\r\n\0"
_HEAD = struct.Struct(">11sii")
_COUNT = struct.Struct(">h")
_LENGTH = 4
Message = bytes | bytearray | memoryview

CHUNK_VALUES = 1 << 19  # a value may take 4 bytes of the wire, and costs 17 in a chunk
CHUNK_ROWS = 1 << 16
MAX_CHUNK_BYTES = (1 << 31) - (1 << 20)


def read_copy(
    wire: Wire, query: str, columns: int, *, chunk_bytes: int = CHUNK_BYTES
) -> Generator[TextChunk, None, None]:
    """The rows of `query`, which gives `columns` columns of text or bytea.

    Chunks hold about `chunk_bytes` bytes, or one row that is longer. The end of the iterator means that the
    server said the result is complete; one that is left before leaves the connection in the midst of it.
    Raises psycopg.Error for what the server answers with, ConnectionLost where what comes can't be
    understood, SchemaChanged where the result has another number of columns, ValueTooLarge for a row that no
    chunk can hold.
    """
    most_rows = max(1, min(CHUNK_ROWS, CHUNK_VALUES // columns))
    statement = f"COPY ({query}) TO STDOUT (FORMAT binary)"
    begun = ended = False
    for rows in messages(wire, statement, chunk_bytes, most_rows):
        if ended:
            _damaged("something follows the end")
        if not begun:
            rows[0] = _without_head(rows[0])
            if not len(rows[0]):
                del rows[0]
            begun = True
        if rows and len(rows[-1]) == _COUNT.size and _COUNT.unpack(rows[-1])[0] == -1:
            ended = True
            del rows[-1]
        if rows:
            yield split(rows, columns)
    if not ended:
        _damaged("it breaks off")


def messages(wire: Wire, statement: str, most_bytes: int, most: int) -> Iterator[list[Message]]:
    """What COPY TO STDOUT sends: some messages at a time, at most `most` of them, with `most_bytes` bytes or
    one that is longer; none of these lists is empty. Raises psycopg.Error, ValueTooLarge.

    Beneath psycopg's own cursor, which takes a generator and a wait for every row; as it does, by libpq's
    functions for asynchronous use ("Functions Associated with the COPY Command" of the manual).
    """
    libpq = wire.pgconn
    libpq.send_query(statement.encode())
    while libpq.flush():
        if wire.await_socket(READ | WRITE) & READ:
            libpq.consume_input()
    result = _result(wire)
    if result is None or result.status != ExecStatus.COPY_OUT:
        _refused(wire, result)
    taken: list[Message] = []
    size = 0
    take = libpq.get_copy_data
    while True:
        length, data = take(1)
        if length > 0:
            size += length
            if (size > most_bytes and taken) or len(taken) == most:
                yield taken
                taken, size = [], length
            taken.append(data)
            if length > MAX_CHUNK_BYTES:
                raise ValueTooLarge(
                    f"A row of {length} bytes came, and {MAX_CHUNK_BYTES} bytes are the limit.",
                    "Leave the object or the column with such large values out.",
                )
        elif length == 0:
            wire.await_socket(READ)
            libpq.consume_input()
        else:
            break
    result = _result(wire)
    if result is None or result.status != ExecStatus.COMMAND_OK:
        _refused(wire, result)
    while _result(wire) is not None:
        pass
    if taken:
        yield taken


def drain(wire: Wire) -> None:
    """Take what is left of a result, up to the server's word that there is no more. Raises psycopg.Error."""
    libpq = wire.pgconn
    while (result := _result(wire)) is not None:
        while result.status == ExecStatus.COPY_OUT:
            length, _ = libpq.get_copy_data(1)
            if length < 0:
                break
            if length == 0:
                wire.await_socket(READ)
                libpq.consume_input()


def _result(wire: Wire) -> PGresult | None:
    libpq = wire.pgconn
    while libpq.is_busy():
        wire.await_socket(READ)
        libpq.consume_input()
    return libpq.get_result()


def _refused(wire: Wire, result: PGresult | None) -> NoReturn:
    """Raise what the server said in place of rows, after the end of its answer."""
    if result is None:
        raise psycopg.OperationalError("the server gave no answer")
    error = psycopg.errors.error_from_result(result, encoding="utf-8")
    drain(wire)
    raise error


def _without_head(message: Message) -> memoryview:
    view = memoryview(message)
    if len(view) < _HEAD.size:
        _damaged("it has no head")
    signature, flags, extension = _HEAD.unpack_from(view)
    if signature != SIGNATURE or flags or extension:
        _damaged("its head is another than was expected")
    return view[_HEAD.size :]


def split(rows: list[Message], columns: int) -> TextChunk:
    """Cut rows, each as it came, into values: column by column, all rows at once.

    Raises SchemaChanged for another number of columns, ConnectionLost where the values don't fill a row.
    """
    buffer: Bytes = np.frombuffer(b"".join(rows), np.uint8)
    ends: Offsets = np.cumsum(np.fromiter(map(len, rows), np.int64, len(rows)))
    begins = np.empty_like(ends)
    begins[0], begins[1:] = 0, ends[:-1]
    if buffer.size < len(rows) * (_COUNT.size + _LENGTH * columns):
        _damaged("a row is too short")
    # Every two, or four, bytes that stand behind one another, as a number.
    counts = np.ndarray((buffer.size - 1,), ">i2", buffer.data, strides=(1,))
    lengths = np.ndarray((buffer.size - _LENGTH + 1,), ">i4", buffer.data, strides=(1,))
    found = counts.take(begins)
    if not (found == columns).all():
        other = int(found[found != columns][0])
        raise SchemaChanged(
            f"The server answered with {other} columns where {columns} were asked for.",
            "Start the task again: it then reads the object as it is now.",
        )
    starts = np.empty((len(rows), columns), np.int64)
    value_ends = np.empty((len(rows), columns), np.int64)
    nulls = np.zeros((len(rows), columns), np.bool_)
    here = begins + _COUNT.size
    try:
        for column in range(columns):
            size = lengths.take(here).astype(np.int64)
            here += _LENGTH
            absent = size < 0
            if absent.any():
                nulls[:, column] = absent
                size[absent] = 0
            starts[:, column] = here
            here += size
            value_ends[:, column] = here
    except IndexError:
        _damaged("a value reaches past its row")
    if not np.array_equal(here, ends):
        _damaged("the values of a row don't fill it")
    return TextChunk(buffer, starts, value_ends, nulls if nulls.any() else None)


def _damaged(what: str) -> NoReturn:
    raise ConnectionLost(
        f"What the server sends can't be understood: {what}.",
        "Something between here and the server changes or loses data, or the server is at fault.",
    )
