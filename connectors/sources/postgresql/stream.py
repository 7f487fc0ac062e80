"""Rows of COPY taken from the connection's socket itself, in large pieces, cut into messages with few steps.

libpq hands over the rows of COPY one by one, each as an object, and receives only when it is asked. So the
answer is looked at while it is still in the socket (MSG_PEEK): where it begins with CopyOutResponse, all of
it is read here, up to and including ReadyForQuery. libpq then still waits for an answer: it gets that of an
empty query, after which it is in step with the server again. Anything else than CopyOutResponse (an error, a
notice) is left to libpq, and so is TLS, whose state is in its hands.

A message is a byte for its type, a length (32 bits, itself included) and its content: CopyOutResponse H, then
CopyData d, one for each row, then CopyDone c, CommandComplete C with the number of rows, ReadyForQuery Z; in
between ErrorResponse E, NoticeResponse N, ParameterStatus S or NotificationResponse A. Source: "Message Flow"
and "Message Formats" of the PostgreSQL manual's chapter on the protocol.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from time import monotonic

import numpy as np
import psycopg

from connectors.ahead import INLINE_BYTES, Ahead
from connectors.lost import not_understood
from connectors.sources.postgresql.framing import HEADER, ends
from connectors.sources.postgresql.login import READ, WRITE, Wire
from core.chunk import Bytes, Offsets
from core.errors import ConnectionLost, ValueTooLarge

# What a buffer has behind its filled part: a value is read together with what lies behind it.
PAD = 16
MAX_ROW_BYTES = (1 << 31) - (1 << 20)
_ROW, _DONE, _COMPLETE, _READY, _ERROR, _BEGIN = b"dcCZEH"
_ASIDE = frozenset(b"NSA")
_EMPTY_QUERY = b"Q\0\0\0\5\0"
_SECONDS = 0.5  # rows that are there wait no longer than this for more, unless none of them moves
_size = struct.Struct(">I").unpack_from
Rows = tuple[Bytes, Offsets, Offsets]


def begins_at_once(wire: Wire) -> bool:
    """Whether the answer to the query that was sent begins with CopyOutResponse. Raises psycopg.Error where
    the server is silent for too long."""
    if wire.pgconn.ssl_in_use:
        return False
    wire.await_socket(READ)
    with _own(wire) as plain, contextlib.suppress(OSError):
        return plain.recv(1, socket.MSG_PEEK) == bytes([_BEGIN])
    return False


def send(wire: Wire, statement: str) -> None:
    """Send a query, and take nothing of its answer. Raises psycopg.Error."""
    libpq = wire.pgconn
    libpq.send_query(statement.encode())
    while libpq.flush():
        wire.await_socket(WRITE)


def check_row(size: int) -> None:
    """Raises ValueTooLarge for a row of so many bytes that no chunk can hold."""
    if size > MAX_ROW_BYTES:
        raise ValueTooLarge(
            f"A row of {size} bytes came, and {MAX_ROW_BYTES} bytes are the limit.",
            "Leave the object or the column with such large values out.",
        )


class CopyStream:
    """The rows that COPY TO STDOUT sends, in binary form.

    `most_bytes` is about what a piece of rows has, `most_rows` at most so many. To be closed before anybody
    else uses the connection; unless its end was read (`batches` to the end, an error of the server's, or
    `drain`), the connection is then of no use.
    """

    def __init__(self, wire: Wire, *, most_bytes: int, most_rows: int) -> None:
        self._wire = wire
        self._socket = _own(wire)
        self._ahead: Ahead | None = None
        self._received = 0
        self._most_rows = most_rows
        self._home = np.empty(max(most_bytes, HEADER) + PAD, np.uint8)
        self._use(self._home)
        self._begin = self._filled = 0  # what was received and isn't read yet
        self.ended = False
        self.announced: int | None = None  # how many rows there were, by the server's own word

    def batches(self) -> Iterator[Rows]:
        """Some rows at a time: the buffer that they are in until the next are asked for, and where the
        content of each begins and ends, int64 of shape (rows,).

        Ends when the server has said that this was all, and how many. Raises psycopg.Error for its error,
        ConnectionLost where the connection breaks or what comes can't be understood, ValueTooLarge.
        """
        if self._kind() != _BEGIN:
            raise not_understood("it doesn't begin")
        self._skip()
        while True:
            edges = self._gather()
            heads = edges[:-1]
            other = np.flatnonzero(self._buffer.take(heads) != _ROW)
            count = int(other[0]) if other.size else int(heads.size)
            for first in range(0, count, self._most_rows):
                last = min(first + self._most_rows, count)
                self._begin = int(edges[last])
                yield self._buffer, edges[first:last] + HEADER, edges[first + 1 : last + 1]
            self._begin = int(edges[count])
            if other.size and self._special(self._kind()):
                return

    def drain(self) -> None:
        """Read what is left of the answer, up to the server's word that there is no more, and put libpq in
        step with it. Raises ConnectionLost."""
        while not self.ended:
            kind = self._kind(content=False)
            if kind == _READY:
                self._ready()
            else:
                self._skip()

    def close(self) -> None:
        """Let go of the socket, as it was before."""
        if self._ahead is not None:
            self._ahead.close()
            self._ahead = None
        with contextlib.suppress(OSError):
            self._socket.setblocking(False)  # noqa: FBT003
        self._socket.close()

    # Messages

    def _special(self, kind: int) -> bool:
        """Read a message at the front that is no row; whether it was the last of all."""
        if kind in _ASIDE:
            self._skip()
            return False
        if kind == _ERROR:
            error = _error(self._content())
            self._skip()
            try:
                self.drain()
            except ConnectionLost:
                # It was the server's last word.
                self._wire.close()
            raise error
        if kind != _DONE:
            raise not_understood(f"message {chr(kind)!r} amid the rows")
        self._skip()
        while (kind := self._kind()) != _READY:
            if kind == _ERROR:
                return self._special(kind)
            if kind == _COMPLETE:
                self.announced = _announced(self._content())
            elif kind not in _ASIDE:
                raise not_understood(f"message {chr(kind)!r} after the rows")
            self._skip()
        self._ready()
        return True

    def _ready(self) -> None:
        """ReadyForQuery is at the front: the answer has ended. Have libpq see the end of one, too."""
        size = self._need()
        if self._filled != self._begin + size:
            raise not_understood("something follows the end")
        self._begin = self._filled
        self.ended = True
        self.close()
        libpq = self._wire.pgconn
        with _own(self._wire) as plain:
            plain.settimeout(self._wire.silence)
            try:
                plain.sendall(_EMPTY_QUERY)
            except OSError as error:
                raise _broken(error) from error
            finally:
                with contextlib.suppress(OSError):
                    plain.setblocking(False)  # noqa: FBT003
        while True:
            while libpq.is_busy():
                self._wire.await_socket(READ)
                libpq.consume_input()
            if libpq.get_result() is None:
                return

    def _kind(self, *, content: bool = True) -> int:
        """The type of the message at the front, which is there then (`_need`)."""
        self._need(content=content)
        return int(self._buffer[self._begin])

    def _content(self) -> bytes:
        end = self._begin + self._need()
        return self._buffer[self._begin + HEADER : end].tobytes()

    def _skip(self) -> None:
        """Leave the message at the front behind, however long it is."""
        left = self._need(content=False)
        while left:
            there = min(left, self._filled - self._begin)
            self._begin += there
            left -= there
            if left:
                self._to_front()
                self._filled += self._receive(self._view[self._filled : self._capacity])

    def _need(self, *, content: bool = True) -> int:
        """Have the message at the front there, or its head alone; its size in bytes."""
        self._have(HEADER)
        size = self._size_at(self._begin)
        if content:
            self._have(size)
        return size

    def _have(self, size: int) -> None:
        if self._begin + size > self._capacity:
            self._to_front()
        if size > self._capacity:
            self._grow(size)
        while self._filled - self._begin < size:
            self._filled += self._receive(self._view[self._filled : self._capacity])

    def _size_at(self, position: int) -> int:
        size = 1 + int(_size(self._view, position + 1)[0])
        if size < HEADER:
            raise not_understood("a message has no length")
        check_row(size)
        return size

    def _gather(self) -> Offsets:
        """Receive until the buffer is full, rows have waited long enough or the last message of all may have
        come. The edges of the messages that are there, at least one: n + 1 offsets."""
        self._to_front()
        self._need()
        found = [np.zeros(1, np.int64)]
        position = last = 0  # where the next message begins, and where the last one that is there does
        since = monotonic()
        while True:
            filled = self._filled
            more = ends(self._buffer, position, filled)
            if len(more):
                if np.diff(more, prepend=position).min() < HEADER:
                    raise not_understood("a message has no length")
                last = int(more[-2]) if len(more) > 1 else position
                position = int(more[-1])
                found.append(more)
            over = position == filled and self._view[last] != _ROW
            rest = self._size_at(position) if position <= filled - HEADER else HEADER
            full = filled == self._capacity or (position < filled and position + rest > self._capacity)
            if over or full or monotonic() - since > _SECONDS:
                return np.concatenate(found)
            self._filled += self._receive(self._view[filled : self._capacity])

    # The buffer

    def _use(self, buffer: Bytes) -> None:
        self._buffer = buffer
        self._view = buffer.data
        self._capacity = buffer.shape[0] - PAD

    def _to_front(self) -> None:
        """Move what isn't read yet to the front, out of a buffer that was needed for one row."""
        rest = self._view[self._begin : self._filled]
        if self._buffer is not self._home and len(rest) <= self._home.shape[0] - PAD:
            self._use(self._home)
        self._view[: len(rest)] = rest
        self._begin, self._filled = 0, len(rest)

    def _grow(self, size: int) -> None:
        larger = np.empty(size + PAD, np.uint8)
        count = self._filled - self._begin
        larger[:count] = self._buffer[self._begin : self._filled]
        self._use(larger)
        self._begin, self._filled = 0, count

    def _receive(self, into: memoryview) -> int:
        """Fill at least one byte. Raises ConnectionLost, psycopg.Error for a silence that is too long."""
        try:
            if self._ahead is None and self._received > INLINE_BYTES:
                self._socket.settimeout(self._wire.silence)
                self._ahead = Ahead(self._socket)
            count = self._ahead.take(into) if self._ahead is not None else self._receive_now(into)
        except OSError as error:
            raise _broken(error) from error
        if not count:
            raise ConnectionLost("The connection was closed before the result was complete.", _HINT)
        self._received += count
        return count

    def _receive_now(self, into: memoryview) -> int:
        while True:
            self._wire.await_socket(READ)
            with contextlib.suppress(BlockingIOError):
                return self._socket.recv_into(into)


_HINT = "Look into the server's log; a timeout there or on the way may have ended it."


def _own(wire: Wire) -> socket.socket:
    """The connection's socket once more: closing it leaves libpq its own."""
    try:
        return socket.socket(fileno=os.dup(wire.pgconn.socket))
    except (OSError, psycopg.Error) as error:
        raise ConnectionLost(f"The connection was closed before the first row: {error}.", _HINT) from error


def _broken(error: OSError) -> ConnectionLost:
    return ConnectionLost(f"The connection to the server broke while rows were read: {error}.", _HINT)


def _announced(content: bytes) -> int | None:
    """The number in a CommandComplete of COPY."""
    word, _, number = content.rstrip(b"\0").rpartition(b" ")
    return int(number) if word == b"COPY" and number.isdigit() else None


def _error(content: bytes) -> psycopg.Error:
    """An ErrorResponse as psycopg has it: fields, each a byte for what it is and a text that ends in 0
    ("Error and Notice Message Fields")."""
    fields = {item[:1]: item[1:].decode("utf-8", "replace") for item in content.split(b"\0") if item}
    state = fields.get(b"C", "")
    try:
        kind: type[psycopg.Error] = psycopg.errors.lookup(state)
    except KeyError:
        kind = psycopg.DatabaseError
    error = kind(fields.get(b"M", ""))
    error.sqlstate = state or None
    return error
