"""Rows of the binary protocol cut into columns: any values, and bytes that are no rows."""

from __future__ import annotations

import datetime as dt
import struct
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.sources.mysql.wire_binary import BinarySplitter, Form, Number, Text
from connectors.sources.mysql.wire_moments import Moment
from connectors.sources.mysql.wire_packets import PAD
from connectors.sources.mysql.wire_rows import DamagedRow
from tests.connectors.test_wire_rows import SIZES, padded

NUMBERS = {
    "b": pa.int8(), "B": pa.uint8(), "h": pa.int16(), "H": pa.uint16(), "i": pa.int32(), "I": pa.uint32(),
    "q": pa.int64(), "Q": pa.uint64(), "f": pa.float32(), "d": pa.float64(),
}  # fmt: skip
MICROSECONDS = pa.timestamp("us")
Row = list[Any]

# A moment as its fields: year, month, day, hour, minute, second, microseconds.
Fields = tuple[int, ...]


def text_of(fields: Fields, decimals: int = 6) -> str:
    """As the server prints it."""
    date = f"{fields[0]:04}-{fields[1]:02}-{fields[2]:02}"
    if len(fields) == 3:
        return date
    clock = f"{date} {fields[3]:02}:{fields[4]:02}:{fields[5]:02}"
    return f"{clock}.{fields[6]:06}"[: len(clock) + 1 + decimals] if decimals else clock


def packed(fields: Fields) -> bytes:
    """As the server sends it: without what is zero at the end."""
    year, month, day, *clock = fields
    date = struct.pack("<HBB", year, month, day)
    if not clock:
        return b"\x04" + date if any(fields) else b"\0"
    if clock[3]:
        return b"\x0b" + date + struct.pack("<BBBI", *clock)
    if any(clock):
        return b"\x07" + date + bytes(clock[:3])
    return b"\x04" + date if any(fields) else b"\0"


def with_length(value: bytes) -> bytes:
    size = len(value)
    if size < 251:
        return bytes([size]) + value
    if size < 1 << 16:
        return b"\xfc" + struct.pack("<H", size) + value
    return b"\xfd" + struct.pack("<I", size)[:3] + value


def row_of(forms: list[Form], values: Row) -> bytes:
    bits = sum(1 << (number + 2) for number, value in enumerate(values) if value is None)
    out = b"\0" + bits.to_bytes((len(forms) + 9) // 8, "little")
    for form, value in zip(forms, values, strict=True):
        if value is None:
            continue
        if isinstance(form, Number):
            out += np.array(value, form.wire).tobytes()
        elif isinstance(form, Moment):
            out += packed(value)
        else:
            out += with_length(value)
    return out


def split(forms: list[Form], rows: list[bytes]) -> pa.RecordBatch:
    edges = np.cumsum([0, *map(len, rows)])
    return BinarySplitter(forms).split(padded(b"".join(rows)), edges[:-1], edges[1:]).batch


def _numbers(code: str) -> st.SearchStrategy[tuple[Form, st.SearchStrategy[Any]]]:
    kind = NUMBERS[code]
    wire = np.dtype(f"<{code}")
    if pa.types.is_floating(kind):
        bits = st.binary(min_size=wire.itemsize, max_size=wire.itemsize)
        values: st.SearchStrategy[Any] = bits.map(lambda raw: np.frombuffer(raw, wire)[0])
    else:
        info = np.iinfo(wire)
        values = st.integers(int(info.min), int(info.max))
    return st.just((Number(wire, kind), values))


CLOCKS = st.one_of(
    st.just((0, 0, 0, 0)),
    st.tuples(
        st.integers(0, 23),
        st.integers(0, 59),
        st.integers(0, 59),
        st.integers(0, 1) | st.integers(0, 999_999),
    ),
)
GOOD = st.dates().map(lambda day: (day.year, day.month, day.day))
BAD = st.sampled_from(
    [(0, 0, 0), (2020, 0, 15), (2020, 2, 0), (2021, 2, 31), (2100, 2, 29), (0, 1, 1), (0, 12, 31)]
)


@st.composite
def _moments(draw: st.DrawFn) -> tuple[Form, st.SearchStrategy[Any]]:
    days = draw(st.sampled_from([GOOD, GOOD | BAD]))
    if draw(st.booleans()):
        return Moment(pa.date32()), days
    kind = draw(st.sampled_from([MICROSECONDS, pa.timestamp("us", tz="UTC")]))
    return Moment(kind, 6), st.tuples(days, CLOCKS).map(lambda both: both[0] + both[1])


TEXTS = st.binary(max_size=6) | st.builds(lambda size, byte: bytes([byte]) * size, SIZES, st.integers(0, 255))
COLUMN = st.one_of(
    st.sampled_from(sorted(NUMBERS)).flatmap(_numbers), _moments(), st.just((Text(pa.binary()), TEXTS))
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[Form], list[Row]]:
    columns = draw(st.lists(COLUMN, min_size=1, max_size=12))
    nulls = [st.none() | values if draw(st.booleans()) else values for _, values in columns]
    rows = draw(st.lists(st.tuples(*nulls).map(list), min_size=1, max_size=8))
    return [form for form, _ in columns], rows


def expected(form: Form, value: Any, array: pa.Array) -> Any:
    """What a value is in the array that came of it."""
    if value is None:
        return None
    if isinstance(form, Number):
        return np.array(value, form.wire).tobytes()
    if not isinstance(form, Moment):
        return value
    if pa.types.is_string(array.type):
        return text_of(value)
    if len(value) == 3:
        return dt.date(*value)
    year, month, day, hour, minute, second, micros = value
    zone = dt.UTC if form.kind.tz else None
    return dt.datetime(year, month, day, hour, minute, second, micros, tzinfo=zone)


def got(form: Form, array: pa.Array) -> list[Any]:
    if not isinstance(form, Number):
        return list(array.to_pylist())
    raw = np.frombuffer(array.buffers()[1], form.wire, len(array))
    return [
        v.tobytes() if there else None for v, there in zip(raw, array.is_valid().to_pylist(), strict=True)
    ]


@given(tables())
@example(([Text(pa.string())], [[None]]))
@example(([Moment(MICROSECONDS, 6)], [[(2020, 1, 2, 0, 0, 0, 0)], [(0, 0, 0, 0, 0, 0, 0)], [None]]))
@example(([Moment(MICROSECONDS, 6)], [[(9999, 12, 31, 23, 59, 59, 999_999)], [(1, 1, 1, 0, 0, 0, 1)]]))
def test_every_value_comes_back(table: tuple[list[Form], list[Row]]) -> None:
    forms, rows = table
    batch = split(forms, [row_of(forms, row) for row in rows])
    batch.validate(full=True)
    for number, form in enumerate(forms):
        array, values = batch.column(number), [row[number] for row in rows]
        assert got(form, array) == [expected(form, value, array) for value in values]
        if isinstance(form, Moment):
            days = [value[:3] for value in values if value is not None]
            odd = any(day[0] < 1 or not _in_calendar(day) for day in days)
            assert array.type == (pa.string() if odd else form.kind)
        else:
            assert array.type == form.kind


def _in_calendar(day: Fields) -> bool:
    try:
        dt.date(*day)
    except ValueError:
        return False
    return True


@given(tables())
def test_a_row_that_comes_alone_is_not_copied(table: tuple[list[Form], list[Row]]) -> None:
    forms, rows = table
    for row in rows:
        data = padded(row_of(forms, row))
        edges = np.array([0, len(data) - PAD])
        alone = BinarySplitter(forms).split(data, edges[:1], edges[1:]).batch
        alone.validate(full=True)
        for form, column in zip(forms, alone.columns, strict=True):
            if isinstance(form, Text):
                held = column.buffers()[2]
                assert not held.size or 0 <= held.address - data.ctypes.data < len(data)


def test_what_lies_under_null_is_zero() -> None:
    """It is written to Arrow files."""
    forms: list[Form] = [Number(np.dtype("<i4"), pa.int64()), Moment(MICROSECONDS), Moment(pa.date32())]
    batch = split(
        forms, [row_of(forms, [None, None, None]), row_of(forms, [7, (1970, 1, 1, 0, 0, 0, 0), None])]
    )
    for column in batch.columns:
        width = column.type.bit_width // 8
        assert column.buffers()[1].to_pybytes()[:width] == bytes(width)


@pytest.mark.parametrize("decimals", range(7))
def test_moments_have_as_many_decimals_as_the_column(decimals: int) -> None:
    unit = 10 ** (6 - decimals)
    values = [(2021, 2, 31, 1, 2, 3, 120_034 // unit * unit), (2020, 1, 1, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0, 0)]
    forms: list[Form] = [Moment(MICROSECONDS, decimals)]
    batch = split(forms, [row_of(forms, [value]) for value in values])
    assert batch.column(0).to_pylist() == [text_of(value, decimals) for value in values]


def test_narrower_numbers_than_wanted() -> None:
    forms: list[Form] = [Number(np.dtype("<i2"), pa.int64()), Number(np.dtype("<u1"), pa.int16())]
    batch = split(forms, [row_of(forms, [-300, 255])])
    assert [column.to_pylist() for column in batch.columns] == [[-300], [255]]
    assert [column.type for column in batch.columns] == [pa.int64(), pa.int16()]


FORMS: list[Form] = [Number(np.dtype("<i4"), pa.int32()), Moment(MICROSECONDS), Text(pa.string())]
WHOLE = row_of(FORMS, [5, (2020, 1, 2, 3, 4, 5, 6), b"text"])


@pytest.mark.parametrize(
    "damaged",
    [
        b"\x01" + WHOLE[1:],  # not what a row begins with
        WHOLE[:1] + b"\x20" + WHOLE[2:],  # NULL where there is no column
        WHOLE[:1] + b"\x01" + WHOLE[2:],
        WHOLE[:6] + b"\x05" + WHOLE[7:],  # a moment of five bytes
        WHOLE[:6] + b"\xff" + WHOLE[7:],
        WHOLE[:-5] + b"\x05text",  # a text that is longer than its row
        WHOLE[:-5] + b"\x03text",
        WHOLE[:-5] + b"\xfbtext",  # NULL of the text protocol
        WHOLE[:-5] + b"\xfftext",
        WHOLE[:-5] + b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f",
        WHOLE[:-1],
        WHOLE + b"x",
        WHOLE[:2],
        b"\0",
    ],
)
def test_damaged_rows(damaged: bytes) -> None:
    assert split(FORMS, [WHOLE]).num_rows == 1
    for rows in ([damaged], [WHOLE, damaged], [damaged, WHOLE]):
        with pytest.raises(DamagedRow):
            split(FORMS, rows)


@given(st.binary(max_size=60), st.sampled_from([FORMS, FORMS * 4]))
def test_junk_is_a_row_or_damaged(junk: bytes, forms: list[Form]) -> None:
    try:
        batch = split(forms, [b"\0" + junk])
    except DamagedRow:
        return
    batch.validate(full=False)
