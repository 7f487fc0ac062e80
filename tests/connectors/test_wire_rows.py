"""Rows cut into values: any values, any shape, and bytes that are no rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.sources.mysql.wire_packets import HEADER, PAD, walk
from connectors.sources.mysql.wire_rows import DamagedRow, RowSplitter
from core.chunk import TextChunk
from tests.connectors.wire_fake import Row, row, stream

# Lengths on either side of each way to write a length, and bytes that mean something elsewhere.
SIZES = st.sampled_from([0, 1, 2, 249, 250, 251, 252, 253, 254, 255, 256, 65535, 65536])
VALUES = st.one_of(
    st.none(),
    st.binary(max_size=6),
    st.sampled_from([b"\xfb", b"\xfc", b"\xfd", b"\xfe", b"\xff", b"\xfe\x00\x00\x02\x00", b"\0\0\0\0"]),
    st.builds(lambda size, byte: bytes([byte]) * size, SIZES, st.integers(0, 255)),
)


def tables(
    values: st.SearchStrategy[bytes | None] = VALUES, max_rows: int = 12
) -> st.SearchStrategy[list[Row]]:
    return st.integers(1, 8).flatmap(
        lambda columns: st.lists(
            st.lists(values, min_size=columns, max_size=columns), min_size=1, max_size=max_rows
        )
    )


def padded(data: bytes) -> np.ndarray:
    """A buffer as the reader has it, with what an earlier use left behind the data."""
    return np.frombuffer(data + b"\xff" * PAD, dtype=np.uint8)


def split(payloads: list[bytes], columns: int, splitter: RowSplitter | None = None) -> TextChunk:
    edges = np.cumsum([0, *map(len, payloads)])
    return (splitter or RowSplitter(columns)).split(padded(b"".join(payloads)), edges[:-1], edges[1:])


def rows_of(chunk: TextChunk) -> list[list[bytes | None]]:
    return [[chunk.value(r, c) for c in range(chunk.columns)] for r in range(chunk.rows)]


@given(tables())
@example([[None]])
@example([[b""]])
@example([[None, None, None], [b"", b"", b""]])
@example([[b"a" * 251, None], [None, b"b" * 70000]])
def test_every_value_comes_back(table: list[Row]) -> None:
    chunk = split(list(map(row, table)), len(table[0]))
    assert rows_of(chunk) == [list(values) for values in table]
    assert chunk.starts.flags.c_contiguous
    assert chunk.ends.flags.c_contiguous
    # Row-major, without overlap; NULL and empty have no length.
    flat = np.stack([chunk.starts.ravel(), chunk.ends.ravel()], axis=1).ravel()
    assert (np.diff(flat) >= 0).all()
    assert (chunk.nulls is not None) == any(value is None for values in table for value in values)


@given(st.lists(tables(max_rows=6), min_size=2, max_size=4))
def test_a_splitter_keeps_nothing_of_earlier_chunks(several: list[list[Row]]) -> None:
    columns = len(several[0][0])
    splitter = RowSplitter(columns)
    for table in several:
        fitting = [(list(values) * columns)[:columns] for values in table]
        assert rows_of(split(list(map(row, fitting)), columns, splitter)) == fitting


def test_a_value_whose_length_is_written_in_eight_bytes() -> None:
    values = [b"\xfe" + len(value).to_bytes(8, "little") + value for value in (b"", b"x" * 300, b"y" * 70000)]
    assert rows_of(split([values[0] + values[1] + values[2]], 3)) == [[b"", b"x" * 300, b"y" * 70000]]


def test_a_thousand_columns() -> None:
    table = [[(b"%d" % (r * c) if c % 7 else None) for c in range(1017)] for r in range(40)]
    assert rows_of(split(list(map(row, table)), 1017)) == table


@pytest.mark.parametrize(
    "payload",
    [
        row([b"a"]),  # a value too few
        row([b"a", b"b", b"c"]),  # one too many
        row([b"a", b"b"]) + b"\0",
        row([b"a", b"b"])[:-1],
        b"\x01a\xff",  # no valid length
        b"\xff\xff\x01",
        b"\x01a\xfc\x05",
        b"\x01a\xfd\xff\xff\xff",
        b"\x01a\xfe" + b"\xff" * 8,  # negative, were it signed
        b"\x01a\xfe" + (2**63 - 1).to_bytes(8, "little"),
        # Minus eight, were it signed: the next value would begin within this length and end with the row.
        b"\xfe" + (2**64 - 8).to_bytes(8, "little") + bytes(241),
        b"",
    ],
    ids=lambda payload: payload[:12].hex(),
)
@pytest.mark.parametrize("neighbours", [0, 3])
def test_what_is_no_row_is_refused(payload: bytes, neighbours: int) -> None:
    good = [row([b"x", b"y"])] * neighbours
    with pytest.raises(DamagedRow):
        split([*good, payload, *good], 2)


@given(st.binary(min_size=1, max_size=60), st.integers(1, 5))
def test_any_bytes_are_rows_or_refused(payload: bytes, columns: int) -> None:
    try:
        chunk = split([payload], columns)
    except DamagedRow:
        return
    values = rows_of(chunk)[0]
    assert sum(len(value or b"") + 1 for value in values) <= len(payload)
    assert chunk.ends.max() <= len(payload)


@given(
    st.lists(st.binary(max_size=40) | st.binary(min_size=200, max_size=300), min_size=1, max_size=200),
    st.integers(0, 255),
    st.integers(0, 30),
)
@example([b"\0\0\0\0\0\0\0\0"] * 50, 250, 3)
@example([b"\x01\0\0\x00\x00"] * 50, 0, 1)
@example([b""] * 300, 0, 0)
def test_packets_found_at_once_are_those_found_one_by_one(
    payloads: list[bytes], sequence: int, missing: int
) -> None:
    data = b"HEAD" + stream(payloads, sequence)
    filled = max(4, len(data) - missing)
    edges = (np.cumsum([HEADER + len(payload) for payload in payloads]) + 4).tolist()
    expected = [edge for edge in edges if edge <= filled]
    buffer = padded(data)
    assert walk(buffer, 4, filled, 1e9).tolist() == expected
    assert walk(buffer, 4, filled, 1e-9).tolist() == expected
