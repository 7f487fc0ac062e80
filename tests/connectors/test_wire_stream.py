"""The stream of packets: cut into receives in any way, broken off anywhere, and with errors in it."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator

import pymysql
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.sources.mysql import wire_packets, wire_stream
from connectors.sources.mysql.wire_rows import RowSplitter
from connectors.sources.mysql.wire_stream import RowStream
from core.chunk import Bytes, Offsets
from core.errors import ConnectionLost, ValueTooLarge
from tests.connectors.test_wire_rows import rows_of, tables
from tests.connectors.wire_fake import EOF, Row, error, row, stream

SMALL = [[b"1", b"one"], [b"2", None], [b"", b"three" * 60], [None, None], [b"\xfe", b"\xff\xfb"]]


class Feed:
    """Hands out `data` in pieces of the given sizes, then is cut."""

    def __init__(self, data: bytes, sizes: Iterable[int] = ()) -> None:
        self._data = data
        self._sizes: Iterator[int] = itertools.chain(sizes, itertools.repeat(1 << 30))
        self.largest = 0

    def __call__(self, into: memoryview) -> int:
        assert len(into) > 0, "asked to receive nothing"
        if not self._data:
            raise ConnectionLost("cut")
        piece = self._data[: min(next(self._sizes), len(into))]
        self._data = self._data[len(piece) :]
        into[: len(piece)] = piece
        self.largest = max(self.largest, len(piece))
        return len(piece)


def read(
    data: bytes,
    columns: int,
    sizes: Iterable[int] = (),
    *,
    sequence: int = 0,
    chunk_bytes: int = 4096,
    max_row_bytes: int = 1 << 20,
    max_payload: int = 0xFFFFFF,
) -> list[list[bytes | None]]:
    reader = RowStream(
        Feed(data, sizes),
        RowSplitter(columns),
        sequence,
        chunk_bytes=chunk_bytes,
        max_row_bytes=max_row_bytes,
        max_payload=max_payload,
    )
    rows = []
    for chunk in reader.chunks():
        assert chunk.rows > 0
        rows += rows_of(chunk)
        # What comes next must not depend on what the receiver left in the buffer.
        chunk.buffer[: int(chunk.ends.max())] = 0xFE
        chunk.starts[...] = chunk.ends[...] = -1
    return rows


@given(
    tables(max_rows=30),
    st.lists(st.integers(1, 50), max_size=100),
    st.integers(1, 400),
    st.integers(20, 90),
    st.integers(0, 255),
)
@settings(deadline=None)
def test_rows_come_back_however_the_stream_is_cut_up(
    table: list[Row], sizes: list[int], chunk_bytes: int, max_payload: int, sequence: int
) -> None:
    data = stream([*map(row, table), EOF], sequence, max_payload)
    rows = read(
        data, len(table[0]), sizes, sequence=sequence, chunk_bytes=chunk_bytes, max_payload=max_payload
    )
    assert rows == [list(values) for values in table]


@pytest.mark.parametrize("max_payload", [0xFFFFFF, 30])
@pytest.mark.parametrize("chunk_bytes", [16, 400, 4096])
def test_two_receives_split_at_every_byte(max_payload: int, chunk_bytes: int) -> None:
    data = stream([*map(row, SMALL), EOF], 250, max_payload)
    for at in range(1, len(data)):
        rows = read(data, 2, [at], sequence=250, chunk_bytes=chunk_bytes, max_payload=max_payload)
        assert rows == SMALL, at


@pytest.mark.parametrize("max_payload", [0xFFFFFF, 30])
def test_broken_off_after_every_byte(max_payload: int) -> None:
    data = stream([*map(row, SMALL), EOF], 0, max_payload)
    for at in range(len(data)):
        with pytest.raises(ConnectionLost):
            read(data[:at], 2, max_payload=max_payload)


def test_no_rows() -> None:
    assert read(stream([EOF]), 3) == []


@pytest.mark.parametrize("count", range(12))
def test_rows_that_end_exactly_with_a_packet(count: int) -> None:
    """A row of a whole number of full packets is followed by an empty one."""
    values = [[b"x" * (29 + 30 * part + count)] for part in range(5)] + [[b"end"]]
    assert read(stream([*map(row, values), EOF], 0, 30), 1, chunk_bytes=64, max_payload=30) == values


def test_an_end_that_is_none() -> None:
    """Rows whose first byte, or whose whole bytes, look like an end or an error packet."""
    long = b"\xfe" + (300).to_bytes(8, "little") + b"z" * 300
    table = [[EOF, None], [b"\xfe", b""], [b"\xff\x01\x02#HY000", b"\xff"], [EOF, EOF]]
    data = stream([*map(row, table), long + b"\x01a", row([b"b", EOF]), EOF])
    expected = [*table, [b"z" * 300, b"a"], [b"b", EOF]]
    for at in range(1, len(data)):
        assert read(data, 2, [at]) == expected


def test_an_end_in_a_continued_packet_is_data() -> None:
    """The second packet of a row holds what would be an end or an error, had it come by itself."""
    for fake in (EOF, error(1317, "killed")):
        values = [[b"x" * 29 + fake], [b"after"]]
        data = stream([*map(row, values), EOF], 0, 30)
        for at in range(1, len(data)):
            assert read(data, 1, [at], chunk_bytes=200, max_payload=30) == values


def test_a_true_row_of_more_than_16_megabytes() -> None:
    values = [
        [b"small", b"1"],
        [b"\xfe" * (1 << 24), None],
        [None, b"y" * (0xFFFFFF - 5)],
        [b"", b"\xff" * 40_000_000],
    ]
    values.append([b"last", b"2"])
    data = stream([*map(row, values), EOF])
    pieces = random.Random(4)
    sizes = (pieces.randint(1, 3_000_000) for _ in itertools.count())
    assert read(data, 2, sizes, chunk_bytes=1 << 20, max_row_bytes=1 << 26) == values


def test_a_row_past_the_limit() -> None:
    data = stream([row([b"a"]), row([b"x" * 5000]), EOF])
    with pytest.raises(ValueTooLarge, match="4000"):
        read(data, 1, chunk_bytes=512, max_row_bytes=4000)
    data = stream([row([b"a"]), row([b"x" * 5000]), EOF], 0, 30)
    with pytest.raises(ValueTooLarge, match="4000"):
        read(data, 1, chunk_bytes=512, max_row_bytes=4000, max_payload=30)


def test_memory_goes_back_after_a_large_row() -> None:
    small = [[b"%d" % number] for number in range(4000)]
    data = stream([*map(row, [*small, [b"x" * 100_000], *small]), EOF])
    reader = RowStream(Feed(data), RowSplitter(1), 0, chunk_bytes=4096, max_row_bytes=1 << 20)
    sizes = [(chunk.rows, chunk.buffer.nbytes) for chunk in reader.chunks()]
    assert sum(rows for rows, _ in sizes) == 8001
    assert [rows for rows, size in sizes if size > 5000] == [1]


def test_an_error_amid_the_rows() -> None:
    data = stream([*map(row, SMALL), error(1317, "Query execution was interrupted"), EOF])
    for at in range(1, len(data)):
        with pytest.raises(pymysql.err.OperationalError) as caught:
            read(data, 2, [at])
        assert caught.value.args == (1317, "Query execution was interrupted")


def test_an_error_of_mariadb_that_ends_the_connection() -> None:
    """It is numbered 0, as it answers no command."""
    data = stream(map(row, SMALL)) + stream([error(1927, "Connection was killed")])
    with pytest.raises(ConnectionLost, match="'Connection was killed'"):
        read(data, 2)


def apart(data: bytes) -> list[bytes]:
    """The packets of a stream."""
    wire = []
    while data:
        size = 4 + int.from_bytes(data[:3], "little")
        wire.append(data[:size])
        data = data[size:]
    return wire


@pytest.mark.parametrize("max_payload", [0xFFFFFF, 30])
@pytest.mark.parametrize("chunk_bytes", [16, 4096])
def test_a_packet_lost_or_twice_or_misnumbered(max_payload: int, chunk_bytes: int) -> None:
    wire = apart(stream([*map(row, SMALL), EOF], 0, max_payload))
    for number, packet in enumerate(wire):
        renumbered = packet[:3] + bytes([packet[3] ^ 1]) + packet[4:]
        for instead in ([], [packet, packet], [renumbered]):
            data = b"".join([*wire[:number], *instead, *wire[number + 1 :]])
            with pytest.raises(ConnectionLost):
                read(data, 2, chunk_bytes=chunk_bytes, max_payload=max_payload)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xfe",
        b"\xfe\x00\x00\x02",
        b"\xff",
        b"\xff\x25\x05",
        b"\xfe\x00\x00\x0a\x00",  # more results follow
        b"\x01a",
        b"\x01a\x01b\x01c",
    ],
)
def test_what_is_neither_row_nor_end(payload: bytes) -> None:
    data = [row([b"a", b"b"]), payload]
    with pytest.raises(ConnectionLost, match="can't be understood"):
        read(stream([*data, EOF]), 2)
    with pytest.raises(ConnectionLost):
        read(stream(data), 2)


def test_something_after_the_end() -> None:
    with pytest.raises(ConnectionLost, match="follows the end"):
        read(stream([row([b"a"]), EOF, EOF]), 1)


def test_rows_do_not_wait_for_a_full_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow server's rows are handed on once they have waited long enough."""
    monkeypatch.setattr(wire_stream, "CHUNK_SECONDS", -1.0)
    table = [[b"%d" % number] for number in range(50)]
    data = stream([*map(row, table), EOF])
    reader = RowStream(
        Feed(data, itertools.repeat(10)), RowSplitter(1), 0, chunk_bytes=1 << 16, max_row_bytes=1 << 20
    )
    assert max(chunk.rows for chunk in reader.chunks()) <= 3


def test_chunks_are_bounded_by_values_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_stream, "CHUNK_VALUES", 100)
    table = [[None] * 7 for _ in range(200)]
    reader = RowStream(
        Feed(stream([*map(row, table), EOF])),
        RowSplitter(7),
        0,
        chunk_bytes=1 << 16,
        max_row_bytes=1 << 20,
    )
    rows = [chunk.rows for chunk in reader.chunks()]
    assert sum(rows) == 200
    assert max(rows) * 7 <= 100 + 7
    assert min(rows[:-1]) >= 10


def test_a_long_packet_after_short_ones_is_not_searched_at_each_receive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Searching it anew each time would take minutes for a large one."""
    searched = []
    leap = wire_packets._leap

    def counted(buffer: Bytes, position: int, filled: int) -> Offsets:
        searched.append(filled - position)
        return leap(buffer, position, filled)

    monkeypatch.setattr(wire_packets, "_leap", counted)
    table: list[list[bytes | None]] = [[b"%d" % number] for number in range(20_000)]
    table[10_000:10_000] = [[b"x" * 3_000_000]]
    data = stream([*map(row, table), EOF])
    rows = read(data, 1, itertools.repeat(16_000), chunk_bytes=1 << 22, max_row_bytes=1 << 24)
    assert rows == table
    assert searched
    assert sum(searched) < 2 * 12 * 20_000
