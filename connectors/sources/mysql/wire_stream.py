"""The packets of a result's rows, received in large pieces and handed on as chunks.

A packet is a header of four bytes (length in three, little-endian, and a sequence number) and a payload. A
row whose payload is 16 MB - 1 or more goes on in the packets that follow, up to and including the first
that is shorter. After the rows comes an EOF packet, or, at any time, an error packet. The end is only ever
found by walking from header to header.

Source: "MySQL Packets", "EOF_Packet" and "ERR_Packet" of the MySQL internals manual. The capability
CLIENT_DEPRECATE_EOF, under which an OK packet stands for EOF, is one that PyMySQL doesn't ask for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import monotonic
from typing import Generic, NoReturn, Protocol, TypeVar

import numpy as np
from pymysql import err

from connectors.lost import not_understood
from connectors.sources.mysql.wire_packets import HEADER, MAX_PAYLOAD, PAD, header, walk
from connectors.sources.mysql.wire_rows import DamagedRow
from core.chunk import Bytes, Offsets
from core.errors import ConnectionLost, ValueTooLarge

EOF_MARK = 0xFE
EOF_SHORTEST = 5  # mark, warnings (2), status (2)
EOF_LIMIT = 9  # a row that begins with this byte holds a length in 8 bytes more: it is never shorter
ERROR_MARK = 0xFF
ERROR_SHORTEST = 4  # mark, number (2), text
MORE_RESULTS = 0x0008
CHUNK_VALUES = 1 << 19  # a value may take a single byte of the wire, and costs 17 in a chunk
CHUNK_SECONDS = 0.5  # rows that are there wait no longer than this for more, unless none of them moves

Receive = Callable[[memoryview], int]
Cut_co = TypeVar("Cut_co", covariant=True)


class Splitter(Protocol[Cut_co]):
    """Cuts rows of so many columns: `begins` and `ends` say where in the buffer each row lies. Raises
    DamagedRow."""

    @property
    def columns(self) -> int: ...

    def split(self, buffer: Bytes, begins: Offsets, ends: Offsets) -> Cut_co: ...


class RowStream(Generic[Cut_co]):
    """The rows that follow a result's column definitions.

    `receive` fills a buffer with what comes next and returns how many bytes (at least 1), or raises
    ConnectionLost. `sequence` is the number that the first row's packet has. `max_payload` is the longest
    payload of a packet, other than the protocol's own in tests only.

    Memory: `chunk_bytes` and the chunk's arrays, and for a row longer than that its length, twice while it
    is received.
    """

    def __init__(
        self,
        receive: Receive,
        splitter: Splitter[Cut_co],
        sequence: int,
        *,
        chunk_bytes: int,
        max_row_bytes: int,
        max_payload: int = MAX_PAYLOAD,
    ) -> None:
        self._receive = receive
        self._splitter = splitter
        self._sequence = sequence
        self._usual_size = float(chunk_bytes)
        self._max_row_bytes = max_row_bytes
        self._max_payload = max_payload
        self._home = np.empty(max(chunk_bytes, EOF_LIMIT + HEADER) + PAD, dtype=np.uint8)
        self._use(self._home)
        self._filled = 0

    def chunks(self) -> Iterator[Cut_co]:
        """The rows. Ends only when the server's end packet has been read.

        Raises what the server answered as a pymysql.err.MySQLError: the connection is then still in step.
        Raises ConnectionLost where the stream breaks off or is no such stream, ValueTooLarge past the limit;
        the connection can't be used any more.
        """
        while True:
            edges = self._gather()
            heads = edges[:-1]
            self._check_sequence(edges)
            rows = self._rows_before_special(edges)
            step = self._rows_at_once(rows)
            for first in range(0, rows, step):
                yield self._split(edges[first : min(first + step, rows) + 1])
            self._sequence = (self._sequence + rows) % 256
            self._drop(int(edges[rows]))
            if rows == heads.size:
                continue
            size = int(edges[rows + 1] - edges[rows]) - HEADER
            if size == self._max_payload:
                end = self._join()
                cut = self._split(np.array([0, end]))
                # The buffer that it grew for isn't held beside a copy of the row, which may be as large.
                apart = self._buffer is not self._home and self._filled == end
                if apart:
                    self._drop(end)
                yield cut
                del cut
                if not apart:
                    self._drop(end)
            elif self._buffer[HEADER] == ERROR_MARK:
                self._raise_error(size)
            else:
                self._check_end(size)
                return

    def _gather(self) -> Offsets:
        """Receive until the buffer is full, the last packet has come, or rows have waited long enough.

        Returns the edges of the packets that are there, at least one packet: n + 1 offsets, the first is 0.
        """
        pieces: list[Offsets] = [np.zeros(1, dtype=np.int64)]
        position = packets = 0
        since = monotonic()
        while True:
            filled = self._filled
            ends = walk(self._buffer, position, filled, self._usual_size)
            if ends.size:
                last = int(ends[-2]) if ends.size > 1 else position
                pieces.append(ends)
                position = int(ends[-1])
                packets += ends.size
                self._usual_size = position / packets
                # Only after the last packet of all would waiting for more be in vain.
                may_be_over = position == filled and self._buffer[last + HEADER] >= EOF_MARK
                if may_be_over:
                    break
            if packets:
                if filled == self._capacity or monotonic() - since > CHUNK_SECONDS:
                    break
            elif filled >= HEADER:
                needed = HEADER + (header(self._view, 0)[0] & MAX_PAYLOAD)
                if needed > self._capacity:
                    self._check_size(needed - HEADER)
                    self._grow(needed)
            self._filled += self._receive(self._view[filled : self._capacity])
        return np.concatenate(pieces)

    def _rows_at_once(self, rows: int) -> int:
        """How many of so many rows go into a chunk, so that it neither holds too many values nor too few."""
        chunks = -(-rows * self._splitter.columns // CHUNK_VALUES)
        return -(-rows // max(1, chunks)) or 1

    def _check_sequence(self, edges: Offsets) -> None:
        heads = edges[:-1]
        numbers = self._buffer.take(heads + 3)
        expected = np.arange(self._sequence, self._sequence + heads.size).astype(np.uint8)
        wrong = np.flatnonzero(numbers != expected)
        if not wrong.size:
            return
        first = int(wrong[0])
        payload = self._view[int(edges[first]) + HEADER : int(edges[first + 1])].tobytes()
        # MariaDB numbers the error packet that it sends when it shuts down or kills from 0.
        if numbers[first] == 0 and len(payload) >= ERROR_SHORTEST and payload[0] == ERROR_MARK:
            text = payload[9 if payload[3:4] == b"#" else 3 :].decode("utf-8", "replace")
            raise ConnectionLost(f"The server ended the connection while rows were read: {text!r}.")
        raise not_understood(f"packet {int(numbers[first])} came where {int(expected[first])} was due")

    def _rows_before_special(self, edges: Offsets) -> int:
        """How many packets from the front are rows of one packet each: up to an end, an error or a row that
        goes on in the next packet."""
        heads = edges[:-1]
        sizes = edges[1:] - heads - HEADER
        marks = self._buffer.take(heads + HEADER)
        for index in np.flatnonzero((marks >= EOF_MARK) | (sizes == self._max_payload)):
            if sizes[index] == self._max_payload or marks[index] == ERROR_MARK or sizes[index] < EOF_LIMIT:
                return int(index)
        return int(heads.size)

    def _split(self, edges: Offsets) -> Cut_co:
        try:
            return self._splitter.split(self._buffer[: self._filled + PAD], edges[:-1] + HEADER, edges[1:])
        except DamagedRow as error:
            raise not_understood(str(error)) from error

    def _join(self) -> int:
        """Bring together the row at the front that goes on in further packets. Returns where it ends."""
        size = self._max_payload
        end = HEADER + size
        while size == self._max_payload:
            self._sequence = (self._sequence + 1) % 256
            self._need(end + HEADER)
            word = header(self._view, end)[0]
            size = word & MAX_PAYLOAD
            if word >> 24 != self._sequence:
                raise not_understood(f"packet {word >> 24} came where {self._sequence} was due")
            self._view[end : self._filled - HEADER] = self._view[end + HEADER : self._filled]
            self._filled -= HEADER
            end += size
            self._check_size(end - HEADER)
            self._need(end)
        self._sequence = (self._sequence + 1) % 256
        return end

    def _need(self, filled: int) -> None:
        """Receive until so many bytes are there, and not more than these."""
        if filled > self._capacity:
            # Doubled, so that a row of many packets is copied twice at most. Pages not written cost nothing.
            self._grow(max(filled, 2 * self._capacity))
        while self._filled < filled:
            self._filled += self._receive(self._view[self._filled : filled])

    def _check_size(self, size: int) -> None:
        if size > self._max_row_bytes:
            raise ValueTooLarge(
                f"A row of at least {size} bytes came, and {self._max_row_bytes} bytes are the limit.",
                "Leave the object or the column with such large values out.",
            )

    def _raise_error(self, size: int) -> NoReturn:
        """Raise what the error packet at the front says."""
        if size < ERROR_SHORTEST:
            raise not_understood("an error packet has no error in it")
        err.raise_mysql_exception(self._view[HEADER : HEADER + size].tobytes())
        raise AssertionError("raise_mysql_exception returned")

    def _check_end(self, size: int) -> None:
        if size < EOF_SHORTEST:
            raise not_understood("an end packet is too short")
        if self._filled != HEADER + size:
            raise not_understood("something follows the end of the result")
        if header(self._view, HEADER + 1)[0] >> 16 & MORE_RESULTS:
            raise not_understood("the server announces a second result")

    def _use(self, buffer: Bytes) -> None:
        self._buffer = buffer
        self._view = buffer.data
        self._capacity = buffer.shape[0] - PAD

    def _grow(self, capacity: int) -> None:
        larger = np.empty(capacity + PAD, dtype=np.uint8)
        larger[: self._filled] = self._buffer[: self._filled]
        self._use(larger)

    def _drop(self, position: int) -> None:
        """Move what begins at `position` to the front, out of a buffer that was needed for one row."""
        rest = self._view[position : self._filled]
        self._filled = len(rest)
        if self._buffer is not self._home and self._filled <= self._home.shape[0] - PAD:
            self._use(self._home)
        self._view[: self._filled] = rest
