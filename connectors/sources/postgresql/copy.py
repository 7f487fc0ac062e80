"""Rows of a query as COPY sends them in its binary form: values as bytes, none of them a Python object.

Every column is asked for as text (or bytea), whose binary form is the bytes themselves, so that a value comes
exactly as the server prints it and nothing has to be unescaped.

The stream is a signature, flags and an extension, then for each row the number of columns (16 bits) and for
each column a length (32 bits, -1 for NULL) and so many bytes, and at the end -1 for the number of columns.
They are taken from the socket in large pieces (`stream`); where that can't be, libpq hands them over one by
one. Source: "COPY", section "Binary Format", of the PostgreSQL manual.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NoReturn

import numpy as np
import psycopg
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from connectors.base import CHUNK_BYTES
from connectors.lost import not_understood
from connectors.sources.postgresql.cutting import COUNT, split
from connectors.sources.postgresql.login import READ, Wire
from connectors.sources.postgresql.stream import PAD, CopyStream, Rows, begins_at_once, check_row, send
from core.chunk import Bytes, Offsets, TextChunk

SIGNATURE = b"PGCOPY\n\xff\r\n\0"
_HEAD = struct.Struct(">11sii")
Message = bytes | bytearray | memoryview

CHUNK_VALUES = 1 << 19  # a value may take 4 bytes of the wire, and costs 17 in a chunk
CHUNK_ROWS = 1 << 16


class Copy:
    """The rows of `query`, which gives `columns` columns of text or bytea, or of types whose binary form is
    known to who takes the `rows`.

    Use `chunks` or `rows`, once. Left before its end, it leaves the connection in the midst of the answer:
    `drain` reads the rest, which is short once the query was cancelled. To be closed before the connection is
    used again.
    """

    def __init__(self, wire: Wire, query: str, columns: int, *, chunk_bytes: int = CHUNK_BYTES) -> None:
        self._wire = wire
        self._statement = f"COPY ({query}) TO STDOUT (FORMAT binary)"
        self._columns = columns
        self._chunk_bytes = chunk_bytes
        self._most_rows = max(1, min(CHUNK_ROWS, CHUNK_VALUES // columns))
        self._stream: CopyStream | None = None

    def chunks(self) -> Iterator[TextChunk]:
        """Chunks of about `chunk_bytes` bytes, or one row that is longer; its arrays may be used again for
        the next. Ends and raises as `rows` does."""
        for buffer, begins, ends in self.rows():
            yield split(buffer, begins, ends, self._columns)

    def rows(self) -> Iterator[Rows]:
        """Some rows at a time, never none, as they came: for `cutting.cut`. The end of the iterator means
        that the server said the result is complete.

        Raises psycopg.Error for what the server answers with, ConnectionLost where what comes can't be
        understood, SchemaChanged where the result has another number of columns, ValueTooLarge for a row
        that no chunk can hold.
        """
        begun = ended = False
        count = 0
        for buffer, begins, ends in self._batches():
            if ended:
                raise not_understood("something follows the end")
            if not begun:
                size = _check_head(buffer[begins[0] : ends[0]])
                begins = np.concatenate(([begins[0] + size], begins[1:]))  # noqa: PLW2901
                if begins[0] == ends[0]:
                    begins, ends = begins[1:], ends[1:]  # noqa: PLW2901
                begun = True
            if len(begins) and _is_end(buffer[begins[-1] : ends[-1]]):
                ended = True
                begins, ends = begins[:-1], ends[:-1]  # noqa: PLW2901
            count += len(begins)
            if len(begins):
                yield buffer, begins, ends
        if not ended:
            raise not_understood("it breaks off")
        announced = self._stream.announced if self._stream is not None else count
        if announced != count:
            raise not_understood(f"{count} rows came, and it says {announced}")

    def _batches(self) -> Iterator[Rows]:
        send(self._wire, self._statement)
        if begins_at_once(self._wire):
            self._stream = CopyStream(self._wire, most_bytes=self._chunk_bytes, most_rows=self._most_rows)
            yield from self._stream.batches()
        else:
            for rows in messages(self._wire, self._chunk_bytes, self._most_rows):
                yield joined(rows)

    def drain(self) -> None:
        """Take what is left of the answer, up to the server's word that there is no more. Raises
        psycopg.Error, ConnectionLost."""
        if self._stream is not None:
            self._stream.drain()
        else:
            drain(self._wire)

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()


def messages(wire: Wire, most_bytes: int, most: int) -> Iterator[list[Message]]:
    """What COPY TO STDOUT, which was sent, answers: some messages at a time, at most `most` of them, with
    `most_bytes` bytes or one that is longer; none of these lists is empty. Raises psycopg.Error and
    ValueTooLarge.

    Beneath psycopg's own cursor, which takes a generator and a wait for every row; as it does, by libpq's
    functions for asynchronous use ("Functions Associated with the COPY Command" of the manual).
    """
    libpq = wire.pgconn
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
            check_row(length)
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


def _check_head(message: Bytes) -> int:
    """The size of what stands before the first row."""
    if len(message) < _HEAD.size:
        raise not_understood("it has no head")
    signature, flags, extension = _HEAD.unpack_from(message.data)
    if signature != SIGNATURE or flags or extension:
        raise not_understood("its head is another than was expected")
    return _HEAD.size


def _is_end(message: Bytes) -> bool:
    return len(message) == COUNT.size and COUNT.unpack(message.data)[0] == -1


def joined(rows: list[Message]) -> tuple[Bytes, Offsets, Offsets]:
    """Rows, each as it came, in one buffer, with PAD bytes behind them, and where each begins and ends."""
    buffer: Bytes = np.frombuffer(b"".join([*rows, bytes(PAD)]), np.uint8)
    ends: Offsets = np.cumsum(np.fromiter(map(len, rows), np.int64, len(rows)))
    begins = np.empty_like(ends)
    begins[0], begins[1:] = 0, ends[:-1]
    return buffer, begins, ends
